-- Catalogue versions in which the copy of the live read model (l) and the rebuilt one (r) differ; at most $1.
-- The documents are compared and not shown.
select count(*) over () as total, to_jsonb(l) - 'document' as live, to_jsonb(r) - 'document' as rebuilt
from live_catalogue l
full join catalogue r using (controller_id, version)
where l is distinct from r
order by controller_id, version
limit $1;
