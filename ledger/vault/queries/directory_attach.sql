-- A second name of a subject that is there. Gives a row only if nobody had the name.
insert into vault.directory (
    controller_id, pepper_epoch, blind_index, subject_id, identifier_type, normaliser, sealed_identifier,
    verified_at, link_id
)
values ($1, $2, $3, $4, $5, $6, $7, now(), $8)
on conflict do nothing
returning subject_id;
