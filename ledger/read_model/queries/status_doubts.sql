-- Open quarantine entries by controller and reason.
select
    c.name as controller,
    q.reason,
    count(*) as entries,
    count(*) filter (where q.subject_id is null) as without_subject
from read_model.quarantine as q
inner join control.controller as c on c.id = q.controller_id
where q.state = 'open'
group by c.name, q.reason
order by c.name, q.reason;
