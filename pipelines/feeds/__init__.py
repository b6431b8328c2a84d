"""The registry of feeds: one contract module each.

Belongs here: which feeds exist. Does not belong here: anything about one feed.
"""

from __future__ import annotations

from pipelines.feeds import deliveries, orders, permits, plants, zones
from pipelines.feeds.contract import Feed

FEEDS: dict[str, Feed] = {module.FEED.name: module.FEED for module in (plants, zones, permits, orders, deliveries)}

__all__ = ["FEEDS", "Feed"]
