-- Drops a replay's scratch schema; the caller puts the quoted name in place of {schema}.
drop schema {schema} cascade;
