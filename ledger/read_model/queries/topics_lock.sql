-- One maker of topics at a time, until its session ends: two could write two genesis records into one partition.
select pg_advisory_lock($1);
