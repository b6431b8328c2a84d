"""Files that a person asks for by name: a mapping's draft, a template.

Belongs here: whether such a file may be written. Does not belong here: what stands in it.
"""

from __future__ import annotations

from pathlib import Path

from store.messages import EXIT_USAGE, TongmaiError


def check_target(path: Path, *, is_forced: bool) -> None:
    """Raises TongmaiError(`file_exists`) when the file is there and not to be overwritten."""
    if path.exists() and not is_forced:
        raise TongmaiError(
            "file_exists",
            f"{path} 已存在，没有改动。换个文件名，或加 --force 覆盖。",
            f"{path} exists and was left alone. Choose another name, or overwrite it with --force.",
            EXIT_USAGE,
        )
