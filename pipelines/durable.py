"""Writing files so that a crash leaves either the whole file or none: temporary name, fsync, rename.

Belongs here: durable writes and moves. Does not belong here: what is written.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.crash_points import reach

DRAFT_SUFFIX = ".draft"


def write(path: Path, fill: Callable[[Path], object]) -> None:
    """Create `path` with what `fill` writes to the draft it is given."""
    _make_folder(path.parent)
    draft = path.with_name(path.name + DRAFT_SUFFIX)
    fill(draft)
    reach("draft_written")
    _sync(draft)
    draft.replace(path)
    reach("draft_renamed")
    _sync(path.parent)


def write_json(path: Path, document: Any) -> None:
    """Create `path` with `document` as JSON, keys sorted."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1)
    write(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def move(source: Path, target: Path) -> None:
    """Move a file, keeping its modification time; across file systems, and for a link, by a durable copy."""
    _make_folder(target.parent)
    if not source.is_symlink():
        try:
            source.rename(target)
        except OSError:
            pass
        else:
            _sync(target.parent)
            return
    copy(source, target)
    source.unlink()


def copy(source: Path, target: Path) -> None:
    """Copy a file durably, keeping its modification time."""
    write(target, lambda draft: shutil.copy2(source, draft))


def _make_folder(path: Path) -> None:
    """Make a folder whose name outlives a power cut: a file is as durable as every folder above it."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(exist_ok=True)
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
