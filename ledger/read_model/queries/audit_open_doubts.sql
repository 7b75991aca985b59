-- The open quarantine entries of a subject, oldest first; at most $3.
select generation, lane, partition, "offset", reason, broker_ms
from quarantine
where controller_id = $1 and subject_id = $2 and state = 'open'
order by stamp_ms, generation, lane, partition, "offset"
limit $3;
