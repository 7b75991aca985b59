-- Whether the log behind an owned position was found to be ours ($6 null) or is refused, with the code.
-- A refused position is let go of.
update position
set
    refused = $6,
    owner = case when $6::text is null then owner end
where
    log_id = $1
    and generation = $2
    and lane = $3
    and partition = $4
    and owner = $5;
