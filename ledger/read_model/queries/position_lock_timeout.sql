-- How long a claim waits for a row, in milliseconds, until the end of its transaction.
select set_config('lock_timeout', $1, true);
