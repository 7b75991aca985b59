"""Carries a person's request to be erased from its receipt to the last holder's answer. Imports asyncpg and aiokafka."""
