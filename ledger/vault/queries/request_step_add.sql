-- Notes when a step was taken; the first time stays.
insert into vault.request_step (controller_id, request_id, step, at_ms)
values ($1, $2, $3, $4)
on conflict do nothing;
