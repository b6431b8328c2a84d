"""Scenarios: what the future may do to permits and to demand, by name.

Belongs here: the built-in scenarios, and policy events read from a file. Does not belong here: what a model makes of
them (`pipeline` takes the factor on new grants, `origin` the factor on demand).
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np

from forecasting.hierarchy import ALL, DateArray, FloatArray
from store.home import REFERENCE
from store.messages import EXIT_USAGE, Text, TongmaiError

EVENTS_FILE = REFERENCE / "scenario_events.csv"
COLUMNS = (
    "scenario", "name_zh", "name_en", "from_on", "to_on", "districts",
    "new_grants_factor", "demand_factor", "source", "status",
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One row of the file: from `from_on` through `to_on`, in `districts` (codes, or `all`), permits granted and
    concrete poured are this many times what they would be."""

    name_zh: str
    name_en: str
    from_on: date
    to_on: date
    districts: tuple[str, ...]
    new_grants_factor: float
    demand_factor: float
    source: str
    status: str


@dataclass(frozen=True)
class Scenario:
    """A name and the events it supposes; `new_grants` is a factor on all grants after the cutoff."""

    name: str
    new_grants: float = 1.0
    events: tuple[Event, ...] = ()

    def grants_factor(self, districts: tuple[str, ...], weeks: DateArray) -> FloatArray:
        """(D, H) factor on the grants expected in these weeks."""
        return self.new_grants * self._factor(districts, weeks, "new_grants_factor")

    def demand_factor(self, districts: tuple[str, ...], weeks: DateArray) -> FloatArray:
        """(D, H) factor on what is poured in these weeks."""
        return self._factor(districts, weeks, "demand_factor")

    def recorded(self) -> str:
        """All that the scenario supposes, as JSON: the run's record of it."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str, sort_keys=True)

    def _factor(self, districts: tuple[str, ...], weeks: DateArray, name: str) -> FloatArray:
        """Events multiply; a week that an event touches in part takes its share of the factor."""
        factor = np.ones((len(districts), len(weeks)))
        days = weeks[:, None] + np.arange(7) * np.timedelta64(1, "D")
        for event in self.events:
            inside = (days >= np.datetime64(event.from_on)) & (days <= np.datetime64(event.to_on))
            struck = np.array([event.districts == (ALL,) or district in event.districts for district in districts])
            factor *= 1 + struck[:, None] * inside.mean(axis=1) * (getattr(event, name) - 1)
        return factor


BASE = Scenario("base")
BUILT_IN = (BASE, Scenario("permits_minus_50", new_grants=0.5))


def find_scenario(name: str, path: Path | None = None) -> Scenario:
    """The scenario of this name, built in or from the events file.

    Raises TongmaiError, all of usage: `unknown_scenario`, `no_events_file`, `bad_scenario_event`.
    """
    scenarios = {scenario.name: scenario for scenario in (*BUILT_IN, *read_events(path or EVENTS_FILE))}
    if name not in scenarios:
        names = ", ".join(scenarios)
        raise TongmaiError(
            "unknown_scenario",
            f"没有情景“{name}”；可用：{names}。政策事件写在 {path or EVENTS_FILE.name}。",
            f"There is no scenario '{name}'; choose from {names}. Policy events stand in {path or EVENTS_FILE.name}.",
            EXIT_USAGE,
        )
    return scenarios[name]


def check_districts(scenario: Scenario, districts: tuple[str, ...]) -> None:
    """Raises TongmaiError(`bad_scenario_event`) where an event names a district that the city does not have."""
    unknown = sorted({code for event in scenario.events for code in event.districts} - {ALL, *districts})
    if unknown:
        raise TongmaiError(
            "bad_scenario_event",
            f"情景 {scenario.name} 写了没有的区县：{', '.join(unknown)}；可用：{', '.join(districts)} 或 {ALL}。",
            f"Scenario {scenario.name} names no district of this city: {', '.join(unknown)}; "
            f"there are {', '.join(districts)}, or {ALL}.",
            EXIT_USAGE,
        )


def read_events(path: Path) -> list[Scenario]:
    """The scenarios of a file, in its order; rows of one `scenario` happen together."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise TongmaiError(
            "no_events_file",
            f"读不了政策事件文件 {path}：{error}。应为 UTF-8 的 CSV，列为 {','.join(COLUMNS)}。",
            f"The events file {path} cannot be read: {error}. It is a CSV in UTF-8 with columns {','.join(COLUMNS)}.",
            EXIT_USAGE,
        ) from error
    events: dict[str, list[Event]] = {}
    for number, line in enumerate(lines, start=2):
        name = (line.get("scenario") or "").strip()
        fault = _fault(name, line)
        if fault is not None:
            raise TongmaiError(
                "bad_scenario_event",
                f"{path.name} 第 {number} 行：{fault.zh}。",
                f"Line {number} of {path.name}: {fault.en}.",
                EXIT_USAGE,
            )
        events.setdefault(name, []).append(_event(line))
    return [Scenario(name, events=tuple(rows)) for name, rows in events.items()]


def _event(line: dict[str, str]) -> Event:
    return Event(
        line["name_zh"],
        line["name_en"],
        date.fromisoformat(line["from_on"].strip()),
        date.fromisoformat(line["to_on"].strip()),
        tuple(line["districts"].split()) or (ALL,),
        float(line["new_grants_factor"]),
        float(line["demand_factor"]),
        line["source"],
        line["status"],
    )


def _fault(name: str, line: dict[str, str]) -> Text | None:
    """What is wrong with a row, if anything."""
    missing = [column for column in COLUMNS if line.get(column) is None]
    if missing:
        return Text(f"缺列 {', '.join(missing)}", f"no value for {', '.join(missing)}")
    if not name or name in {scenario.name for scenario in BUILT_IN}:
        return Text(f"情景名“{name}”为空或已被占用", f"the scenario's name '{name}' is empty or taken")
    try:
        event = _event(line)
    except ValueError as error:
        return Text(f"日期应为 YYYY-MM-DD，系数应为数：{error}", f"days are YYYY-MM-DD, factors numbers: {error}")
    if event.to_on < event.from_on:
        return Text(f"止于 {event.to_on}，早于 {event.from_on}", f"it ends on {event.to_on}, before {event.from_on}")
    if not all(np.isfinite(value) and value >= 0 for value in (event.new_grants_factor, event.demand_factor)):
        return Text("系数不得为负或无穷", "factors are finite and not negative")
    return None
