-- Copies the live quarantine rows of the controllers $1 into the scratch schema.
insert into live_quarantine select * from read_model.quarantine where controller_id = any($1::smallint[]);
