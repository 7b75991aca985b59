-- Erasure: rights requests, what they do next, what has to be sent, and how far the log was followed.


-- late_next_offset: how far the live partition reached with the noes that were taken while the subject was blocked.
alter table subject add column late_next_offset bigint;

-- carry_pending: made for somebody who was erased before, and what outlived that is not acknowledged by the log yet.
-- Committed with the creation; nobody gets the id while it is set (races.md, D6).
alter table subject add column carry_pending boolean not null default false;

-- Two subjects that are one person, after a verified act. Who is erased by request is the whole group.
create table subject_link (
    controller_id smallint not null,
    link_id uuid not null,
    subject_id uuid not null,
    other_subject_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (controller_id, link_id),
    check (subject_id < other_subject_id),
    unique (controller_id, subject_id, other_subject_id),
    foreign key (controller_id, subject_id) references subject (controller_id, subject_id),
    foreign key (controller_id, other_subject_id) references subject (controller_id, subject_id)
);

create index subject_link_by_other on subject_link (controller_id, other_subject_id);

-- One request of a person. No name and no address: subject_ids are random. held is a JSON array of
-- {hold, category, until_ms}; stated_holds and holds_since_ms since when holds apply. The subject ids go when the whole
-- person is erased: whoever knows the request of somebody must not find the old history by it.
create table rights_request (
    controller_id smallint not null,
    request_id uuid not null,
    kind text not null check (kind = 'erasure'),
    state text not null check (
        state in ('requested', 'identified', 'assessed', 'blocked', 'settled', 'destroyed', 'ordered', 'complete', 'refused')
    ),
    identity text not null check (identity in ('proven', 'unproven')),
    source text not null,
    content_mac uuid not null,
    subject_ids uuid [] not null,
    categories text [] not null,
    stated_holds jsonb not null default '{}',
    erased_categories text [],
    held jsonb not null default '[]',
    is_whole boolean,
    received_ms bigint not null,
    holds_since_ms bigint,
    due_ms bigint not null,
    blocked_ms bigint,
    resumes_ms bigint,
    completed_ms bigint,
    extended boolean not null default false,
    overdue boolean not null default false,
    refusal text,
    caused_by uuid,
    next_try_at timestamptz not null default now(),
    waits_for text,
    primary key (controller_id, request_id)
);

create index rights_request_open on rights_request (next_try_at)
where state not in ('complete', 'refused');
create index rights_request_resuming on rights_request (resumes_ms) where resumes_ms is not null;
create unique index rights_request_caused on rights_request (controller_id, caused_by) where caused_by is not null;
create index rights_request_by_subject on rights_request using gin (subject_ids);

-- When each step was taken; the event says the same on the log.
create table request_step (
    controller_id smallint not null,
    request_id uuid not null,
    step text not null,
    at_ms bigint not null,
    primary key (controller_id, request_id, step),
    foreign key (controller_id, request_id) references rights_request (controller_id, request_id)
);

-- One order to one holder, for ever: an acknowledgement that comes back later is known by it. contents: who is to be
-- erased, sealed under the key-encryption key so that each sending can be sealed afresh; gone once it is known as well as
-- required. refused_digests: answers that did not do; none counts again. counts_from: the attempt from which answers do.
create table erasure_order (
    controller_id smallint not null,
    order_id uuid not null,
    request_id uuid not null,
    holder text not null,
    method text not null check (method in ('order', 'tombstone', 'both')),
    categories text [] not null,
    required_verification smallint not null check (required_verification between 0 and 4),
    verification smallint not null default 0 check (verification between 0 and 4),
    topic text,
    contents bytea,
    state text not null default 'pending' check (
        state in ('pending', 'sent', 'acknowledged', 'verified', 'refused')
    ),
    attempts integer not null default 0,
    counts_from integer not null default 1,
    issued_ms bigint not null,
    due_ms bigint not null,
    next_send_at timestamptz not null default now(),
    sent_ms bigint,
    answered_ms bigint,
    outcome text,
    detail text,
    found bigint,
    records_left bigint,
    evidence_digest bytea,
    acknowledgement_digest bytea,
    refused_digests bytea [] not null default '{}',
    overdue boolean not null default false,
    primary key (controller_id, order_id),
    unique (controller_id, request_id, holder),
    foreign key (controller_id, request_id) references rights_request (controller_id, request_id)
);

create index erasure_order_due on erasure_order (next_send_at) where state in ('pending', 'sent');
create index erasure_order_to_scan on erasure_order (next_send_at)
where (state = 'sent' and method = 'tombstone') or (state = 'acknowledged' and required_verification >= 3);
create index erasure_order_open_by_date on erasure_order (due_ms)
where
    not overdue
    and (
        state in ('pending', 'refused')
        or (state = 'sent' and required_verification > 0)
        or verification < required_verification
    );

-- Events that the vault owes the log: written in the transaction that they tell of, sent afterwards, in order of seq
-- for one subject. The event id is made from request and step, so sending twice is a repeat. due_at lies ahead where
-- whoever wrote the row appends the event at once as well: then the queue only keeps the promise.
create table outgoing_event (
    seq bigint generated always as identity primary key,
    controller_id smallint not null,
    event_id uuid not null unique,
    subject_id uuid not null,
    request_id uuid,
    step text not null,
    event bytea not null,
    due_at timestamptz not null default now(),
    sent_ms bigint,
    generation integer,
    partition integer,
    "offset" bigint
);

create index outgoing_event_unsent on outgoing_event (seq) where sent_ms is null;
create index outgoing_event_sent on outgoing_event (sent_ms) where sent_ms is not null;
create index outgoing_event_by_request on outgoing_event (controller_id, request_id, step);

-- How far the live lane was followed for blocks and erasures: a restored vault has old positions with its old rows,
-- and answers nothing until it has caught up (races.md, D32).
create table vault_position (
    log_id uuid not null,
    generation integer not null,
    partition integer not null,
    controller_id smallint not null,
    next_offset bigint not null check (next_offset >= 1),
    primary key (log_id, generation, partition)
);

-- What proves an act (address of the device, form, agent): sealed under the subject's key, known to the log only by a
-- salted commitment (races.md, D8).
create table evidence (
    controller_id smallint not null,
    commitment bytea not null check (octet_length(commitment) = 32),
    subject_id uuid not null,
    sealed bytea not null,
    taken_ms bigint not null,
    primary key (controller_id, commitment),
    foreign key (controller_id, subject_id) references subject (controller_id, subject_id)
);

create index evidence_by_subject on evidence (controller_id, subject_id);
