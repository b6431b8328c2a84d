"""Where a home stands: what `tongmai status` prints.

Belongs here: reading the published ledger, the locks and the inbox. Does not belong here: checks of the
machine (`orchestration.doctor`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

from dashboard.ledger import read_feeds
from store.connections import reader
from store.home import Home
from store.locks import LockName, is_held


def read_status(home: Home) -> dict[str, Any]:
    """Waiting files, held locks, the published version and its ledger totals per feed."""
    waiting = sorted(str(path.relative_to(home.inbox)) for path in home.inbox.rglob("*") if path.is_file())
    status: dict[str, Any] = {
        "home": str(home.root),
        "inbox_files": len(waiting),
        "locks_held": [name for name in get_args(LockName) if is_held(home, name)],
        "published": None,
        "feeds": [],
    }
    if home.published.exists():
        status["published"] = home.published.parent.name
    # Before the first publication the writer's file tells, unless it is being written.
    ledger = home.published if home.published.exists() else home.warehouse
    if ledger.exists() and (ledger == home.published or not is_held(home, "warehouse")):
        with reader(ledger) as connection:
            status["feeds"] = [asdict(feed) for feed in read_feeds(connection)]
    return status
