"""What a person reads: every sentence in Chinese and in English, and the errors that carry them.

Belongs here: the bilingual text type, the language in force, the error every stage raises, the
progress lines. Does not belong here: any particular sentence.
"""

from __future__ import annotations

import locale
import os
import sys
import time
from typing import Literal, NamedTuple

Lang = Literal["zh", "en"]

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_QUALITY_GATE = 3


class Text(NamedTuple):
    """One sentence in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.zh if language() == "zh" else self.en


class TongmaiError(Exception):
    """A failure that a person can act on: what happened, where, and what to do.

    `reason` is a stable snake_case code; `exit_code` is what the command leaves with
    (1 failed, 2 usage, 3 data-quality gate).
    """

    def __init__(self, reason: str, zh: str, en: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(reason, zh, en, exit_code)  # all of them, so that it survives pickling
        self.reason = reason
        self.text = Text(zh, en)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.text} [{self.reason}]"


def language() -> Lang:
    """The language in force: TONGMAI_LANG when set, else the locale's, else English."""
    chosen = os.environ.get("TONGMAI_LANG", "").lower()
    if not chosen:
        chosen = (os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or "").lower()
    return "zh" if chosen.startswith(("zh", "chinese")) else "en"


_started_at = time.monotonic()


def progress(stage: str, zh: str, en: str) -> None:
    """One progress line on stderr (stdout stays free for results): seconds, stage, sentence."""
    elapsed_s = time.monotonic() - _started_at
    print(f"[{elapsed_s:6.1f}s] {stage:<9} {Text(zh, en)}", file=sys.stderr, flush=True)
