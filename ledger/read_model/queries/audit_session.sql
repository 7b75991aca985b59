-- A scratch schema need not survive a crash of the database, so its commits wait for no disk.
select set_config('synchronous_commit', 'off', false);
