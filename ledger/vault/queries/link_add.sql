-- Two subjects are one person.
insert into vault.subject_link (controller_id, link_id, subject_id, other_subject_id) values ($1, $2, $3, $4);
