-- The key behind a prefix, with its controller.
select k.hash, k.controller_id, c.name as controller, k.source, k.scopes, k.expires, k.revoked
from control.api_key k
join control.controller c on c.id = k.controller_id
where k.prefix = $1;
