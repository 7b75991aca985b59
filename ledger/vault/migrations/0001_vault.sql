-- All that must be destroyable, and the only place that can tell who a subject id is.
-- Runs with search_path = vault. May be a database of its own, so nothing here refers to control or read_model.

-- The key is made with the subject id and never later: what arrives for a subject that is not active is dropped.
-- The row stays after destruction, without its key, so that nobody makes it anew.
create table subject (
    controller_id smallint not null,
    subject_id uuid not null,
    state text not null default 'active' check (state in ('active', 'blocked', 'destroyed')),
    wrapped_key bytea,
    key_epoch smallint not null,
    created_at timestamptz not null default now(),
    primary key (controller_id, subject_id),
    check ((state = 'destroyed') = (wrapped_key is null))
);

-- blind_index: HMAC under the pepper, cut to 16 bytes. sealed_identifier: under the subject's own key.
create table directory (
    controller_id smallint not null,
    pepper_epoch smallint not null,
    blind_index uuid not null,
    subject_id uuid not null,
    identifier_type text not null check (identifier_type in ('email', 'phone', 'account')),
    normaliser smallint not null,
    sealed_identifier bytea not null,
    verified_at timestamptz,
    link_id uuid,
    primary key (controller_id, pepper_epoch, blind_index),
    foreign key (controller_id, subject_id) references subject (controller_id, subject_id)
);

create index directory_by_subject on directory (controller_id, subject_id);

-- What an idempotency key stood for, for seven days. key_mac and content_mac are HMACs cut to 16 bytes: a key such
-- as signup-anna@example.se must not be guessable from a dump. slot is zero, or content_mac for a protective act.
create table intake_key (
    controller_id smallint not null,
    source text not null,
    key_mac uuid not null,
    slot uuid not null,
    content_mac uuid not null,
    act_id uuid not null,
    subject_id uuid not null,
    position text,
    created_at timestamptz not null default now(),
    primary key (controller_id, source, key_mac, slot),
    foreign key (controller_id, subject_id) references subject (controller_id, subject_id) on delete cascade
);

create index intake_key_by_age on intake_key (created_at);
create index intake_key_by_subject on intake_key (controller_id, subject_id);
