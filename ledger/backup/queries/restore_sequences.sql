-- After rows were copied in with the numbers they had: every identity column goes on behind its greatest.
do $$
declare
    found record;
begin
    for found in
        select n.nspname, c.relname, a.attname
        from pg_attribute as a
        inner join pg_class as c on c.oid = a.attrelid
        inner join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname in ('control', 'vault', 'suppression') and c.relkind = 'r' and a.attidentity <> ''
    loop
        execute format(
            'select setval(pg_get_serial_sequence(%L, %L), coalesce((select max(%I) from %I.%I), 0) + 1, false)',
            format('%I.%I', found.nspname, found.relname), found.attname, found.attname, found.nspname, found.relname
        );
    end loop;
end
$$;
