-- Every migration ever applied here; {home} is control or vault.
select name, checksum from {home}.migration order by name;
