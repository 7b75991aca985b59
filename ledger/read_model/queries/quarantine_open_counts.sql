-- Open entries of the partitions asked for, by lane and reason: what the gauge of their owner shows.
select
    q.lane,
    q.reason,
    count(*) as entries
from
    unnest($1::smallint [], $2::integer [], $3::smallint [], $4::integer [])
    as asked (controller_id, generation, lane, partition)
inner join quarantine as q using (controller_id, generation, lane, partition)
where q.state = 'open'
group by q.lane, q.reason;
