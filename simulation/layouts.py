"""Layouts: how each sender's system writes a feed - format, encoding, headers, order of columns, styles.

Belongs here: one sender's habits, drawn from what the contracts accept. Does not belong here: the
writing itself (pages.py) and any column list: names, header texts and code texts come from the contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from pipelines.feeds import FEEDS
from pipelines.feeds.contract import KNOWN_AT, UPDATED_AT, Field
from simulation.streams import stream

Format = Literal["csv", "xlsx", "jsonl", "parquet"]
TimeStyle = Literal["iso", "slash", "chinese"]
ListStyle = Literal["", "wide", "nested", "long"]

SUFFIX: Mapping[Format, str] = {"csv": ".csv", "xlsx": ".xlsx", "jsonl": ".jsonl", "parquet": ".parquet"}
# (format, encoding, delimiter, gzipped), and how often it is met among senders that are not small
SYSTEMS: tuple[tuple[Format, str, str, bool], ...] = (
    ("csv", "gb18030", ",", False),
    ("csv", "utf-8-sig", ",", False),
    ("csv", "utf-8-sig", ";", False),
    ("csv", "gb18030", "\t", False),
    ("jsonl", "utf-8", "", False),
    ("parquet", "", "", False),
    ("csv", "utf-8-sig", ",", True),
)
SYSTEM_SHARE = np.array([0.30, 0.16, 0.12, 0.08, 0.16, 0.14, 0.04])
SMALL_SENDERS = 10  # they type into a spreadsheet
UPDATED_AT_SHARE = 0.7  # systems that know when a row was last changed
OMITTED_SHARE = 0.15
OMITTED_SHARE_SMALL = 0.6  # nobody types what nobody asks for
EVENT_SHARE = 0.2  # systems (of those) that report a truck's events one by one

# columns that some systems leave out
_OMITTED = {
    "orders": ("slump_mm", "pour_to_at", "project_name"),
    "deliveries": ("cumulative_m3", "slump_site_mm", "water_added_l", "haul_km", "driver_id", "returned_at"),
}
_UNIT_TEXTS = {
    "m3": ("", "(m³)", "（方）"),
    "mm": ("", "(mm)"),
    "km": ("", "(km)"),
    "L": ("", "(L)"),
    "CNY/m3": ("", "(元/m³)"),
}
DRIVER_NAME_HEADER = "司机姓名"  # not in any contract: landing drops it
DRIVER_NAMES = ("虚拟张三", "虚拟李四", "虚拟王五", "虚拟赵六", "虚拟钱七", "虚拟孙八", "虚拟周九", "虚拟吴十")


@dataclass(frozen=True)
class Layout:
    """One file layout of one sender for one feed.

    `headers` maps contract columns to header texts, in the order of the columns; `codes` maps a
    code column's codes to the texts written for them. A title row and a totals row frame XLSX sheets.
    """

    feed: str
    format: Format
    encoding: str
    delimiter: str
    is_gzipped: bool
    headers: Mapping[str, str]
    codes: Mapping[str, Mapping[str, str]]
    time_style: TimeStyle
    writes_district_names: bool
    title: str | None = None
    has_totals: bool = False
    scales: Mapping[str, float] | None = None  # a header's unit, where it is not the contract's
    list_style: ListStyle = ""  # how a list is written; its columns are called `<slot>.<member>`
    # slot -> the material's name where it is written in rows; "material" -> the header above it
    materials: Mapping[str, str] = field(default_factory=dict)
    blanks_repeats: bool = False  # of the lines of one record only the first says what is common to them

    @property
    def suffix(self) -> str:
        return SUFFIX[self.format] + (".gz" if self.is_gzipped else "")

    @property
    def scalar_headers(self) -> dict[str, str]:
        """The headers, without those of a list that is written as one column."""
        if self.list_style != "nested":
            return dict(self.headers)
        return {name: text for name, text in self.headers.items() if "." not in name}


@dataclass(frozen=True)
class Sender:
    """A system that sends files: of one plant, or of a group for all its plants."""

    sender_id: str
    layouts: Mapping[str, Layout]
    has_updated_at: bool
    reports_events: bool

    def layout(self, feed: str) -> Layout:
        return self.layouts[feed]


def make_sender(seed: int, sender_id: str, is_small: bool) -> Sender:
    """Draw one sender's habits; the same for all its files."""
    rng = stream(seed, "layout", sender_id)
    system = SYSTEMS[int(rng.choice(len(SYSTEMS), p=SYSTEM_SHARE))]
    if is_small:
        system = ("xlsx", "", "", False)
    has_updated_at = bool(rng.random() < UPDATED_AT_SHARE)
    reports_events = bool(rng.random() < EVENT_SHARE) and has_updated_at and not is_small
    is_english = system[0] in ("jsonl", "parquet")
    time_style: TimeStyle = "iso" if is_english or rng.random() < 0.6 else "slash"
    writes_names = bool(rng.random() < 0.5)

    omitted_share = OMITTED_SHARE_SMALL if is_small else OMITTED_SHARE

    def layout(feed: str) -> Layout:
        names = [field.name for field in FEEDS[feed].fields]
        omitted = {name for name in _OMITTED[feed] if rng.random() < omitted_share}
        names = [name for name in names if name not in omitted]
        if has_updated_at:
            names.append(UPDATED_AT.name)
        names.append(KNOWN_AT.name)
        if not is_english:
            rest = rng.permutation(len(names) - 1) + 1
            names = [names[0], *(names[i] for i in rest)]  # the document's number stays first
        if feed == "deliveries" and not is_english and "driver_id" in names and rng.random() < 0.4:
            names.insert(names.index("driver_id") + 1, DRIVER_NAME_HEADER)
        title = f"虚拟{sender_id}{FEEDS[feed].text.zh}（合成数据）" if system[0] == "xlsx" else None
        return Layout(
            feed,
            *system,
            headers={name: name if is_english else header_text(rng, feed, name) for name in names},
            codes={field.name: code_texts(rng, field, is_english) for field in FEEDS[feed].fields if field.codes},
            time_style=time_style,
            writes_district_names=writes_names,
            title=title,
            has_totals=title is not None,
        )

    own = {"orders": layout("orders"), "deliveries": layout("deliveries")}
    return Sender(sender_id, own, has_updated_at, reports_events)


def header_text(rng: np.random.Generator, feed: str, name: str) -> str:
    """One of the header texts that the contract accepts, sometimes with its unit."""
    if name == DRIVER_NAME_HEADER:
        return name
    field = FEEDS[feed].field(name)
    texts = [alias for alias in field.aliases if not alias.isascii()] or [field.name]
    # the first texts are the usual ones
    text = texts[min(int(rng.geometric(0.45)) - 1, len(texts) - 1)]
    units = _UNIT_TEXTS.get(field.unit or "", ("",))
    return text + units[int(rng.integers(len(units)))]


def code_texts(rng: np.random.Generator, field: Field, is_english: bool) -> dict[str, str]:
    """For each code, one of the usual texts that mean it, in the system's language."""
    written = {}
    for code, texts in field.codes.items():
        fitting = [text for text in (code, *texts) if text.isascii() == is_english] or [code]
        written[code] = fitting[0] if is_english else fitting[int(rng.integers(min(2, len(fitting))))]
    return written
