-- What a replay can rebuild from the log. Unqualified names: the runner sets search_path to read_model, a replay
-- to its scratch schema. No foreign keys, so that a scratch copy stands alone and COPY checks nothing.
-- Ids are uuid columns that hold 16 random bytes; times are milliseconds of broker time.
-- lane: 0 live, 1 backfill, 2 catalogue, 3 evidence.

-- Compare-and-set on this row is the first statement of every batch. Updated once per batch: room for HOT updates.
create table position (
    log_id uuid not null,
    generation integer not null,
    lane smallint not null check (lane between 0 and 3),
    partition integer not null,
    controller_id smallint not null,
    topic text not null,
    genesis_id uuid not null,
    next_offset bigint not null check (next_offset >= 1),
    last_digest bytea,
    stamp_ms bigint not null default 0,
    clock_floor_ms bigint not null default 0,
    folded_through_ms bigint not null default 0,
    owner uuid,
    owner_name text,
    owner_pid integer,
    owner_backend_start timestamptz,
    claims bigint not null default 0,
    crash_offset bigint,
    crash_count integer not null default 0,
    refused text,
    primary key (log_id, generation, lane, partition)
) with (fillfactor = 50);

create index position_by_controller on position (controller_id);

-- '' in a scope column means left out; what that means depends on the row's shape. The primary half of an episode
-- is null while only its end has arrived; the second half is null while its end, or a pair's confirmation, has not.
create table standing (
    controller_id smallint not null,
    subject_id uuid not null,
    row_key uuid not null,
    shape text not null,
    voice text not null,
    kind text not null,
    purpose text not null default '',
    purpose_group text not null default '',
    channel text not null default '',
    recipient text not null default '',
    item text not null default '',
    category text not null default '',
    instance text not null default '',
    value text,
    rank_ms bigint,
    rank_seq bigint,
    event_id uuid,
    generation integer,
    lane smallint,
    partition integer,
    "offset" bigint,
    effective_from_ms bigint,
    until_ms bigint,
    notice text,
    verified boolean,
    capture text,
    revision bigint,
    stamp_ms bigint,
    waited_ms bigint,
    second_value text,
    second_rank_ms bigint,
    second_rank_seq bigint,
    second_event_id uuid,
    second_generation integer,
    second_lane smallint,
    second_partition integer,
    second_offset bigint,
    other_subject_id uuid,
    primary key (controller_id, subject_id, row_key),
    check (rank_ms is not null or second_rank_ms is not null)
) with (fillfactor = 90);

create table history (
    controller_id smallint not null,
    generation integer not null,
    lane smallint not null,
    partition integer not null,
    "offset" bigint not null,
    subject_id uuid,
    event_id uuid,
    act_id uuid,
    event_type text,
    schema_fp bytea,
    broker_ms bigint not null,
    stamp_ms bigint not null,
    clock_floor_ms bigint not null,
    rank_ms bigint,
    rank_seq bigint,
    effective_from_ms bigint,
    outcome text not null check (outcome in ('counted', 'repeat', 'conflicting', 'quarantined')),
    content_digest bytea,
    record_digest bytea not null,
    body bytea,
    primary key (controller_id, generation, lane, partition, "offset")
);

create index history_by_subject on history (controller_id, subject_id, stamp_ms);

-- The raw bytes stay in the log; an open entry denies its subject. subject_id is null when the key is unreadable.
create table quarantine (
    controller_id smallint not null,
    generation integer not null,
    lane smallint not null,
    partition integer not null,
    "offset" bigint not null,
    subject_id uuid,
    reason text not null,
    event_id uuid,
    broker_ms bigint not null,
    stamp_ms bigint not null,
    clock_floor_ms bigint not null,
    record_digest bytea not null,
    state text not null default 'open' check (state in ('open', 'admitted', 'discarded')),
    resolved_by uuid,
    resolved_generation integer,
    resolved_lane smallint,
    resolved_partition integer,
    resolved_offset bigint,
    primary key (controller_id, generation, lane, partition, "offset"),
    check ((state = 'open') = (resolved_by is null))
);

create index quarantine_open on quarantine (controller_id, subject_id) where state = 'open';

create table catalogue (
    controller_id smallint not null,
    version integer not null,
    generation integer not null,
    lane smallint not null,
    partition integer not null,
    "offset" bigint not null,
    broker_ms bigint not null,
    effective_from_ms bigint not null,
    digest bytea not null,
    document text not null,
    primary key (controller_id, version)
);
