-- How far each partition was folded in the copy, in the order in which a replay folds: lookups of repeats go to
-- earlier generations of the same lane.
select
    p.log_id, p.generation, p.lane, p.partition, p.controller_id, c.name as controller, p.topic, p.genesis_id,
    p.next_offset, p.stamp_ms
from live_position as p
inner join control.controller as c on c.id = p.controller_id
order by p.controller_id, p.generation, p.lane, p.partition, p.log_id;
