"""The live path: supply and demand per quarter of an hour, computed from landing while the day runs.

Belongs here: the watch on the inbox, the live store, the windowed transform, the published live file.
Does not belong here: staging itself (`pipelines.staging`) and the warehouse, which is never opened here.
"""

from pipelines.live.watch import live

__all__ = ["live"]
