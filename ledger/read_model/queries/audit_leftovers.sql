-- Scratch schemas of earlier replays that were kept or killed.
select nspname as name from pg_namespace where nspname like 'replay\_%' order by nspname;
