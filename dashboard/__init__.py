"""The page that officials read: one overview of demand, capacity and plan, in Chinese and English.

Belongs here: reading the published version (`overview`, `fan`, `live`), saying it in sentences
(`headlines`, `texts`, `formats`), and serving it (`app`). Does not belong here: computing anything
that a mart, a forecast or a plan should hold, and writing any file of the home.
"""
