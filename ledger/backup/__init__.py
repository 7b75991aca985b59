"""Out and in again: an exported log onto other topics, and the whole ledger to a folder and back."""
