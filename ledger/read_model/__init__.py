"""Postgres: what is folded from the log, and the tables that are never dropped. Imports asyncpg."""
