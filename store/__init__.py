"""The ground floor: where data lives, who may write it, and how it is handed on.

Belongs here: the home folder and its paths, locks, connections, bilingual messages, table
declarations, the publish step. Does not belong here: any knowledge of a feed, a model or a plan.
Everyone may import `store`; `store` imports nobody.
"""
