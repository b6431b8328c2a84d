"""The registry of feeds: one contract module each.

Belongs here: which feeds exist. Does not belong here: anything about one feed.
"""

from __future__ import annotations

from pipelines.feeds import (
    batches,
    crosswalk,
    deliveries,
    material_receipts,
    mixes,
    orders,
    permits,
    plants,
    statements,
    strength_tests,
    zones,
)
from pipelines.feeds.contract import Feed

# What others refer to comes first.
_MODULES = (
    plants,
    zones,
    crosswalk,
    permits,
    mixes,
    orders,
    deliveries,
    batches,
    strength_tests,
    material_receipts,
    statements,
)
FEEDS: dict[str, Feed] = {module.FEED.name: module.FEED for module in _MODULES}

__all__ = ["FEEDS", "Feed"]
