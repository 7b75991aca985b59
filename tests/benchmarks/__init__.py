"""The figures of the ledger, each beside a peer that does the same work in the same run. Nothing here asserts a time.

``python -m tests.benchmarks [name...]``; docs/benchmarks.md says what each figure means.
"""
