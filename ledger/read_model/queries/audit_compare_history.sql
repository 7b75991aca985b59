-- History rows in which the copy of the live read model (l) and the rebuilt one (r) differ; at most $1, counted whole.
-- The bodies are compared and not shown.
select count(*) over () as total, to_jsonb(l) - 'body' as live, to_jsonb(r) - 'body' as rebuilt
from live_history l
full join history r using (controller_id, generation, lane, partition, "offset")
where l is distinct from r
order by controller_id, generation, lane, partition, "offset"
limit $1;
