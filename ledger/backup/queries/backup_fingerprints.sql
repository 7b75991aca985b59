-- The fingerprints of the secrets that this database was made with.
select name, fingerprint from control.secret order by name;
