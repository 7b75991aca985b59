-- What outlives an erasure, apart from the vault because it is backed up long and the vault short (races.md, D38).
-- digest: HMAC of the blind index under a pepper of its own, cut to 16 bytes. Nothing here points at the old subject:
-- no request, no record, and no moment more closely than the day, or the digest of an address that somebody brings would
-- make the old history somebody's again.

-- One no of the erased person, as it stood. Yields to a verified yes only. no_key is the row's key in standing, so
-- that taking the same no twice is once.
create table suppression (
    controller_id smallint not null,
    pepper_epoch smallint not null,
    digest uuid not null,
    no_key uuid not null,
    purpose text not null default '',
    purpose_group text not null default '',
    channel text not null default '',
    recipient text not null default '',
    item text not null default '',
    category text not null default '',
    rank_ms bigint not null,
    rank_seq bigint not null,
    primary key (controller_id, pepper_epoch, digest, no_key)
);

-- The person was erased: what says to be older is refused, and so is every unverified import.
create table erased_before (
    controller_id smallint not null,
    pepper_epoch smallint not null,
    digest uuid not null,
    erased_before_ms bigint not null,
    primary key (controller_id, pepper_epoch, digest)
);
