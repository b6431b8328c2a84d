"""The forecast's series and how they add up: city -> district, city -> grade class, district x grade class.

Belongs here: names, order and sums of series. Does not belong here: any value's origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DateArray = NDArray[np.datetime64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

LEVELS = ("city", "district", "grade_class", "district_grade_class")
ALL = "all"


@dataclass(frozen=True)
class Node:
    """One series; `district_code` and `grade_class` are `all` where it is a sum over them."""

    unique_id: str
    level: str
    district_code: str
    grade_class: str


@dataclass(frozen=True)
class Hierarchy:
    """Districts x grade classes and every sum of them. Node order: city, districts, grade classes, bottom."""

    districts: tuple[str, ...]
    grade_classes: tuple[str, ...]

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All N series; the last B are the bottom ones, district-major."""
        return (
            Node("city", "city", ALL, ALL),
            *(Node(district, "district", district, ALL) for district in self.districts),
            *(Node(f"grade/{grade}", "grade_class", ALL, grade) for grade in self.grade_classes),
            *(
                Node(f"{district}/{grade}", "district_grade_class", district, grade)
                for district in self.districts
                for grade in self.grade_classes
            ),
        )

    @property
    def bottom_count(self) -> int:
        return len(self.districts) * len(self.grade_classes)

    @cached_property
    def summing(self) -> FloatArray:
        """S (N, B): node = S @ bottom."""
        districts, grades = len(self.districts), len(self.grade_classes)
        return np.vstack(
            [
                np.ones((1, districts * grades)),
                np.kron(np.eye(districts), np.ones((1, grades))),
                np.kron(np.ones((1, districts)), np.eye(grades)),
                np.eye(districts * grades),
            ]
        )

    def rows(self, level: str) -> list[int]:
        """Positions of a level's nodes."""
        return [row for row, node in enumerate(self.nodes) if node.level == level]

    def aggregate(self, bottom: FloatArray) -> FloatArray:
        """(..., B, T) -> (..., N, T): every series from the bottom ones, by adding."""
        grid = bottom.reshape(*bottom.shape[:-2], len(self.districts), len(self.grade_classes), bottom.shape[-1])
        by_district = grid.sum(axis=-2)
        return np.concatenate(
            [by_district.sum(axis=-2, keepdims=True), by_district, grid.sum(axis=-3), bottom], axis=-2
        )

    def aggregate_districts(self, by_district: FloatArray) -> FloatArray:
        """(D, T) of a quantity that has no grade classes -> (N, T): each node gets its area's value."""
        city = by_district.sum(axis=0, keepdims=True)
        grades = len(self.grade_classes)
        return np.concatenate(
            [city, by_district, np.repeat(city, grades, axis=0), np.repeat(by_district, grades, axis=0)]
        )
