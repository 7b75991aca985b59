-- API keys in use that expire within $1 days, or have expired within as many.
select
    k.prefix,
    c.name as controller,
    k.source,
    (extract(epoch from k.expires) * 1000)::bigint as expires_ms
from control.api_key as k
inner join control.controller as c on c.id = k.controller_id
where
    k.revoked is null
    and k.expires between now() - make_interval(days => $1) and now() + make_interval(days => $1)
order by k.expires;
