-- These subjects are nobody from now on; the rows stay, so that no key is ever made for them again.
insert into vault.subject (controller_id, subject_id, state, wrapped_key, key_epoch)
select $1, unnest($2::uuid []), 'destroyed', null, 0
on conflict (controller_id, subject_id) do update
set state = 'destroyed', wrapped_key = null;
