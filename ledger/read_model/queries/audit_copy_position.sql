-- Copies the live position rows of the controllers $1 into the scratch schema.
insert into live_position select * from read_model.position where controller_id = any($1::smallint[]);
