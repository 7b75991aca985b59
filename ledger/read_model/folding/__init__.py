"""From raw records to one transaction: what the fold worker and a replay share. Knows neither Kafka nor Faust.

The life of one batch: :mod:`batch` (or :mod:`catalogue_lane`) decodes, stamps and judges every record of one
partition; :mod:`repeats` looks up those that may be repeats; :mod:`writing` moves the position by compare-and-set
and writes history, standing, quarantine and catalogue in the same transaction. :mod:`claims` creates position rows
and takes them. Table names are unqualified: the connection's search_path says which read model is meant.
"""
