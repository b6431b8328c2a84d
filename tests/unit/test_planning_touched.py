"""Whom closures touch, in a sentence: what is not known is said, never shown as nothing."""

from __future__ import annotations

from dataclasses import replace

from planning.touched import Touched, touched_columns, touched_told


def plant(plant_id: str, trucks: int | None) -> Touched:
    return Touched((plant_id,), 1, 30.0, frozenset({"A"}), frozenset({"B"}), 100.0, frozenset({"A"}), trucks)


def test_plants_without_a_count_of_trucks_are_counted_beside_the_sum() -> None:
    told = touched_told([plant("P1", 7), plant("P2", None), plant("P3", 5)])[0]
    assert "12 辆（另 1 座站没有数据）" in told.zh
    assert "trucks: 12 (1 more plants: no data)" in told.en


def test_no_count_at_all_is_no_data() -> None:
    told = touched_told([plant("P1", None)])[0]
    assert "搅拌车：没有数据" in told.zh and "trucks: no data" in told.en


def test_without_a_complete_week_the_volume_is_unknown_and_never_nothing() -> None:
    new = replace(plant("P1", 7), m3_52w=None, projects=frozenset())
    told = touched_told([new, new])[0]
    assert "近 52 周供应量：没有数据（还没有完整的周）" in told.zh
    assert "last 52 weeks: no data (no complete week yet)" in told.en
    assert touched_columns([new])["m3_52w"] == touched_columns([new])["projects_52w"] == [None]
