-- A controller by name, locked, so that one change of its holders waits for the other.
select id
from control.controller
where name = $1
for update;
