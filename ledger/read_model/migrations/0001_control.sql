-- What is never dropped: who the controllers are, which logs are theirs, who may call, which secrets are in use.
-- Runs with search_path = control, so its names are unqualified.

create table controller (
    id smallint generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
    size text not null check (size in ('small', 'medium', 'large'))
);

-- One row per generation of a log: the ledger's own identity of it, since Kafka's does not survive a copy.
create table log (
    log_id uuid not null,
    generation integer not null check (generation >= 1),
    controller_id smallint not null references controller (id),
    partitions integer not null check (partitions >= 1),
    partitioner text not null,
    state text not null,
    primary key (log_id, generation)
);

create index log_by_controller on log (controller_id, generation);

-- Only the SHA-256 of a key's secret is kept; the prefix finds the row and may be shown.
create table api_key (
    prefix text primary key,
    hash bytea not null check (octet_length(hash) = 32),
    controller_id smallint not null references controller (id),
    source text not null check (source ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
    scopes text[] not null check (
        cardinality(scopes) > 0
        and scopes <@ array['record', 'ask', 'read', 'requests', 'operate', 'audit']
    ),
    expires timestamptz,
    revoked timestamptz
);

create index api_key_by_controller on api_key (controller_id, prefix);

-- A fingerprint per secret file, so that a process with another file refuses to start.
create table secret (
    name text primary key,
    fingerprint bytea not null check (octet_length(fingerprint) = 32)
);
