"""The command line: ``ledger <noun> <verb>``. Data on standard output, progress on standard error."""
