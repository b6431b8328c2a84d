"""A group standard, and an inspector's score, entered in the reference files: what the warehouse makes of them.

Belongs here: rows added to a copy of the files, followed to the marts. Does not belong here: wrong entries
(unit/test_orchestration_reference).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from warehouse_built import Warehouses, rows_of
from warehouse_dbt import WITHOUT_TESTS, dbt

from orchestration.reference import check_reference
from store.home import REFERENCE, REPOSITORY, WAREHOUSE_FILE

FROM = date(2025, 2, 1)
STANDARD = "T/EXAMPLE 1-2025"
VISITED = ("JC1", date(2025, 4, 1))
ENTERED = {
    "standard_limits": [f"batched_to_discharged_min,60,min,association,5.1,{STANDARD},{FROM},unverified"],
    "strength_acceptance_rules": [
        f"few_groups,1,{grade},1.3,0,0.95,0,1,association,6.2,{STANDARD},{FROM},unverified" for grade in (0, 60)
    ],
    "weighing_tolerances": [f"cement,0.005,0.002,1,association,7.3,{STANDARD},{FROM},unverified"],
    "lab_site_scores": [f"{VISITED[0]},{VISITED[1]},40,2025-05-20,quality station", "JC9,2025-04-01,90,,slip"],
}
READ_BY = ("fct_deliveries", "strength_acceptance", "weighing_compliance_monthly", "lab_grading_quarterly")


class Overridden(NamedTuple):
    """The small city as it was, and with what was entered."""

    before: duckdb.DuckDBPyConnection
    after: duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def city(warehouses: Warehouses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overridden]:
    root = tmp_path_factory.mktemp("overridden")
    project = Path(shutil.copytree(REPOSITORY / "dbt", root / "dbt"))
    reference = Path(shutil.copytree(REFERENCE, root / "data" / "reference"))
    for name, lines in ENTERED.items():
        with (reference / f"{name}.csv").open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    check_reference(reference)
    path = Path(shutil.copy(warehouses.whole, root / WAREHOUSE_FILE))
    anew = ("--full-refresh",)  # as tongmai build has it where a reference file changed
    dbt(path, *WITHOUT_TESTS, *anew, "--select", *ENTERED, *READ_BY, "int_lab_indicators_quarterly", project=project)
    with (
        duckdb.connect(str(warehouses.whole), read_only=True) as before,
        duckdb.connect(str(path), read_only=True) as after,
    ):
        yield Overridden(before, after)


def test_the_haul_limit_is_the_associations_from_its_day_on(city: Overridden) -> None:
    limits = "SELECT DISTINCT delivered_on >= ?, limit_min FROM marts.fct_deliveries WHERE delivered_on IS NOT NULL"
    assert set(city.after.execute(limits, [FROM]).fetchall()) == {(False, 90.0), (True, 60.0)}
    wrong = "FROM marts.fct_deliveries WHERE is_over_limit <> (compliance_min > limit_min)"
    assert rows_of(city.after, wrong) == []
    over = "SELECT count(*) FROM marts.fct_deliveries WHERE is_over_limit"
    assert rows_of(city.after, over) > rows_of(city.before, over)


def test_lots_are_judged_by_the_associations_factors_from_its_day_on(city: Overridden) -> None:
    judged = rows_of(
        city.after,
        "SELECT month_start, standard, issuer, mean_limit_mpa / grade_strength_mpa, grade_strength_mpa "
        "FROM marts.strength_acceptance WHERE method = 'few_groups'",
    )
    assert {row[0] >= FROM for row in judged} == {True, False}
    for month, standard, issuer, factor, grade in judged:
        if month >= FROM:
            assert (standard, issuer, factor) == (STANDARD, "association", pytest.approx(1.3))
        else:
            assert (standard, issuer) == ("GB/T 50107-2010", "national")
            assert factor == pytest.approx(1.15 if grade < 60 else 1.1)


def test_weighings_of_cement_alone_are_held_against_the_associations_tolerance(city: Overridden) -> None:
    tolerances = rows_of(
        city.after,
        "SELECT DISTINCT month_start >= DATE '2025-02-01', material = 'cement', standard "
        "FROM marts.weighing_compliance_monthly WHERE material <> 'other'",
    )
    assert {standard for is_later, is_cement, standard in tolerances if is_later and is_cement} == {STANDARD}
    assert {row[2] for row in tolerances if not (row[0] and row[1])} == {"GB/T 14902-2012"}


def test_an_inspectors_score_counts_in_its_laboratory_and_quarter_alone(city: Overridden) -> None:
    graded = "SELECT lab_id, quarter_start, site_score, score, weight_assessed, pulled_down_zh, pulled_down_en "
    graded += "FROM marts.lab_grading_quarterly ORDER BY ALL"
    before = {row[:2]: row[2:] for row in rows_of(city.before, graded)}
    after = {row[:2]: row[2:] for row in rows_of(city.after, graded)}
    assert {key for key in before if before[key] != after[key]} == {VISITED}
    assert before.keys() == after.keys()
    _, score, weight, *_ = before[VISITED]
    site_score, new_score, new_weight, chinese, english = after[VISITED]
    # 40 is below the worst of the scale (50): no points, at a weight of 20 in 120.
    assert site_score == 40
    assert new_weight == pytest.approx(weight + 20 / 120, abs=1e-4)
    assert new_score == pytest.approx((score or 0) * weight / new_weight, abs=0.1)
    assert "现场检查得分 40" in chinese
    assert "on-site inspection gave 40" in english
