"""Sources: files of every accepted format, read as Arrow tables of what stands in their cells.

Belongs here: formats, encodings, delimiters, finding the header. Does not belong here: what a cell means
(`pipelines.readings`) or whether a row is valid (`pipelines.checks`).
"""
