-- Remembers one migration in its own transaction; {home} is control or vault.
insert into {home}.migration (name, checksum) values ($1, $2);
