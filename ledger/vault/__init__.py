"""All that must be destroyable: who a subject id is, and the keys that can tell. Imports asyncpg."""
