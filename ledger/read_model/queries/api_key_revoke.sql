-- Revokes a key once; a second time keeps the first date.
update control.api_key set revoked = coalesce(revoked, now()) where prefix = $1 returning revoked;
