"""The reference files that the warehouse reads: whether each holds what dbt will take from it.

Belongs here: types, keys, bounds and names of data/reference/*.csv as dbt_project.yml declares them, told by file, line
and column before dbt stumbles over one. Does not belong here: what the figures mean (dbt).
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from store.home import REFERENCE, REPOSITORY
from store.messages import EXIT_QUALITY_GATE, Text, TongmaiError

PROJECT_FILE = REPOSITORY / "dbt" / "dbt_project.yml"
SHOWN = 5  # mistakes named in one message


class Table(NamedTuple):
    """What dbt_project.yml declares of a file: its columns' types, its key, and what some columns may hold."""

    name: str
    types: Mapping[str, str]
    key: tuple[str, ...]
    bounds: Mapping[str, tuple[float, float]]
    one_of: Mapping[str, frozenset[str]]


def check_reference(folder: Path = REFERENCE) -> None:
    """Raise TongmaiError(`bad_reference`, exit code 3) naming the first mistakes: file, line, column, what to do."""
    found = [mistake for table in read_declared(folder) for mistake in mistakes_of(table, folder)]
    if not found:
        return
    more = len(found) - SHOWN
    zh = "；".join(mistake.zh for mistake in found[:SHOWN]) + (f"；另有 {more} 处" if more > 0 else "")
    en = "; ".join(mistake.en for mistake in found[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
    raise TongmaiError(
        "bad_reference",
        f"{folder} 里的参数文件有误，未建库：{zh}。请改正后再运行；已发布的版本不受影响。",
        f"Reference files in {folder} are wrong, nothing was built: {en}. "
        "Correct them and run again; the published version is untouched.",
        EXIT_QUALITY_GATE,
    )


def read_declared(folder: Path) -> Iterator[Table]:
    """Every file that the warehouse reads, as declared."""
    seeds = yaml.safe_load(PROJECT_FILE.read_text(encoding="utf-8"))["seeds"]["tongmai"]
    for name, declared in seeds.items():
        if name.startswith("+"):
            continue
        meta = declared["+meta"]
        named = {column: _names(column, names, folder) for column, names in meta.get("one_of", {}).items()}
        yield Table(name, declared["+column_types"], tuple(meta["key"]), meta.get("bounds", {}), named)


def _names(column: str, names: Any, folder: Path) -> frozenset[str]:
    """The names themselves, or those that the file of this name lists under the same column."""
    if isinstance(names, list):
        return frozenset(names)
    with (folder / f"{names}.csv").open(encoding="utf-8-sig", newline="") as file:
        return frozenset(row[column] for row in csv.DictReader(file))


def mistakes_of(table: Table, folder: Path) -> Iterator[Text]:
    """Each mistake of one file in the order of its lines; none when dbt can take it as it is."""
    path = folder / f"{table.name}.csv"
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    except FileNotFoundError:
        yield Text(f"缺少 {path.name}", f"{path.name} is missing")
        return
    except UnicodeDecodeError:
        yield Text(
            f"{path.name} 不是 UTF-8（Excel 请另存为“CSV UTF-8”）",
            f"{path.name} is not UTF-8 (in Excel save as CSV UTF-8)",
        )
        return
    header = lines[0] if lines else []
    missing = [column for column in (*table.key, *table.types) if column not in header]
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        yield Text(f"{path.name} 缺少列 {names}", f"{path.name} lacks the columns {names}")
        return
    first_lines: dict[tuple[str, ...], int] = {}
    for number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue  # an empty line, which dbt passes over too
        place = Text(f"{path.name} 第 {number} 行", f"{path.name} line {number}")
        if len(cells) != len(header):
            yield Text(
                f"{place.zh}有 {len(cells)} 格，应为 {len(header)} 格（含逗号的文字要加引号）",
                f"{place.en} has {len(cells)} cells instead of {len(header)} (quote text that holds commas)",
            )
            continue
        row = dict(zip(header, cells, strict=True))
        yield from _mistaken_cells(table, row, place)
        key = tuple(row[column] for column in table.key)
        if first_lines.setdefault(key, number) != number:
            names = ", ".join(table.key)
            yield Text(
                f"{place.zh}与第 {first_lines[key]} 行的 {names} 相同",
                f"{place.en} has the same {names} as line {first_lines[key]}",
            )


def _mistaken_cells(table: Table, row: Mapping[str, str], place: Text) -> Iterator[Text]:
    for column, cell in row.items():
        due = _due(table, column, cell)
        if due is not None:
            yield Text(
                f"{place.zh} {column} 为“{cell}”，应为{due.zh}",
                f"{place.en}: {column} is '{cell}', it must be {due.en}",
            )


def _due(table: Table, column: str, cell: str) -> Text | None:
    """What the cell ought to be, None when it is."""
    is_required = column in table.key or column in table.bounds or column in table.one_of
    if not cell.strip():
        return Text("非空", "filled in") if is_required else None
    if column in table.one_of and cell not in table.one_of[column]:
        names = ", ".join(sorted(table.one_of[column]))
        return Text(f"其中之一：{names}", f"one of {names}")
    type_ = table.types.get(column, "varchar")
    if type_ in TYPES and not _reads(TYPES[type_].read, cell):
        return TYPES[type_].due
    if column in table.bounds:
        low, high = table.bounds[column]
        if not low <= float(cell) <= high:
            return Text(f" {low} 至 {high}", f"between {low} and {high}")
    if column == "quarter_start" and (_day(cell).day, _day(cell).month % 3) != (1, 1):
        return Text("季度的第一天（1、4、7、10 月 1 日）", "the first day of a quarter")
    return None


class _Type(NamedTuple):
    read: Callable[[str], Any]
    due: Text


def _finite(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(cell)
    return value


def _day(cell: str) -> date:
    return datetime.strptime(cell, "%Y-%m-%d").date()


def _flag(cell: str) -> bool:
    return {"true": True, "false": False}[cell.lower()]


TYPES = {
    "double": _Type(_finite, Text("数字", "a number")),
    "integer": _Type(int, Text("整数", "a whole number")),
    "date": _Type(_day, Text("日期（如 2026-07-01）", "a day (as 2026-07-01)")),
    "boolean": _Type(_flag, Text("true 或 false", "true or false")),
}


def _reads(read: Callable[[str], Any], cell: str) -> bool:
    try:
        read(cell)
    except (ValueError, KeyError):
        return False
    return True
