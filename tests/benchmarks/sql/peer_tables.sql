-- The peer's own schema: the columns and indexes of the read model's tables, and a position for each partition.
-- It has no digests, so they may be null.
drop schema if exists peer cascade;
create schema peer;
create table peer.history (like read_model.history including all);
alter table peer.history alter column record_digest drop not null;
create table peer.standing (like read_model.standing including all);
create table peer.position (partition integer primary key, next_offset bigint not null);
