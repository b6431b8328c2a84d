"""When each stage runs: the Dagster definitions and the `tongmai` command.

Belongs here: assets, the job, its schedule and sensor, the command line. Does not belong here: SQL,
frames, mathematics. An asset is a key, a docstring, one call, metadata. Nobody imports `orchestration`.
"""
