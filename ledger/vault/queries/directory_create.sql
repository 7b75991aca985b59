-- New people: a directory row and its subject row together, or neither. The foreign key is checked when the whole
-- statement has run. In order of blind index, so that concurrent callers cannot deadlock.
with fresh as materialized (
    select *
    from unnest($4::uuid[], $5::uuid[], $6::bytea[], $7::text[], $8::smallint[], $9::bytea[])
        as t (blind_index, subject_id, wrapped_key, identifier_type, normaliser, sealed_identifier)
    order by blind_index
), entered as (
    insert into vault.directory (
        controller_id, pepper_epoch, blind_index, subject_id, identifier_type, normaliser, sealed_identifier
    )
    select $1, $2, blind_index, subject_id, identifier_type, normaliser, sealed_identifier
    from fresh
    order by blind_index
    on conflict do nothing
    returning blind_index, subject_id
), born as (
    insert into vault.subject (controller_id, subject_id, wrapped_key, key_epoch)
    select $1, entered.subject_id, fresh.wrapped_key, $3
    from entered
    join fresh using (blind_index)
)
select blind_index, subject_id from entered;
