-- Copies the live standing rows of the controllers $1 into the scratch schema.
insert into live_standing select * from read_model.standing where controller_id = any($1::smallint[]);
