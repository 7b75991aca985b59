-- A controller of this name, unless there is one; asked first, since a refused insert would still use up an id.
insert into control.controller (name, size)
select $1, $2
where not exists (select from control.controller where name = $1);
