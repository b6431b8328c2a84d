"""The `tongmai` command: its language, its exit codes, and how a failure is told.

Belongs here: the entry point. Does not belong here: the commands (`orchestration.commands`), which are
imported once the language is known because their help texts are made then.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from store.home import Home
from store.messages import EXIT_FAILED, EXIT_USAGE, Text, TongmaiError

INTERRUPTED = 130  # what a shell expects after Ctrl-C
DISK_FULL = ("no space left on device", "out of disk", "database or disk is full", "disk i/o error")


def main(arguments: list[str] | None = None) -> None:
    """Run one command and leave with its exit code: 0 ok, 1 failed, 2 usage, 3 data-quality gate."""
    # children only: a library's semaphores are swept up after an interrupt, and nobody needs to read of it
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    code = run_command(sys.argv[1:] if arguments is None else arguments)
    if code == INTERRUPTED:  # without waiting for the threads of the libraries that were interrupted
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run_command(arguments: list[str]) -> int:
    """Run one command; returns the exit code. No traceback reaches the user: it goes to the home's log."""
    arguments, lang = _take_language(arguments)
    if lang is not None:
        if lang not in ("zh", "en"):
            print(Text(f"--lang 只能是 zh 或 en，不能是 {lang}", f"--lang takes zh or en, not {lang}"), file=sys.stderr)
            return EXIT_USAGE
        os.environ["TONGMAI_LANG"] = lang
    from orchestration.commands import app

    try:
        code = app(arguments, standalone_mode=True, prog_name="tongmai")
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else EXIT_FAILED
        if code == EXIT_USAGE and "--json" in arguments:  # what is wrong was told on standard error already
            text = Text("用法有误，见标准错误输出。", "The usage is wrong; standard error says how.")
            print(json.dumps({"error": {"reason": "usage", **text._asdict()}}, ensure_ascii=False))
        return _interrupted() if code == INTERRUPTED else code
    except TongmaiError as error:
        return _tell(error, arguments)
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # noqa: BLE001 - the outermost boundary: a person gets a sentence, the log the rest
        return _tell(_explain(error, arguments), arguments)
    return code if isinstance(code, int) else 0


def _take_language(arguments: list[str]) -> tuple[list[str], str | None]:
    """Take `--lang X` or `--lang=X` out of the arguments, wherever it stands before a `--`."""
    kept: list[str] = []
    lang: str | None = None
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            kept.append(argument)
            kept.extend(rest)
        elif argument == "--lang":
            lang = next(rest, "")
        elif argument.startswith("--lang="):
            lang = argument.removeprefix("--lang=")
        else:
            kept.append(argument)
    return kept, lang


def _interrupted() -> int:
    text = Text(
        "已中断；已提交的数据都在，再运行一次即可继续。",
        "Interrupted; all that was committed is kept. Run it again to go on.",
    )
    print(text, file=sys.stderr)
    return INTERRUPTED


def _tell(error: TongmaiError, arguments: list[str]) -> int:
    if "--json" in arguments:
        print(json.dumps({"error": {"reason": error.reason, **error.text._asdict()}}, ensure_ascii=False))
    print(Text(f"失败：{error.text.zh} [{error.reason}]", f"Failed: {error.text.en} [{error.reason}]"), file=sys.stderr)
    return INTERRUPTED if error.reason == "interrupted" else error.exit_code


def _explain(error: Exception, arguments: list[str]) -> TongmaiError:
    """A sentence for what no stage foresaw; a full disk has its own."""
    if any(sign in str(cause).lower() for cause in _causes(error) for sign in DISK_FULL):
        return TongmaiError(
            "disk_full",
            "磁盘已满。请腾出空间后再运行一次；已提交的数据都在。",
            "The disk is full. Free some space and run it again; all that was committed is kept.",
        )
    log = _write_log(arguments)
    return TongmaiError(
        "unexpected",
        f"未预料的错误：{type(error).__name__}: {error}。详情见 {log}，请附上它报告问题。",
        f"Unexpected error: {type(error).__name__}: {error}. Details are in {log}; please report it with that file.",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what lies behind it, each once: contexts may form a ring."""
    cause: BaseException | None = error
    told: set[int] = set()
    while cause is not None and id(cause) not in told:
        yield cause
        told.add(id(cause))
        cause = cause.__cause__ or cause.__context__


def _write_log(arguments: list[str]) -> Path:
    named = [value for name, value in pairwise(arguments) if name == "--home"]
    named += [argument.removeprefix("--home=") for argument in arguments if argument.startswith("--home=")]
    folder = (Home.at(named[0]) if named else Home.default()).root / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    log.write_text(traceback.format_exc(), encoding="utf-8")
    return log
