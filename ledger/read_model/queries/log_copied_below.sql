-- Up to which offset a partition of a log was copied from elsewhere, with the times of its origin; 0 for none.
select coalesce(max(next_offset), 0)
from control.log_copy
where log_id = $1 and generation = $2 and lane = $3 and partition = $4;
