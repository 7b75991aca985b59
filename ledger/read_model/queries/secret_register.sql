-- Makes the fingerprints known that are not; one that is known stays as it is.
insert into control.secret (name, fingerprint)
select * from unnest($1::text[], $2::bytea[]) as t (name, fingerprint)
order by name
on conflict do nothing;
