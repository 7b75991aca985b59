"""What newsletter tools and shops export, read and written to the log: ``ledger list import``."""
