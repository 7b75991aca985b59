-- A scratch schema; fails if there is one of that name. The name cannot be a parameter: {schema} is quoted.
create schema {schema};
