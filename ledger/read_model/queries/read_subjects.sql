-- What decisions need of each asked subject, in one snapshot: how far its partitions and the catalogue are folded,
-- which catalogue is in force, whether a record is in doubt, and its standing rows (none: one row of nulls).
-- A statement is one snapshot, so no row is older than the position beside it.
with asked as (
    select *
    from
        unnest($1::smallint [], $2::uuid [], $3::integer [], $4::integer [], $5::uuid [])
        with ordinality as given (controller_id, log_id, generation, partition, subject_id, ordinal)
),

logs as (
    select distinct
        controller_id,
        log_id,
        generation
    from asked
),

catalogues as materialized (
    select
        l.controller_id,
        p.next_offset,
        p.stamp_ms,
        p.folded_through_ms,
        p.refused,
        c.version,
        c.digest
    from logs as l
    left join position as p
        on p.log_id = l.log_id and p.generation = l.generation and p.lane = 2 and p.partition = 0
    left join lateral (
        select
            v.version,
            v.digest
        from catalogue as v
        where v.controller_id = l.controller_id and v.effective_from_ms <= $6
        order by v.effective_from_ms desc, v.version desc
        limit 1
    ) as c on true
)

select
    a.ordinal,
    live.next_offset,
    live.stamp_ms,
    live.folded_through_ms,
    live.refused,
    backfill.next_offset,
    backfill.stamp_ms,
    backfill.folded_through_ms,
    backfill.refused,
    c.next_offset,
    c.stamp_ms,
    c.folded_through_ms,
    c.refused,
    c.version,
    c.digest,
    exists(
        select 1
        from quarantine as q
        where q.controller_id = a.controller_id and q.subject_id = a.subject_id and q.state = 'open'
    ) as quarantined,
    s.row_key, s.shape, s.voice, s.kind, s.purpose, s.purpose_group, s.channel, s.recipient, s.item, s.category,
    s.instance, s.value, s.rank_ms, s.rank_seq, s.event_id, s.generation, s.lane, s.partition, s."offset",
    s.effective_from_ms, s.until_ms, s.notice, s.verified, s.capture, s.revision, s.stamp_ms, s.waited_ms,
    s.other_subject_id, s.second_value, s.second_rank_ms, s.second_rank_seq, s.second_event_id,
    s.second_generation, s.second_lane, s.second_partition, s.second_offset
from asked as a
inner join catalogues as c on c.controller_id = a.controller_id
left join position as live
    on
        live.log_id = a.log_id
        and live.generation = a.generation
        and live.lane = 0
        and live.partition = a.partition
left join position as backfill
    on
        backfill.log_id = a.log_id
        and backfill.generation = a.generation
        and backfill.lane = 1
        and backfill.partition = a.partition
left join standing as s on s.controller_id = a.controller_id and s.subject_id = a.subject_id
order by a.ordinal, s.row_key;
