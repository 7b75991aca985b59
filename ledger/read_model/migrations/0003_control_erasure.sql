-- Who holds personal data and answers for its erasure, how long producers may rely on what they know, and which part
-- of a log was copied from elsewhere.

-- Public keys of a holder: what is sealed to it, and what its acknowledgements are signed with. A holder that changes
-- its keys gets a new row; the old one is revoked and its acknowledgements are refused from then on.
create table holder (
    controller_id smallint not null references controller (id),
    name text not null check (name ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
    sealing_key bytea not null check (octet_length(sealing_key) = 32),
    signing_key bytea not null check (octet_length(signing_key) = 32),
    registered_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (controller_id, name, signing_key)
);

create unique index holder_in_use on holder (controller_id, name) where revoked_at is null;

-- The longest that any producer was ever allowed to keep a subject id and to try an append: an erasure waits for
-- both before it destroys. One row; values only grow while producers with the old ones may run.
create table producer_wait (
    one boolean primary key default true check (one),
    cache_seconds double precision not null check (cache_seconds >= 0),
    append_seconds double precision not null check (append_seconds >= 0)
);

-- Below next_offset a partition of this log was copied with the times of its origin (KIP-32, CreateTime); from there
-- on the broker's own time is the rule.
create table log_copy (
    log_id uuid not null,
    generation integer not null,
    lane smallint not null check (lane between 0 and 3),
    partition integer not null,
    next_offset bigint not null check (next_offset >= 1),
    copied_at timestamptz not null default now(),
    primary key (log_id, generation, lane, partition),
    foreign key (log_id, generation) references log (log_id, generation)
);
