-- A request that was refused before the vault was restored.
update vault.rights_request set state = 'refused', refusal = $3, waits_for = null
where controller_id = $1 and request_id = $2 and state in ('requested', 'identified', 'assessed');
