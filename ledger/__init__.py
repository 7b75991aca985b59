"""The consent and preference ledger: what an organisation may do with a person's data, and the proof of it.

Integrators start at :mod:`ledger.sdk`; the rules are in :mod:`ledger.domain`.
"""
