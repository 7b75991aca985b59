-- The id of a controller, by name.
select id from control.controller where name = $1;
