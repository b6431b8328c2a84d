"""Forecasts of weekly concrete demand: from the marts, as known on a day, to schema `forecast`.

Belongs here: the as-of door to the data, the permit pipeline, Prophet, error bands, coherence, sample paths,
backtests, and the tables that keep them. Does not belong here: demand's definition (dbt) or capacity (planning).

One run reads `history` -> `pipeline` -> `model` -> `reconcile` -> `errors` -> `paths`, wired in `run`.

`engine` forecasts any `panel` of series; `series_run` is its door for files: `table_stream` ->
`long_table` -> `series_source` -> `engine.forecast` -> `series_output`.
"""
