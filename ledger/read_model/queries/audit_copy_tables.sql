-- Empty tables of the scratch schema for the copy of the live rows; without indexes, since they are read whole.
create table live_standing (like read_model.standing);
create table live_history (like read_model.history);
create table live_quarantine (like read_model.quarantine);
create table live_catalogue (like read_model.catalogue);
create table live_position (like read_model.position);
