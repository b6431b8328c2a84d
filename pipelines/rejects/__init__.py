"""Rejected rows, from the check that rejects them to the correction that resolves them.

Belongs here: what is kept of a row (`rows`), the list of them (`listing`), its export (`workbook`), the columns that a
corrected file brings back (`corrections`), what resolves a reject (`resolutions`). Does not belong here: deciding that
a row is wrong (`pipelines.checks`).
"""
