-- The controllers of these names, or all of them when no names are given.
select id, name
from control.controller
where $1::text[] is null or name = any($1::text[])
order by name;
