-- The tables of the schemas $1 but for their lists of migrations, with the columns that COPY takes and gives, and
-- which tables each refers to. Read from the database, so that no table of a later version can be forgotten.
select
    n.nspname as schema,
    c.relname as name,
    (
        select array_agg(a.attname::text order by a.attnum)
        from pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    ) as columns,
    array(
        select distinct rn.nspname || '.' || rc.relname
        from pg_constraint as f
        inner join pg_class as rc on rc.oid = f.confrelid
        inner join pg_namespace as rn on rn.oid = rc.relnamespace
        where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid
    ) as refers_to
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any($1::text[]) and c.relkind = 'r' and c.relname <> 'migration'
order by n.nspname, c.relname;
