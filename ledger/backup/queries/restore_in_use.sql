-- Whether the read model in this database was folded from any log.
select exists (select from read_model.position);
