-- Every partition of the log has its genesis record: from now on a missing or empty topic is a loss.
update control.log set state = 'ready'
where log_id = $1 and generation = $2 and state = 'new';
