-- How far the live lanes were followed.
select log_id, generation, partition, next_offset from vault.vault_position;
