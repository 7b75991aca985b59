-- In the transaction of the batch, so that the peer too takes each record once.
insert into peer.position (partition, next_offset)
select * from unnest($1::integer [], $2::bigint [])
on conflict (partition) do update set next_offset = excluded.next_offset;
