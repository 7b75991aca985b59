-- Joins the batch's yes, no, fact and remark rows with those that stand: the greater wins as a whole.
-- The order is that of ledger.domain.rows.Half; the key decides shape, voice, kind and scope, so they never change.
insert into standing as held (
    controller_id, subject_id, row_key, shape, voice, kind, purpose, purpose_group, channel, recipient, item,
    category, instance, value, rank_ms, rank_seq, event_id, generation, lane, partition, "offset",
    effective_from_ms, until_ms, notice, verified, capture, revision, stamp_ms, waited_ms, other_subject_id
)
select
    controller_id, subject_id, row_key, shape, voice, kind, purpose, purpose_group, channel, recipient, item,
    category, instance, value, rank_ms, rank_seq, event_id, generation, lane, partition, "offset",
    effective_from_ms, until_ms, notice, verified, capture, revision, stamp_ms, waited_ms, other_subject_id
from batch_standing
where shape in ('yes', 'no', 'fact', 'remark')
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
where
    (
        excluded.rank_ms, excluded.rank_seq, excluded.event_id, excluded.generation, excluded.lane,
        excluded.partition, excluded."offset"
    )
    > (
        held.rank_ms, held.rank_seq, held.event_id, held.generation, held.lane, held.partition, held."offset"
    );
