"""Pure rules of the ledger: no I/O, no clock, no randomness, no logging."""
