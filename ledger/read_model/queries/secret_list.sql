-- The fingerprint of every secret that this database was made with.
select name, fingerprint from control.secret order by name;
