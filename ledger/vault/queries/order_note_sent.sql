-- Orders that the topic has acknowledged. One that was answered in between stays answered; of one that is not sent
-- again, nobody needs to know any more whom it was about.
update vault.erasure_order as o
set
    state = case when o.state = 'pending' then 'sent' else o.state end,
    sent_ms = $3::bigint,
    detail = case when o.state in ('pending', 'sent') then null else o.detail end,
    contents = case when o.required_verification > 0 then o.contents end,
    next_send_at = case
        when o.state in ('pending', 'sent') then to_timestamp($3::bigint / 1000.0) + make_interval(secs => s.wait)
        else o.next_send_at
    end
from unnest($1::smallint[], $2::uuid[], $4::double precision[]) as s (controller_id, order_id, wait)
where o.controller_id = s.controller_id and o.order_id = s.order_id;
