-- The copy is whole: from now on the log is folded and appended to.
update control.log set state = 'ready' where log_id = $1 and generation = $2 and state = 'copying';
