-- Standing rows in which the copy of the live read model (l) and the rebuilt one (r) differ; at most $1, counted whole.
select count(*) over () as total, to_jsonb(l) as live, to_jsonb(r) as rebuilt
from live_standing l
full join standing r using (controller_id, subject_id, row_key)
where l is distinct from r
order by controller_id, subject_id, row_key
limit $1;
