"""Named points at which a test may kill the process, as a power cut would.

Belongs here: the hook. Does not belong here: which points there are (grep for `reach`).
"""

from __future__ import annotations

import os
import signal

VARIABLE = "TONGMAI_KILL_AT"


def reach(point: str) -> None:
    """Kill this process when TONGMAI_KILL_AT names the point, or `point:n` for its n-th time."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    name, _, nth = wanted.partition(":")
    if name != point:
        return
    _times[point] = _times.get(point, 0) + 1
    if _times[point] == int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)


_times: dict[str, int] = {}
