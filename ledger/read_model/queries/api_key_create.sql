-- A new key of the controller named $3; gives nothing when there is no such controller.
insert into control.api_key (prefix, hash, controller_id, source, scopes, expires)
select $1, $2, id, $4, $5, $6 from control.controller where name = $3
returning prefix;
