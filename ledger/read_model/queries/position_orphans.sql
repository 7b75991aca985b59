-- Live partitions whose owner ended without letting go: its backend is not there any more.
select
    p.topic,
    p.partition
from position as p
where
    p.lane = 0
    and p.owner is not null
    and p.refused is null
    and not exists (
        select 1
        from pg_stat_activity as a
        where a.pid = p.owner_pid and a.backend_start = p.owner_backend_start
    );
