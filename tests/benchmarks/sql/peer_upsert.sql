-- Last writer wins, by offset: all records of a subject are in one partition.
insert into peer.standing as held select * from batch
on conflict (controller_id, subject_id, row_key) do update set
    value = excluded.value,
    rank_ms = excluded.rank_ms,
    rank_seq = excluded.rank_seq,
    event_id = excluded.event_id,
    generation = excluded.generation,
    lane = excluded.lane,
    partition = excluded.partition,
    "offset" = excluded."offset",
    effective_from_ms = excluded.effective_from_ms,
    until_ms = excluded.until_ms,
    notice = excluded.notice,
    verified = excluded.verified,
    capture = excluded.capture,
    revision = excluded.revision,
    stamp_ms = excluded.stamp_ms,
    waited_ms = excluded.waited_ms,
    other_subject_id = excluded.other_subject_id
where excluded."offset" > held."offset";
