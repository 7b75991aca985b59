-- How far the read model was folded in one partition of a log; 0 where it was not.
select coalesce(max(next_offset), 0)
from read_model.position
where log_id = $1 and generation = $2 and lane = $3 and partition = $4;
