-- Joins the batch's pair and episode rows with those that stand: each half by itself, the greater half wins.
-- A half that has not come yet is null, and below everything. Details go with the first half.
insert into standing as held (
    controller_id, subject_id, row_key, shape, voice, kind, purpose, purpose_group, channel, recipient, item,
    category, instance, value, rank_ms, rank_seq, event_id, generation, lane, partition, "offset",
    effective_from_ms, until_ms, notice, verified, capture, revision, stamp_ms, waited_ms, other_subject_id,
    second_value, second_rank_ms, second_rank_seq, second_event_id, second_generation, second_lane,
    second_partition, second_offset
)
select
    controller_id, subject_id, row_key, shape, voice, kind, purpose, purpose_group, channel, recipient, item,
    category, instance, value, rank_ms, rank_seq, event_id, generation, lane, partition, "offset",
    effective_from_ms, until_ms, notice, verified, capture, revision, stamp_ms, waited_ms, other_subject_id,
    second_value, second_rank_ms, second_rank_seq, second_event_id, second_generation, second_lane,
    second_partition, second_offset
from batch_standing
where shape in ('pair', 'episode')
on conflict (controller_id, subject_id, row_key) do update set
    (
        value, rank_ms, rank_seq, event_id, generation, lane, partition, "offset",
        effective_from_ms, until_ms, notice, verified, capture, revision, stamp_ms, waited_ms, other_subject_id
    ) = (
        select candidate.*
        from (
            values
            (
                held.value, held.rank_ms, held.rank_seq, held.event_id, held.generation, held.lane,
                held.partition, held."offset", held.effective_from_ms, held.until_ms, held.notice,
                held.verified, held.capture, held.revision, held.stamp_ms, held.waited_ms,
                held.other_subject_id
            ),
            (
                excluded.value, excluded.rank_ms, excluded.rank_seq, excluded.event_id, excluded.generation,
                excluded.lane, excluded.partition, excluded."offset", excluded.effective_from_ms,
                excluded.until_ms, excluded.notice, excluded.verified, excluded.capture, excluded.revision,
                excluded.stamp_ms, excluded.waited_ms, excluded.other_subject_id
            )
        ) as candidate (
            value, rank_ms, rank_seq, event_id, generation, lane, partition, "offset",
            effective_from_ms, until_ms, notice, verified, capture, revision, stamp_ms, waited_ms,
            other_subject_id
        )
        order by
            candidate.rank_ms desc nulls last, candidate.rank_seq desc, candidate.event_id desc,
            candidate.generation desc, candidate.lane desc, candidate.partition desc, candidate."offset" desc
        limit 1
    ),
    (
        second_value, second_rank_ms, second_rank_seq, second_event_id, second_generation, second_lane,
        second_partition, second_offset
    ) = (
        select candidate.*
        from (
            values
            (
                held.second_value, held.second_rank_ms, held.second_rank_seq, held.second_event_id,
                held.second_generation, held.second_lane, held.second_partition, held.second_offset
            ),
            (
                excluded.second_value, excluded.second_rank_ms, excluded.second_rank_seq,
                excluded.second_event_id, excluded.second_generation, excluded.second_lane,
                excluded.second_partition, excluded.second_offset
            )
        ) as candidate (
            value, rank_ms, rank_seq, event_id, generation, lane, partition, "offset"
        )
        order by
            candidate.rank_ms desc nulls last, candidate.rank_seq desc, candidate.event_id desc,
            candidate.generation desc, candidate.lane desc, candidate.partition desc, candidate."offset" desc
        limit 1
    );
