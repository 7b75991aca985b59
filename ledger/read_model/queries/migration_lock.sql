-- One migration runner at a time, until its session ends; lock_timeout bounds the wait.
select pg_advisory_lock($1);
