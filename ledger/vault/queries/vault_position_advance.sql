-- A live lane was followed so far. Never back: another process may have followed it further.
insert into vault.vault_position as known (log_id, generation, partition, controller_id, next_offset)
values ($1, $2, $3, $4, $5)
on conflict (log_id, generation, partition) do update
set next_offset = greatest(known.next_offset, excluded.next_offset);
