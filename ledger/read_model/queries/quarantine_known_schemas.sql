-- Open entries of one partition whose schema was unknown and is among those ($5) that this version can read.
select q."offset"
from quarantine as q
inner join history as h using (controller_id, generation, lane, partition, "offset")
where
    q.controller_id = $1
    and q.generation = $2
    and q.lane = $3
    and q.partition = $4
    and q.state = 'open'
    and q.reason = 'unknown_schema'
    and q.subject_id is not null
    and h.schema_fp = any($5::bytea [])
order by q."offset"
limit $6;
