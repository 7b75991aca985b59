-- The backends that are said to own these partitions; read without a lock.
select distinct
    p.owner_pid,
    p.owner_backend_start
from position as p
inner join
    unnest($1::uuid [], $2::integer [], $3::smallint [], $4::integer [])
    as asked (log_id, generation, lane, partition)
    using (log_id, generation, lane, partition)
where p.owner is not null and p.owner_pid is not null;
