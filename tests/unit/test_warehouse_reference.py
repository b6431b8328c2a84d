"""The warehouse's reference files and its SQL, as they lie in the repository.

Belongs here: what can be said without building. Does not belong here: figures (tests/integration).
"""

from __future__ import annotations

import csv
import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.reference import read_declared
from pipelines.feeds import FEEDS
from pipelines.feeds.materials import MATERIALS, OTHER
from store.home import REFERENCE, REPOSITORY

DBT = REPOSITORY / "dbt"
SEEDS = yaml.safe_load((DBT / "dbt_project.yml").read_text(encoding="utf-8"))["seeds"]["tongmai"]
NAMES = [name for name in SEEDS if not name.startswith("+")]
# What a standard sets holds from a date on, until the next row of the same key.
STANDARDS = {table.name: table.key[:-1] for table in read_declared(REFERENCE) if table.key[-1] == "valid_from"}
WALL_CLOCK = re.compile(r"\b(now|current_date|current_timestamp|today|random|uuid)\b", re.IGNORECASE)


def read(name: str) -> list[dict[str, str]]:
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def codes(feed: str, column: str) -> set[str]:
    (field,) = [field for field in FEEDS[feed].fields if field.name == column]
    return set(field.codes)


@pytest.mark.parametrize("name", NAMES)
def test_every_enabled_seed_is_there_with_the_columns_it_types(name: str) -> None:
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    assert set(SEEDS[name]["+column_types"]) <= set(header)


@pytest.mark.parametrize(
    "name",
    [
        "warehouse_assumptions",
        "hour_bands",
        "permit_intensities",
        "currencies",
        "lab_indicators",
        "lab_grades",
        "alert_rules",
        *STANDARDS,
    ],
)
def test_every_number_has_unit_source_and_status(name: str) -> None:
    for row in read(name):
        assert row["unit"], row
        assert row["source"], row
        assert row["status"] in ("verified", "secondary", "unverified"), row


@pytest.mark.parametrize("name", STANDARDS)
def test_every_figure_of_a_standard_has_issuer_clause_and_date(name: str) -> None:
    rows = read(name)
    for row in rows:
        assert row["issuer"], row
        assert row["clause"], row
        assert date.fromisoformat(row["valid_from"]), row


def test_every_material_has_its_tolerances_and_carbon_factor() -> None:
    materials = set(MATERIALS)
    assert {row["material"] for row in read("weighing_tolerances")} == materials - {OTHER}
    for kind in ("material", "material_haul"):
        assert {row["subject"] for row in read("carbon_factors") if row["kind"] == kind} == materials


def test_every_limit_that_is_asked_for_is_there() -> None:
    sql = "\n".join(path.read_text(encoding="utf-8") for path in sql_files())
    asked = {
        name for names in re.findall(r"limits_in_force\(\s*\[([^\]]+)\]", sql) for name in re.findall(r"\w+", names)
    }
    assert asked
    (limits,) = [table for table in read_declared(REFERENCE) if table.name == "standard_limits"]
    assert asked == limits.one_of["name"] == {row["name"] for row in read("standard_limits")}


def test_every_rule_of_an_alert_is_looked_at_and_every_one_looked_at_is_there() -> None:
    sql = (DBT / "models" / "intermediate" / "int_rules_checked.sql").read_text(encoding="utf-8")
    assert set(re.findall(r"'(\w+)' as rule", sql)) == {row["rule"] for row in read("alert_rules")}


def test_every_assumption_is_used_and_every_one_used_is_there() -> None:
    sql = "\n".join(path.read_text(encoding="utf-8") for path in sql_files())
    used = set(re.findall(r"assumption\('(\w+)'", sql))
    assert used == {row["name"] for row in read("warehouse_assumptions")}


def test_the_hours_of_a_day_have_one_band_each() -> None:
    bands = {int(row["hour"]): row["hour_band"] for row in read("hour_bands")}
    assert sorted(bands) == list(range(24))
    assert set(bands.values()) == {"peak", "offpeak", "night"}


def test_the_reference_covers_the_feeds_codes() -> None:
    assert {row["status"] for row in read("delivery_statuses")} == codes("deliveries", "status")
    assert {row["use"] for row in read("permit_intensities")} == codes("permits", "use")
    assert {row["material"] for row in read("materials")} == set(MATERIALS)


def test_grade_classes_leave_no_gap_in_their_order() -> None:
    classes = read("grade_classes")
    for lower, higher in pairwise(classes):
        assert int(lower["max_strength_mpa"]) < int(higher["min_strength_mpa"])


def test_holidays_are_ordered_and_make_up_days_fall_on_weekends() -> None:
    rest: list[tuple[date, date]] = []
    for row in read("holidays"):
        first, last = date.fromisoformat(row["from_on"]), date.fromisoformat(row["to_on"])
        assert first <= last, row
        if row["kind"] == "make_up_workday":
            assert first.weekday() >= 5, row
        if row["kind"] == "rest":
            rest.append((first, last))
    assert all(earlier[1] < later[0] for earlier, later in pairwise(sorted(rest))), "two holidays share a day"
    festivals = [
        row["from_on"][:4] for row in read("holidays") if (row["kind"], row["name_zh"]) == ("festival", "春节")
    ]
    assert festivals == [str(year) for year in range(2018, 2033)]


def sql_files() -> list[Path]:
    return sorted(path for folder in ("models", "macros", "tests") for path in (DBT / folder).rglob("*.sql"))


@pytest.mark.parametrize("path", sql_files(), ids=lambda path: path.stem)
def test_no_model_depends_on_when_it_runs(path: Path) -> None:
    assert not WALL_CLOCK.search(path.read_text(encoding="utf-8"))


def test_a_column_of_a_mart_has_one_type() -> None:
    types: dict[str, set[str]] = {}
    for path in sorted((DBT / "models" / "marts").glob("*.yml")):
        model: dict[str, Any]
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            for column in model["columns"]:
                types.setdefault(column["name"], set()).add(column["data_type"])
    assert {name: found for name, found in types.items() if len(found) > 1} == {}
