-- Copies the live history rows of the controllers $1 into the scratch schema.
insert into live_history select * from read_model.history where controller_id = any($1::smallint[]);
