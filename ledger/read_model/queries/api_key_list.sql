-- The keys of one controller, or of all when $1 is null.
select k.prefix, c.name as controller, k.source, k.scopes, k.expires, k.revoked
from control.api_key k
join control.controller c on c.id = k.controller_id
where $1::text is null or c.name = $1
order by c.name, k.source, k.prefix;
