-- Ends one old owner's backend and waits up to a second for it: no timeout frees a client stopped inside COPY
-- (measured, races.md D14). A pid alone may have been given to somebody else since.
select pg_terminate_backend(a.pid, 1000)
from pg_stat_activity as a
where a.pid = $1 and a.backend_start = $2 and a.pid <> pg_backend_pid();
