"""What no feed carries: costs, limits and policy, each with unit and source, and a run's options over them.

Belongs here: reading data/reference/assumptions.csv, laying options over it. Does not belong here:
what the equations make of them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from store.home import REFERENCE
from store.messages import EXIT_USAGE, TongmaiError

ASSUMPTIONS_FILE = REFERENCE / "assumptions.csv"


@dataclass(frozen=True)
class Options:
    """A run's options. None keeps the assumption of the same name.

    `keep` and `close` name plants that must stay or go; `merge_pairs` are declared as FROM:INTO, beside those within an
    enterprise; `scenarios` counts sample paths, `months` their
    length; `gap` is the proven relative gap to stop at; `seconds` is a safety net: beyond it the best plan so far
    is returned with the gap proven so far.
    """

    max_closures: int | None = None
    max_closures_per_year: int | None = None
    haul_limit_min: float | None = None
    carbon_price_cny_per_t: float | None = None
    demand_change: float | None = None
    risk_weight: float | None = None
    min_utilisation: float | None = None
    keep: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    merge_pairs: tuple[str, ...] = ()
    scenarios: int = 10
    months: int = 36
    gap: float = 0.015
    seconds: float = 120.0

    def __post_init__(self) -> None:
        checks = (
            (self.max_closures is None or self.max_closures >= 0, "max_closures >= 0"),
            (self.max_closures_per_year is None or self.max_closures_per_year >= 0, "max_closures_per_year >= 0"),
            (self.haul_limit_min is None or self.haul_limit_min > 0, "haul_limit_min > 0"),
            (self.carbon_price_cny_per_t is None or self.carbon_price_cny_per_t >= 0, "carbon_price_cny_per_t >= 0"),
            (self.demand_change is None or self.demand_change >= -1, "demand_change >= -1"),
            (self.risk_weight is None or 0 <= self.risk_weight < float("inf"), "risk_weight >= 0"),
            (self.min_utilisation is None or 0 <= self.min_utilisation <= 1, "0 <= min_utilisation <= 1"),
            (self.scenarios >= 1 and self.months >= 1, "scenarios >= 1, months >= 1"),
            (self.gap > 0 and self.seconds > 0, "gap > 0, seconds > 0"),
        )
        for holds, rule in checks:
            if not holds:
                raise TongmaiError(
                    "bad_option", f"选项不成立：应有 {rule}。", f"Bad option: {rule} must hold.", EXIT_USAGE
                )
        both = sorted(set(self.keep) & set(self.close))
        if both:
            raise TongmaiError(
                "contradictory_options",
                f"同一座站不能既保留又关停：{'、'.join(both)}。",
                f"A plant cannot be both kept and closed: {', '.join(both)}.",
                EXIT_USAGE,
            )

    @property
    def is_base(self) -> bool:
        """Whether this is the plan itself rather than a what-if: nothing of the question is changed."""
        return replace(self, gap=Options.gap, seconds=Options.seconds) == Options()


@dataclass(frozen=True)
class Assumption:
    """One assumed value. status: verified | secondary | unverified | option."""

    name: str
    value: float
    unit: str
    source: str
    status: str
    note_zh: str
    note_en: str


class Assumptions(Mapping[str, float]):
    """The assumptions in force: name -> value; `rows` keeps units and sources."""

    def __init__(self, rows: tuple[Assumption, ...]) -> None:
        self.rows = rows
        self._values = {row.name: row.value for row in rows}

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def annuity(self) -> float:
        """Share of a capital charged per year: rate / (1 - (1 + rate)^-life), or 1 / life at rate zero."""
        rate, life = self["discount_rate"], self["asset_life_years"]
        return rate / (1 - (1 + rate) ** -life) if rate else 1 / life

    @property
    def carbon_kgco2e_per_m3_km(self) -> float:
        return self["truck_kgco2e_per_t_km"] * self["concrete_density_t_per_m3"]


def read_assumptions(options: Options, path: Path = ASSUMPTIONS_FILE) -> Assumptions:
    """The reference file with the options laid over it. Raises TongmaiError(`bad_assumptions`) on a bad line."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    rows = []
    for number, line in enumerate(lines, start=2):
        try:
            row = Assumption(**{**line, "value": float(line["value"])})  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError) as error:
            raise TongmaiError(
                "bad_assumptions",
                f"{path.name} 第 {number} 行读不懂：{error}。",
                f"Line {number} of {path.name} cannot be read: {error}.",
            ) from error
        chosen = getattr(options, row.name, None)
        if chosen is not None:
            row = replace(row, value=float(chosen), source="option of this run", status="option")
        rows.append(row)
    return Assumptions(tuple(rows))


OPTION_NAMES = frozenset(field.name for field in fields(Options))
