"""The hidden truth: how permits turn into weekly concrete, and into which grades.

Belongs here: lag kernels, parts and grades, the weekly demand of each project. Does not belong here:
orders drawn from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from simulation.geography import Districts
from simulation.permits import USES, Projects
from simulation.streams import Floats, Ints, stream

CITY_M3_PER_YEAR = 20e6  # at scale 1.0
KERNEL_WEEKS = 79  # 0 to 18 months
# gamma lag from permit to concrete per use: mean weeks, shape
LAG = {
    "residential": (33, 3.2), "commercial": (37, 3.5), "industrial": (19, 2.4),
    "public": (28, 3.0), "municipal": (22, 2.2), "transport": (35, 2.8),
}  # fmt: skip
PROJECT_WEEK_CV = 0.45  # a site's weeks are lumpy
DISTRICT_WEEK_SIGMA = 0.05  # weather, inspections: shared by a district's sites for some weeks
STAGES = 5

GRADES = (
    "C15", "C20", "C25", "细石C25", "LC20", "C30", "C30P6", "C30P8", "C30F150", "C35", "C35P6", "C35P8",
    "C35F150", "C40", "C40P8", "C45", "C50", "C55", "C60", "C10",
)  # fmt: skip
BASE_PRICE_CNY_PER_M3 = np.array(
    [325, 340, 355, 375, 520, 375, 385, 390, 392, 392, 402, 408, 410, 412, 425, 435, 465, 495, 535, 315],
    dtype=float,
)
GRADE_CLASSES = ("c10_c25", "c30_c35", "c40_c45", "c50_c100")
_CLASS_FLOOR_MPA = np.array([10, 30, 40, 50])
GRADE_MPA = np.array([int(found.group(1)) for found in (re.search(r"C(\d+)", grade) for grade in GRADES) if found])
GRADE_CLASS = np.searchsorted(_CLASS_FLOOR_MPA, GRADE_MPA, side="right") - 1

# structure part -> shares of grades
PARTS: dict[str, dict[str, float]] = {
    "垫层": {"C15": 0.7, "C20": 0.2, "C10": 0.1},
    "桩基": {"C30": 0.6, "C35": 0.4},
    "基础底板": {"C35P8": 0.45, "C30P6": 0.35, "C40P8": 0.20},
    "地下室外墙": {"C35P6": 0.5, "C30P8": 0.3, "C40P8": 0.2},
    "剪力墙": {"C30": 0.25, "C35": 0.25, "C40": 0.25, "C50": 0.15, "C60": 0.10},
    "框架柱": {"C40": 0.40, "C45": 0.20, "C50": 0.26, "C55": 0.06, "C60": 0.08},
    "梁板": {"C30": 0.68, "C35": 0.27, "C25": 0.05},
    "二次结构": {"C20": 0.30, "C25": 0.42, "细石C25": 0.24, "LC20": 0.04},
    "道路面层": {"C30F150": 0.40, "C35F150": 0.30, "C40": 0.15, "C25": 0.15},
    "桥墩": {"C40": 0.6, "C50": 0.3, "C35": 0.1},
    "箱梁": {"C50": 0.75, "C55": 0.20, "C60": 0.05},
    "隧道衬砌": {"C30P8": 0.6, "C35P8": 0.4},
    "设备基础": {"C30": 0.5, "C35": 0.3, "C40": 0.2},
}
_BUILDING = (
    {"垫层": 0.35, "桩基": 0.65},
    {"基础底板": 0.6, "地下室外墙": 0.3, "框架柱": 0.1},
    {"剪力墙": 0.3, "框架柱": 0.2, "梁板": 0.5},
    {"剪力墙": 0.25, "框架柱": 0.15, "梁板": 0.6},
    {"二次结构": 0.6, "梁板": 0.25, "道路面层": 0.15},
)
_FRAME = (_BUILDING[0], _BUILDING[1], *({"框架柱": 0.35, "梁板": 0.65},) * 2, _BUILDING[4])
_SHED = (
    {"桩基": 0.8, "垫层": 0.2}, {"基础底板": 1.0}, {"设备基础": 0.6, "框架柱": 0.4}, {"梁板": 0.7, "设备基础": 0.3},
    {"道路面层": 0.6, "二次结构": 0.4},
)  # fmt: skip
_ROAD = ({"垫层": 0.5, "桩基": 0.5}, {"桥墩": 0.4, "道路面层": 0.6}, *({"道路面层": 0.8, "箱梁": 0.2},) * 3)
_RAIL = ({"桩基": 1.0}, {"桥墩": 0.6, "隧道衬砌": 0.4}, *({"箱梁": 0.4, "隧道衬砌": 0.6},) * 2, {"道路面层": 1.0})
_STAGE_PARTS = {
    "residential": _BUILDING, "commercial": _FRAME, "industrial": _SHED,
    "public": _FRAME, "municipal": _ROAD, "transport": _RAIL,
}  # fmt: skip
PART_NAMES = tuple(PARTS)


def part_shares() -> Floats:
    """Share of each structure part by use and building stage, shape (uses * STAGES, parts)."""
    shares = np.zeros((len(USES) * STAGES, len(PARTS)))
    for row, use in enumerate(USES):
        for stage, parts in enumerate(_STAGE_PARTS[use]):
            for part, share in parts.items():
                shares[row * STAGES + stage, PART_NAMES.index(part)] = share
    return shares


def grade_shares() -> Floats:
    """Share of each grade by structure part, shape (parts, grades)."""
    shares = np.zeros((len(PARTS), len(GRADES)))
    for row, grades in enumerate(PARTS.values()):
        for grade, share in grades.items():
            shares[row, GRADES.index(grade)] = share
    return shares


def lag_kernels() -> Floats:
    """Share of a permit's concrete poured per week after issue, shape (uses, KERNEL_WEEKS); rows sum to 1."""
    week = np.arange(KERNEL_WEEKS) + 0.5
    rows = []
    for use in USES:
        mean_weeks, shape = LAG[use]
        density = week ** (shape - 1) * np.exp(-week * shape / mean_weeks)
        rows.append(density / density.sum())
    return np.array(rows)


@dataclass(frozen=True)
class Demand:
    """Hidden demand. `m3` (projects, weeks) is the concrete each project pours, `stage` its building stage."""

    m3: Floats
    stage: Ints

    def by_district_and_class(self, projects: Projects, area: Districts) -> Floats:
        """Hidden weekly demand, m3, shape (districts, grade classes, weeks)."""
        to_class = np.eye(len(GRADE_CLASSES))[GRADE_CLASS]
        shares = part_shares() @ grade_shares() @ to_class  # (uses * stages, classes)
        by_class = shares[projects.use[:, None] * STAGES + self.stage]  # (projects, weeks, classes)
        weekly = np.zeros((len(area.codes), len(GRADE_CLASSES), self.m3.shape[1]))
        for row in range(len(area.codes)):
            here = projects.district == row
            weekly[row] = np.einsum("pw,pwc->cw", self.m3[here], by_class[here])
        return weekly


def expected_m3(projects: Projects, first_day: int, weeks: int, week_level: Floats) -> tuple[Floats, Ints]:
    """Permit times kernel times season: m3 and stage, each (projects, weeks), before the weeks' own noise."""
    kernel = lag_kernels()
    progress = np.minimum(np.cumsum(kernel, axis=1) - kernel / 2, 0.999)
    lag = np.arange(weeks)[None, :] - (projects.issued[:, None] - first_day) // 7
    within = (lag >= 0) & (lag < KERNEL_WEEKS)
    slot = np.clip(lag, 0, KERNEL_WEEKS - 1)
    m3 = projects.concrete_m3[:, None] * kernel[projects.use[:, None], slot] * within * week_level
    m3 *= (first_day + 7 * np.arange(weeks))[None, :] < projects.stopped[:, None]
    return m3, np.floor(progress[projects.use[:, None], slot] * STAGES).astype(np.int64)


def make_demand(seed: int, projects: Projects, area: Districts, first_day: int, week_level: Floats) -> Demand:
    """Draw the weeks' noise over `expected_m3`; `week_level` has shape (weeks,)."""
    rng = stream(seed, "demand")
    weeks = len(week_level)
    m3, stage = expected_m3(projects, first_day, weeks, week_level)
    shape = 1 / PROJECT_WEEK_CV**2
    m3 *= rng.gamma(shape, 1 / shape, m3.shape)
    shock = rng.standard_normal((len(area.codes), weeks + 40))
    memory = 0.7 ** np.arange(20)[::-1]
    lasting = np.array([np.convolve(row, memory, mode="valid")[:weeks] for row in shock])
    lasting *= DISTRICT_WEEK_SIGMA / np.sqrt((memory**2).sum())
    return Demand(m3 * np.exp(lasting)[projects.district], stage)
