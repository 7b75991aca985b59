-- The subjects behind blind indexes, with their state.
select d.blind_index, d.subject_id, s.state, s.carry_pending
from vault.directory d
join vault.subject s using (controller_id, subject_id)
where d.controller_id = $1 and d.pepper_epoch = $2 and d.blind_index = any($3::uuid[]);
