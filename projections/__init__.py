"""The Faust workers: the fold (log to Postgres) and the reactions (orders, clocks, changelog)."""
