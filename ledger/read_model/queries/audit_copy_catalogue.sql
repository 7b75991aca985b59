-- Copies the live catalogue rows of the controllers $1 into the scratch schema.
insert into live_catalogue select * from read_model.catalogue where controller_id = any($1::smallint[]);
