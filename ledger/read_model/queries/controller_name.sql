-- The name of a controller.
select name from control.controller where id = $1;
