-- What has been applied, beside what it was applied to; {home} is control or vault.
create schema if not exists {home};
create table if not exists {home}.migration (
    name text primary key,
    checksum bytea not null check (octet_length(checksum) = 32),
    applied_at timestamptz not null default now()
);
