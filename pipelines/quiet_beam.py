"""Beam without its remarks on cloud clients, which it makes while it is imported and nobody asked for.

Belongs here: the quiet around that import, which takes seconds and so stands inside functions. Does not belong
here: any graph.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_import() -> Iterator[None]:
    """No remark below an error while modules that need Beam are imported; from then on Beam itself stays quiet too:
    whoever runs a graph tells what went wrong, once."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
