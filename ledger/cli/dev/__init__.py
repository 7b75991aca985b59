"""``ledger dev``: a whole local stack without Docker, all of its state in one folder."""
