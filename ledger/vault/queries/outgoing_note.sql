-- Notes where sent events stand on the log.
update vault.outgoing_event as o
set sent_ms = n.sent_ms, generation = n.generation, partition = n.partition, "offset" = n.record_offset
from unnest($1::bigint [], $2::bigint [], $3::integer [], $4::integer [], $5::bigint [])
    as n (seq, sent_ms, generation, partition, record_offset)
where o.seq = n.seq;
