-- Takes the copy of the live rows back to the cut. A position is derived from the row of history before it. Subjects
-- with records beyond the cut are taken out whole: what their rows were at the cut, the live ones cannot say.
insert into later_subject
select distinct h.subject_id
from live_history as h
inner join cut as c using (lane, partition)
where h."offset" >= c.next_offset and h.subject_id is not null;

update live_position as p
set
    next_offset = c.next_offset,
    last_digest = h.record_digest,
    stamp_ms = h.stamp_ms,
    clock_floor_ms = h.clock_floor_ms
from cut as c
inner join live_history as h on h.lane = c.lane and h.partition = c.partition and h."offset" = c.next_offset - 1
where p.lane = c.lane and p.partition = c.partition and p.generation = h.generation and p.next_offset > c.next_offset;

-- A cut behind the genesis record has no row of history, and nothing to compare.
delete from live_position as p
using cut as c
where p.lane = c.lane and p.partition = c.partition and p.next_offset > c.next_offset;

delete from live_history as h
using cut as c
where h.lane = c.lane and h.partition = c.partition and h."offset" >= c.next_offset;

delete from live_quarantine as q
using cut as c
where q.lane = c.lane and q.partition = c.partition and q."offset" >= c.next_offset;

delete from live_catalogue as g
using cut as c
where g.lane = c.lane and g.partition = c.partition and g."offset" >= c.next_offset;

delete from live_history where subject_id in (select subject_id from later_subject);
delete from live_quarantine where subject_id in (select subject_id from later_subject);
delete from live_standing where subject_id in (select subject_id from later_subject);

-- A doubt without a subject that was ended beyond the cut was open at it.
update live_quarantine as q
set
    state = 'open',
    resolved_by = null,
    resolved_generation = null,
    resolved_lane = null,
    resolved_partition = null,
    resolved_offset = null
from cut as c
where q.resolved_lane = c.lane and q.resolved_partition = c.partition and q.resolved_offset >= c.next_offset;
