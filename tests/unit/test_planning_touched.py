"""Whom closures touch, in a sentence: what is not known is said, never shown as nothing."""

from __future__ import annotations

from planning.touched import Touched, touched_told


def plant(plant_id: str, trucks: int | None) -> Touched:
    return Touched((plant_id,), 1, 30.0, frozenset({"A"}), frozenset({"B"}), 100.0, frozenset({"A"}), trucks)


def test_plants_without_a_count_of_trucks_are_counted_beside_the_sum() -> None:
    told = touched_told([plant("P1", 7), plant("P2", None), plant("P3", 5)])[0]
    assert "12 辆（另 1 座站没有数据）" in told.zh
    assert "trucks: 12 (1 more plants: no data)" in told.en


def test_no_count_at_all_is_no_data() -> None:
    told = touched_told([plant("P1", None)])[0]
    assert "搅拌车：没有数据" in told.zh and "trucks: no data" in told.en
