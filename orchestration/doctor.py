"""What `tongmai doctor` looks at on this machine, and what it says to do.

Belongs here: checks of the machine and the home. Does not belong here: checks of data (`store.gate`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal, get_args

from store.home import REPOSITORY, Home
from store.locks import LockName, is_held
from store.messages import Text

NEEDED_DISK_GIB = 5.0
NEEDED_MEMORY_GIB = 4.0


@dataclass(frozen=True)
class Finding:
    """One check: `status` is ok, warn (works, but) or fail (will not work); `text` says what to do."""

    check: str
    status: Literal["ok", "warn", "fail"]
    text: Text

    def to_dict(self) -> dict[str, Any]:
        return {"check": self.check, "status": self.status, **self.text._asdict()}


def examine(home: Home) -> list[Finding]:
    """Every finding about this machine and this home, in the order a newcomer needs them."""
    return [_python(), _versions(), _disk(home), _memory(), _home(home), *_locks(home), _fonts(), _published(home)]


def _python() -> Finding:
    running = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("python", "ok", Text(f"Python {running}", f"Python {running}"))
    return Finding(
        "python",
        "fail",
        Text(
            f"Python {running} 不在 3.11–3.13 之内；请安装其一，再运行 make demo PYTHON=python3.11",
            f"Python {running} is outside 3.11-3.13; install one of them, then make demo PYTHON=python3.11",
        ),
    )


def _versions() -> Finding:
    lock = REPOSITORY / "requirements.lock"
    if not lock.exists():
        return Finding("versions", "warn", Text("没有 requirements.lock", "there is no requirements.lock"))
    differing = list(_differing_versions(lock.read_text(encoding="utf-8")))
    if not differing:
        return Finding("versions", "ok", Text("与 requirements.lock 一致", "as in requirements.lock"))
    listed = ", ".join(differing[:5])
    return Finding(
        "versions",
        "warn",
        Text(
            f"与 requirements.lock 不一致：{listed}；请运行 make install", f"not as locked: {listed}; run make install"
        ),
    )


def _differing_versions(lock: str) -> Iterator[str]:
    pins: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock, flags=re.MULTILINE):
        pins.setdefault(name, set()).add(version)
    for distribution in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        if name in pins and distribution.version not in pins[name]:
            yield f"{name} {distribution.version} (lock: {' / '.join(sorted(pins[name]))})"


def _disk(home: Home) -> Finding:
    place = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free_gib = shutil.disk_usage(place).free / 2**30
    if free_gib >= NEEDED_DISK_GIB:
        return Finding("disk", "ok", Text(f"剩余 {free_gib:.0f} GiB", f"{free_gib:.0f} GiB free"))
    return Finding(
        "disk",
        "fail" if free_gib < 1 else "warn",
        Text(
            f"{place} 只剩 {free_gib:.1f} GiB，至少需要 {NEEDED_DISK_GIB:.0f}；请清理或用 TONGMAI_HOME 换一处",
            f"{place} has {free_gib:.1f} GiB free, {NEEDED_DISK_GIB:.0f} are needed; free some or move TONGMAI_HOME",
        ),
    )


def _memory() -> Finding:
    total_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if total_gib >= NEEDED_MEMORY_GIB:
        return Finding("memory", "ok", Text(f"内存 {total_gib:.0f} GiB", f"{total_gib:.0f} GiB of memory"))
    return Finding(
        "memory",
        "warn",
        Text(
            f"内存 {total_gib:.1f} GiB；演示数据需要 {NEEDED_MEMORY_GIB:.0f}，请减小 --scale",
            f"{total_gib:.1f} GiB of memory; the demo wants {NEEDED_MEMORY_GIB:.0f}, use a smaller --scale",
        ),
    )


def _home(home: Home) -> Finding:
    place = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    if os.access(place, os.W_OK):
        return Finding("home", "ok", Text(f"数据目录 {home.root}", f"data home {home.root}"))
    return Finding(
        "home",
        "fail",
        Text(
            f"不能写入 {place}；请改权限或设 TONGMAI_HOME",
            f"cannot write {place}; change its rights or set TONGMAI_HOME",
        ),
    )


def _locks(home: Home) -> Iterator[Finding]:
    held = [name for name in get_args(LockName) if is_held(home, name)]
    if held:
        names = ", ".join(held)
        text = Text(f"正被另一个进程占用的锁：{names}（结束后自动释放）", f"held by a running process: {names}")
        yield Finding("locks", "warn", text)
    else:
        yield Finding("locks", "ok", Text("没有被占用的锁", "no lock is held"))


def _fonts() -> Finding:
    lister = shutil.which("fc-list")
    if lister is None:
        return Finding(
            "fonts", "warn", Text("找不到 fc-list，无法检查中文字体", "no fc-list to look for Chinese fonts")
        )
    fonts = subprocess.run([lister, ":lang=zh"], capture_output=True, text=True, check=False).stdout.splitlines()
    if fonts:
        return Finding("fonts", "ok", Text(f"中文字体 {len(fonts)} 种", f"{len(fonts)} Chinese fonts"))
    return Finding(
        "fonts",
        "warn",
        Text(
            "本机没有中文字体；本机浏览器看页面需要，例如安装 fonts-noto-cjk",
            "no Chinese font on this machine; a browser here needs one, e.g. the package fonts-noto-cjk",
        ),
    )


def _published(home: Home) -> Finding:
    if home.published.exists():
        return Finding("published", "ok", Text(f"已发布：{home.published}", f"published: {home.published}"))
    return Finding("published", "warn", Text("还没有发布过；请运行 make demo", "nothing published yet; run make demo"))
