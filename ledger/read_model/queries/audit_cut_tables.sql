-- For a comparison up to positions that the live read model has passed: where to cut, and who has records beyond.
create table cut (
    lane smallint not null,
    partition integer not null,
    next_offset bigint not null,
    primary key (lane, partition)
);
create table later_subject (subject_id uuid primary key);
