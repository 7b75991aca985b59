-- One of the ledger's own schemas; {schema} is a constant of the runner.
create schema if not exists {schema};
