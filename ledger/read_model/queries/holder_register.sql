-- The public keys of a holder, in use from now on.
insert into control.holder (controller_id, name, sealing_key, signing_key)
values ($1, $2, $3, $4);
