"""Codes: what other systems call the city's plants, enterprises, projects, laboratories and suppliers, and since when.

Belongs here: the codes and the crosswalk's rows. Does not belong here: who uses a code (evidence.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulation.permits import Projects
from simulation.plants import FAR_FUTURE, Plants
from simulation.records import entries, instants
from simulation.streams import DAY_S, Bools, Ints, stream

SYSTEMS = ("erp", "bureau", "quality_station")
ERP, BUREAU, STATION = range(3)
KINDS = ("plant", "enterprise", "project", "lab", "supplier")
PLANT, ENTERPRISE, PROJECT, LAB, SUPPLIER = range(5)
CHANGED_SHARE = 0.12  # plants' codes that a system replaced in the window
MISSING_SHARE = 0.03  # codes that nobody entered


@dataclass(frozen=True)
class Codes:
    """Codes of all systems; arrays of shape (codes,). A replaced code has two rows, the second `_is_later`."""

    kind: Ints
    system: Ints
    code: list[str]
    canonical_id: list[str]
    from_day: Ints
    to_day: Ints  # last day; FAR_FUTURE when still in use
    is_missing: Bools  # not in the crosswalk
    station_codes: tuple[list[str], list[str]]  # the quality station's first and second code of each plant
    station_changed: Ints  # day number from which the second one holds

    def __len__(self) -> int:
        return len(self.kind)


def make_codes(
    seed: int, plants: Plants, projects: Projects, labs: Sequence[str], suppliers: Sequence[str], first_day: int,
    weeks: int,
) -> Codes:  # fmt: skip
    """Give every thing a code in each system that deals with it."""
    rng = stream(seed, "codes")
    size = len(plants)
    rows: list[tuple[int, int, str, str, int, int]] = []
    changed = np.full(size, FAR_FUTURE)
    stations: tuple[list[str], list[str]] = ([], [])
    for system in (ERP, BUREAU, STATION):
        replaced = (rng.random(size) < CHANGED_SHARE) & ~plants.is_candidate
        on = first_day + rng.integers(60, 7 * weeks - 60, size)
        numbers = rng.permutation(900)[:size] + 100
        for row, plant_id in enumerate(plants.plant_id):
            first = (f"SN{numbers[row]:04d}", f"5201-HNT-{numbers[row]}", f"ZJ{numbers[row]:05d}")[system]
            second = f"{first}-A" if system == BUREAU else first[:2] + "9" + first[3:]
            since = max(int(plants.opened[row]), 16_436) if not plants.is_candidate[row] else first_day
            if system == STATION:
                stations[0].append(first)
                stations[1].append(second)
                changed[row] = on[row] if replaced[row] else FAR_FUTURE
            until = int(on[row]) - 1 if replaced[row] else FAR_FUTURE
            rows.append((PLANT, system, first, plant_id, min(since, int(on[row]) - 1), until))
            if replaced[row]:
                rows.append((PLANT, system, second, plant_id, int(on[row]), FAR_FUTURE))
    for place, enterprise_id in enumerate(plants.enterprise_ids):
        rows.append((ENTERPRISE, BUREAU, f"QY{3_000 + 7 * place}", enterprise_id, 16_436, FAR_FUTURE))
        rows.append((ENTERPRISE, ERP, f"KH{enterprise_id}", enterprise_id, 16_436, FAR_FUTURE))
    for place, project_id in enumerate(projects.project_id):
        issued = int(projects.issued[place])
        rows.append((PROJECT, BUREAU, f"5201XM{place + 1:06d}", project_id, issued, FAR_FUTURE))
        rows.append((PROJECT, ERP, f"GC-{10_000 + 3 * place}", project_id, issued, FAR_FUTURE))
    rows += [(LAB, STATION, f"JCJG{400 + place}", lab, 16_436, FAR_FUTURE) for place, lab in enumerate(labs)]
    rows += [
        (SUPPLIER, ERP, f"GYS{700 + place}", supplier, 16_436, FAR_FUTURE) for place, supplier in enumerate(suppliers)
    ]
    kind, system_, code, canonical, since_, until_ = zip(*rows, strict=True)
    return Codes(
        np.array(kind), np.array(system_), list(code), list(canonical), np.array(since_), np.array(until_),
        rng.random(len(rows)) < MISSING_SHARE, stations, changed,
    )  # fmt: skip


def station_code(codes: Codes, plants: Plants, plant: Ints, day: Ints, uses_codes: Bools) -> pa.DictionaryArray:
    """What the quality station calls plants on days, or where it is not asked the platform's own id."""
    which = np.where(uses_codes, np.where(day >= codes.station_changed[plant], 2, 1), 0)
    return entries(which * len(plants) + plant, [*plants.plant_id, *codes.station_codes[0], *codes.station_codes[1]])


def crosswalk_records(codes: Codes, first_s: int, cut_s: int) -> pa.Table:
    """One row per code in the crosswalk, and a second one, with its last day, when it was replaced."""
    rows = np.flatnonzero(~codes.is_missing)
    opened_s = np.maximum(codes.from_day * DAY_S + 3 * DAY_S + 10 * 3600, first_s + 600)
    closed_s = codes.to_day * DAY_S + 4 * DAY_S + 10 * 3600
    ended = rows[codes.to_day[rows] < FAR_FUTURE]
    ended = ended[closed_s[ended] < cut_s]

    def part(chosen: Ints, told_s: Ints, is_closed: bool, is_older: Bools) -> pa.Table:
        at = pa.array(chosen)
        until = codes.to_day[chosen] if is_closed else np.full(len(chosen), FAR_FUTURE)
        return pa.table(
            {
                "code": pa.array(codes.code).take(at),
                "kind": entries(codes.kind[chosen], KINDS),
                "system": entries(codes.system[chosen], SYSTEMS),
                "canonical_id": pa.array(codes.canonical_id).take(at),
                "valid_from": pa.array(codes.from_day[chosen].astype("datetime64[D]")),
                "valid_to": pa.array(until.astype("datetime64[D]"), mask=until >= FAR_FUTURE),
                "updated_at": instants(told_s[chosen]),
                "known_at": instants(told_s[chosen]),
                "_sender": pa.array(codes.system[chosen]),
                "_reported_s": pa.array(told_s[chosen]),
                "_key": pa.array(chosen),
                "_is_single": pa.array(~np.isin(chosen, ended)),
                "_is_older": pa.array(is_older),
            }
        )

    first = rows[opened_s[rows] < cut_s]
    return pa.concat_tables(
        [
            part(first, opened_s, False, np.isin(first, ended)),
            part(ended, np.maximum(closed_s, opened_s + 60), True, np.zeros(len(ended), dtype=bool)),
        ]
    )
