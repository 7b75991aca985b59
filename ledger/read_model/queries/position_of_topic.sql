-- The positions that stood for one partition of a topic, of whichever log it was.
select log_id, generation, lane, partition
from position
where topic = $1 and partition = $2;
