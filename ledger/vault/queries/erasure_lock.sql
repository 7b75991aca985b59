-- Whether this session now leads the erasures; held until its connection ends.
select pg_try_advisory_lock($1);
