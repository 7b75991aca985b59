-- Open orders of a holder that has new keys: what was sealed to the old ones cannot be read.
update vault.erasure_order
set next_send_at = now()
where controller_id = $1 and holder = $2 and state in ('pending', 'sent') and method <> 'tombstone';
