-- The position at which the act of an idempotency key was acknowledged; the first answer stays.
update vault.intake_key set position = $6
where controller_id = $1 and source = $2 and key_mac = $3 and slot = $4 and act_id = $5 and position is null;
