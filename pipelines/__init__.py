"""Intake: from files in the inbox to checked Parquet segments, and from there into schema `raw`.

Belongs here: feeds' contracts, sources, checks, Beam transforms, the landing writer, the loader.
Does not belong here: joins, business meaning (dbt), and any knowledge of who starts an ingest.
"""
