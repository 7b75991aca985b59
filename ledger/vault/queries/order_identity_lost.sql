-- An order that names nobody is for a person to look into: it is shown as refused until it is given anew.
update vault.erasure_order set state = 'refused', detail = 'identity_lost', next_send_at = 'infinity'
where controller_id = $1 and order_id = $2 and state = 'pending';
