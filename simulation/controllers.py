"""Controllers: how plants' batching systems, laboratories and offices write the feeds around production.

Belongs here: their layouts, drawn from what the contracts accept. Does not belong here: the layouts of orders and
tickets (layouts.py), the writing itself (rendering.py), any column list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pipelines.feeds import FEEDS
from pipelines.feeds.contract import KNOWN_AT, UPDATED_AT, Kind
from simulation.layouts import Format, Layout, ListStyle, Sender, TimeStyle, code_texts, header_text
from simulation.mixes import MATERIALS, SLOTS, WATER
from simulation.streams import stream

TITLES = {
    "batches": "生产记录", "mixes": "配合比", "strength_tests": "试块强度", "material_receipts": "原材料进场",
    "statements": "生产月报", "crosswalk": "编码对照", "orders": "委托单", "deliveries": "运单",
}  # fmt: skip
System = tuple[Format, str, str, bool]
GB18030: System = ("csv", "gb18030", ",", False)
UTF_8: System = ("csv", "utf-8-sig", ",", False)
TABBED: System = ("csv", "gb18030", "\t", False)
XLSX: System = ("xlsx", "", "", False)
JSON_LINES: System = ("jsonl", "utf-8", "", False)
PARQUET: System = ("parquet", "", "", False)

# the systems that send a feed, how they write its list, and how often each is met; small plants type spreadsheets
OFFICES: Mapping[str, tuple[tuple[System, ListStyle, float], ...]] = {
    "strength_tests": ((GB18030, "", 0.5), (UTF_8, "", 0.35), (JSON_LINES, "", 0.15)),
    "material_receipts": ((GB18030, "", 0.5), (UTF_8, "", 0.2), (TABBED, "", 0.2), (JSON_LINES, "", 0.1)),
    "mixes": ((XLSX, "wide", 0.4), (GB18030, "wide", 0.35), (JSON_LINES, "nested", 0.25)),
    "statements": ((XLSX, "", 0.4), (GB18030, "", 0.4), (TABBED, "", 0.2)),
    "crosswalk": ((GB18030, "", 0.5), (UTF_8, "", 0.5)),
}

_NAMES: Mapping[str, tuple[str, ...]] = {
    "cement": ("水泥",), "fly_ash": ("粉煤灰",), "slag": ("矿粉",), "sand": ("砂", "天然砂", "河砂"),
    "manufactured_sand": ("机制砂",), "stone": ("石子", "碎石"), "recycled_aggregate": ("再生骨料",), "water": ("水",),
    "admixture": ("外加剂", "减水剂"),
}  # fmt: skip
# a vendor's words for lot, set point and weighing; how a column is called after its material and member
_WORDS = (
    ("批号", "设定", "实际"), ("批号", "设定值", "实际值"), ("批号", "配方值", "称量值"), ("批次", "目标", "实称"),
)  # fmt: skip
_WIDE: tuple[Callable[[str, str], str], ...] = (
    lambda material, member: f"{material}{member}",
    lambda material, member: f"{member}_{material}",
    lambda material, member: f"{material}({member})",
    lambda material, member: f"{material}{member}(kg)" if member != "批号" else f"{material}{member}",
)
_MEMBERS = ("lot_no", "target_kg", "actual_kg")
# models of batching systems: system, how weighings stand, share of the plants; those of one model write alike
MODELS: tuple[tuple[System, ListStyle, float], ...] = (
    (GB18030, "wide", 0.14), (GB18030, "wide", 0.12), (GB18030, "wide", 0.08), (UTF_8, "wide", 0.14),
    (UTF_8, "wide", 0.10), (GB18030, "long", 0.08), (JSON_LINES, "nested", 0.22), (PARQUET, "nested", 0.12),
)  # fmt: skip
SMALL_MODELS: tuple[tuple[System, ListStyle, float], ...] = (
    (XLSX, "wide", 0.5),
    (XLSX, "long", 0.2),
    (UTF_8, "wide", 0.3),
)
OFFICE_VARIANTS = 2  # programs of each kind that are about


def controller_layout(seed: int, plant_id: str, is_small: bool) -> Layout:
    """How a plant's batching system exports its batches."""
    models = SMALL_MODELS if is_small else MODELS
    chosen = int(stream(seed, "controller", plant_id).choice(len(models), p=[share for *_, share in models]))
    system, style, _ = models[chosen]
    rng = stream(seed, "controller model", int(is_small), chosen)
    return _layout(rng, "batches", plant_id, system, style, known=False)


def office_layouts(seed: int, sender: Sender, is_small: bool) -> dict[str, Layout]:
    """How a sender of tickets writes its strength tests, receipts, mixes and statements."""
    layouts = {}
    for feed in ("strength_tests", "material_receipts", "mixes", "statements"):
        tells_changes = sender.has_updated_at or feed == "mixes"  # a filing always has its day
        layouts[feed] = _office(seed, sender.sender_id, feed, is_small, tells_changes)
    return layouts


def lab_layout(seed: int, lab_id: str) -> Layout:
    """How an independent laboratory writes its tests."""
    return _office(seed, lab_id, "strength_tests", False, True)


def crosswalk_layout(seed: int, system: str) -> Layout:
    """How the keeper of a system's codes writes them."""
    return _office(seed, system, "crosswalk", False, True)


def _office(seed: int, sender_id: str, feed: str, is_small: bool, has_updated_at: bool) -> Layout:
    own = stream(seed, "office", sender_id, feed)
    systems = OFFICES[feed]
    chosen = int(own.choice(len(systems), p=[share for *_, share in systems]))
    system, style, _ = systems[chosen]
    if is_small and feed != "crosswalk":
        system, style = XLSX, "wide" if style == "nested" else style
    rng = stream(seed, "office program", feed, chosen, int(is_small), int(own.integers(OFFICE_VARIANTS)))
    return _layout(rng, feed, sender_id, system, style, updated=has_updated_at)


def _layout(
    rng: np.random.Generator, feed: str, sender_id: str, system: System, style: ListStyle,
    *, updated: bool = True, known: bool = True,
) -> Layout:  # fmt: skip
    is_english = system[0] in ("jsonl", "parquet")
    fields = [field for field in FEEDS[feed].fields if field.kind is not Kind.LIST]
    names = [field.name for field in fields]
    if not is_english and feed not in ("statements", "crosswalk"):
        names = [names[0], *(names[i] for i in rng.permutation(len(names) - 1) + 1)]
    names += [UPDATED_AT.name] * updated + [KNOWN_AT.name] * known
    headers = {name: name if is_english else header_text(rng, feed, name) for name in names}
    headers |= _apart(headers)
    listed, materials = _list_headers(rng, feed, style, is_english)
    headers |= listed
    scales = {}
    if "net_t" in headers and not is_english and rng.random() < 0.45:  # most weighbridges print kilograms
        headers["net_t"], scales["net_t"] = "净重(kg)", 1_000.0
    if "cny_sales" in headers and rng.random() < 0.4:
        headers["cny_sales"], scales["cny_sales"] = "销售额(万元)", 1e-4
    time_style: TimeStyle = "iso" if is_english or rng.random() < 0.6 else "slash"
    title = f"虚拟{sender_id}{FEEDS[feed].text.zh}（合成数据）" if system[0] == "xlsx" else None
    return Layout(
        feed,
        *system,
        headers=headers,
        codes={field.name: code_texts(rng, field, is_english) for field in fields if field.codes},
        time_style=time_style,
        writes_district_names=False,
        title=title,
        has_totals=title is not None and feed in ("statements", "material_receipts"),
        scales=scales or None,
        list_style=style,
        materials=materials,
        blanks_repeats=style == "long" and system[0] == "xlsx",
    )


def _apart(headers: Mapping[str, str]) -> dict[str, str]:
    """No two columns of one header text."""
    apart = {}
    seen: set[str] = set()
    for name, text in headers.items():
        if text in seen:
            apart[name] = name
        seen.add(text)
    return apart


def _list_headers(
    rng: np.random.Generator, feed: str, style: ListStyle, is_english: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Header texts of the slot columns, and the materials' names where those are written in rows."""
    if not style:
        return {}, {}
    words = dict(zip(_MEMBERS, _WORDS[int(rng.integers(len(_WORDS)))], strict=True)) | {"kg_per_m3": "用量"}
    write = _WIDE[int(rng.integers(len(_WIDE)))]
    numbers_all = bool(rng.random() < 0.4)
    spoken = {material: names[int(rng.integers(len(names)))] for material, names in _NAMES.items()}
    members = ("kg_per_m3",) if feed == "mixes" else _MEMBERS
    headers, materials = {}, {"material": "材料名称"}
    for slot in range(len(SLOTS)):
        material, number = MATERIALS[slot], SLOTS[slot].rsplit("_", 1)[1]
        is_numbered = numbers_all or MATERIALS.count(material) > 1
        called = f"{spoken[material]}{number}" if is_numbered else spoken[material]
        materials[SLOTS[slot]] = material if is_english else called
        for member in members:
            if slot == WATER and member == "lot_no" and style == "wide":
                continue
            name = f"{SLOTS[slot]}.{member}"
            if style == "wide":
                headers[name] = write(called, words[member]) if feed == "batches" else f"{called}(kg/m³)"
            else:
                headers[name] = member if is_english else words[member]
    return headers, materials
