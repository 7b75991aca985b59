-- Whether a table, by its quoted name, holds any row.
select exists (select from {table});
