-- Quarantine entries in which the copy of the live read model (l) and the rebuilt one (r) differ; at most $1.
select count(*) over () as total, to_jsonb(l) as live, to_jsonb(r) as rebuilt
from live_quarantine l
full join quarantine r using (controller_id, generation, lane, partition, "offset")
where l is distinct from r
order by controller_id, generation, lane, partition, "offset"
limit $1;
