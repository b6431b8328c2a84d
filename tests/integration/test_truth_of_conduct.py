"""What the virtual city hides about its plants and laboratories, the warehouse finds: and accuses nobody else.

Belongs here: detections held against truth.json. Does not belong here: how a figure is computed (dbt's unit tests).
"""

from __future__ import annotations

import pytest
from virtual_city import City


def accused(city: City, rule: str) -> set[str]:
    """The plants, or of the laboratories' rule the laboratories, that have an open alert."""
    query = "SELECT DISTINCT coalesce(plant_id, subject) FROM marts.regulator_alerts WHERE rule = ? AND state = 'open'"
    if rule == "lab_too_regular":
        query = query.replace("coalesce(plant_id, subject)", "subject")
    return {row[0] for row in city.warehouse.execute(query, [rule]).fetchall()}


def test_laboratories_that_invent_results_stand_out_and_nobody_else(city: City) -> None:
    inventing = set(city.conduct["fabricating_labs"])
    grades = city.warehouse.execute(
        "SELECT lab_id, lab_grade, pulled_down_zh, pulled_down_en FROM marts.lab_grading_quarterly "
        "WHERE lab_grade <> 'unrated'"
    ).fetchall()
    assert {lab for lab, *_ in grades} >= inventing
    for lab, grade, chinese, english in grades:
        assert (grade == "D") == (lab in inventing), (lab, grade, english)
        if lab in inventing:
            assert "不等于认定" in chinese
            assert "no finding" in english
    assert accused(city, "lab_too_regular") == inventing


def test_scales_that_drift_to_the_end_are_alerts_and_no_other_scale_is(city: City) -> None:
    drifting = {
        (plant, scale["weighing"].rsplit("_", 1)[0])
        for plant, scale in city.conduct["drifting_scales"].items()
        if scale["calibrated_on"] is None
    }
    found = city.warehouse.execute(
        "SELECT DISTINCT plant_id, subject FROM marts.regulator_alerts "
        "WHERE rule IN ('scale_drifting', 'weighing_out_of_tolerance') AND state = 'open'"
    ).fetchall()
    assert drifting
    assert set(found) == drifting


def test_plants_that_hold_back_cement_are_alerts_though_their_scales_are_right(city: City) -> None:
    shaving = city.conduct["cement_shaved"]
    assert accused(city, "cement_below_filed") == set(shaving)
    deviations = city.warehouse.execute(
        "SELECT plant_id, deviation_from_target_pct, deviation_from_filed_pct FROM marts.weighing_compliance_monthly "
        "WHERE material = 'cement' AND list_contains(?, plant_id) AND weighings_against_filed > 30",
        [list(shaving)],
    ).fetchall()
    assert deviations
    for plant, from_target, from_filed in deviations:
        assert abs(from_target) < 1
        assert from_filed == pytest.approx(-100 * shaving[plant]["share"], abs=1)


def test_plants_that_sample_too_little_are_alerts(city: City) -> None:
    careless = set(city.conduct["sampling_share"])
    rows = city.warehouse.execute("SELECT plant_id FROM marts.regulator_alerts WHERE rule = 'undersampling'").fetchall()
    found = {plant for (plant,) in rows}
    assert careless <= found
    assert len(found - careless) <= 2, "honest plants of few cubic metres may miss a group"


def test_weak_plants_fail_most_lots(city: City) -> None:
    sigma = city.conduct["sigma_mpa"]
    failed = dict(
        city.warehouse.execute(
            "SELECT plant_id, count(*) FILTER (WHERE verdict = 'failed') / count(*) FROM marts.strength_acceptance "
            "WHERE verdict <> 'not_assessable' GROUP BY plant_id"
        ).fetchall()
    )
    weak = [failed[plant] for plant, value in sigma.items() if value >= 4.5]
    others = [failed[plant] for plant, value in sigma.items() if value < 4.5 and plant in failed]
    assert min(weak) > sum(others) / len(others)
    assert sum(weak) / len(weak) > 1.4 * sum(others) / len(others)
