"""Projects and their permits: what will be built, where, how large, and when the bureau tells us.

Belongs here: arrivals of projects, their attributes, the versions of their permits. Does not belong
here: when their concrete is poured (demand.py) and how the bureau's files look (bureau.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from simulation.geography import Districts, scatter
from simulation.streams import Floats, Ints, day_number, day_of, stream

USES = ("residential", "commercial", "industrial", "public", "municipal", "transport")
STATUSES = ("active", "changed", "suspended", "revoked", "completed")
STRUCTURES = ("框架", "剪力墙", "框架-剪力墙", "钢混组合", "装配式")

USE_SHARE = np.array([0.40, 0.14, 0.16, 0.16, 0.09, 0.05])
MEDIAN_AREA_M2 = np.array([14_000, 10_000, 8_000, 7_000, 6_000, 16_000], dtype=float)  # before calibration
AREA_SIGMA = 0.85
INTENSITY_M3_PER_M2 = np.array([0.46, 0.52, 0.38, 0.48, 0.62, 0.95])  # hidden
CNY_PER_M2 = np.array([2_600, 3_400, 1_900, 3_300, 2_200, 5_200], dtype=float)

# share of new projects, growth of arrivals per year
DISTRICT_LEVEL = {
    "520102": (0.15, -0.04), "520103": (0.09, -0.06), "520111": (0.16, 0.05), "520112": (0.08, 0.00),
    "520113": (0.10, 0.02), "520115": (0.18, 0.08), "520121": (0.05, 0.00), "520122": (0.03, -0.02),
    "520123": (0.06, 0.03), "520181": (0.10, 0.04),
}  # fmt: skip
PROJECTS_PER_YEAR = 300  # at scale 0.1; grows with scale ** 0.6, each project's size with the rest
HISTORY_WEEKS = 104  # permits issued before the window, so that its first week already pours
DOWNTURN_START_WEEK = 60
DOWNTURN_WEEKS = 39
DOWNTURN_DEPTH = 0.35
ISSUE_MONTH_LEVEL = np.array([0.7, 0.6, 1.1, 1.1, 1.1, 1.1, 1.0, 1.0, 1.05, 1.0, 1.1, 1.15])


@dataclass(frozen=True)
class Projects:
    """One project = one permit; arrays of shape (projects,), sorted by the day of issue."""

    permit_no: list[str]
    project_id: list[str]
    name: list[str]
    builder: list[str]
    contractor: list[str]
    structure: Ints
    district: Ints
    use: Ints
    lon: Floats
    lat: Floats
    floor_area_m2: Floats  # as finally permitted
    contract_cny: Floats
    concrete_m3: Floats  # hidden: what it will take in all
    issued: Ints  # day number
    planned_start: Ints
    planned_end: Ints
    stopped: Ints  # day number from which nothing is poured; far future when never

    def __len__(self) -> int:
        return len(self.permit_no)


@dataclass(frozen=True)
class PermitVersions:
    """Every state of every permit: row of `Projects`, status, area and the instants."""

    project: Ints
    status: Ints
    floor_area_m2: Floats
    known_s: Ints  # city seconds at which the platform learnt of it


def downturn(week: Floats) -> Floats:
    """Level of permit arrivals by week of the window: 1, then falling by DOWNTURN_DEPTH over DOWNTURN_WEEKS."""
    return np.asarray(1 - DOWNTURN_DEPTH * np.clip((week - DOWNTURN_START_WEEK) / DOWNTURN_WEEKS, 0, 1))


def make_projects(seed: int, scale: float, area: Districts, first_day: int, weeks: int) -> Projects:
    """Draw the projects permitted from HISTORY_WEEKS before `first_day` to the end of the window."""
    rng = stream(seed, "projects")
    week = np.arange(-HISTORY_WEEKS, weeks)
    month = np.array([day_of(first_day + 7 * int(w)).month - 1 for w in week])
    level = np.array([DISTRICT_LEVEL[code] for code in area.codes])
    rate = downturn(week.astype(float)) * ISSUE_MONTH_LEVEL[month]
    rate = level[:, :1] * np.exp(level[:, 1:] * week / 52) * rate  # (districts, weeks)
    per_week = PROJECTS_PER_YEAR / 52 * (scale / 0.1) ** 0.6
    counts = np.floor(rate / level[:, 0].sum() * per_week + rng.random(rate.shape)).astype(int)
    district, column = (np.repeat(axis, counts.ravel()) for axis in np.divmod(np.arange(rate.size), rate.shape[1]))
    size = len(district)
    issued = first_day + 7 * week[column] + rng.integers(0, 5, size)
    order = np.lexsort((district, issued))
    district, issued = district[order], issued[order]

    use = rng.choice(len(USES), size, p=USE_SHARE)
    floor_area_m2 = MEDIAN_AREA_M2[use] * np.exp(AREA_SIGMA * np.clip(rng.standard_normal(size), -2.5, 2.3))
    intensity = INTENSITY_M3_PER_M2[use] * np.exp(0.18 * rng.standard_normal(size))
    points = scatter(rng, area, district)
    duration_d = np.clip(420 * (floor_area_m2 / 12_000) ** 0.25 * np.exp(0.2 * rng.standard_normal(size)), 150, 1_100)
    planned_start = issued + rng.integers(7, 60, size)
    stops = rng.random(size) < 0.03
    codes = np.array(area.codes)[district]
    days = np.array([day_of(d).strftime("%Y%m%d") for d in issued.tolist()])
    return Projects(
        permit_no=[f"{c}{d}{n % 10_000:04d}" for n, (c, d) in enumerate(zip(codes, days, strict=True), start=1)],
        project_id=[f"XM{d[:4]}-{n:05d}" for n, d in enumerate(days, start=1)],
        name=_project_names(rng, area, district, use),
        builder=[f"虚拟示例建设{n:02d}有限公司" for n in rng.integers(1, 90, size)],
        contractor=[f"虚拟示例施工{n:02d}有限公司" for n in rng.integers(1, 60, size)],
        structure=rng.integers(0, len(STRUCTURES), size),
        district=district,
        use=use,
        lon=points[:, 0].round(6),
        lat=points[:, 1].round(6),
        floor_area_m2=floor_area_m2,
        contract_cny=(floor_area_m2 * CNY_PER_M2[use] * np.exp(0.2 * rng.standard_normal(size))),
        concrete_m3=floor_area_m2 * intensity,
        issued=issued,
        planned_start=planned_start,
        planned_end=planned_start + duration_d.astype(int),
        stopped=np.where(stops, issued + rng.integers(60, 400, size), day_number(date(2100, 1, 1))),
    )


def _project_names(rng: np.random.Generator, area: Districts, district: Ints, use: Ints) -> list[str]:
    kinds = ("花园", "商务中心", "标准厂房", "学校", "道路工程", "快速路标段")
    words = ("云栖", "黔韵", "林城", "溪山", "甲秀", "筑新", "南岳", "清湖", "文昌", "金竹")
    word = rng.integers(0, len(words), len(district))
    lot = rng.integers(1, 30, len(district))
    return [
        f"虚拟·{area.names[d][:2]}{words[w]}{kinds[u]}{n}号"
        for d, w, u, n in zip(district, word, use, lot, strict=True)
    ]


def resized(projects: Projects, factor: float) -> Projects:
    """The same projects with area, value and concrete times `factor` (the calibration to the city's volume)."""
    return replace(
        projects,
        floor_area_m2=np.maximum(50, projects.floor_area_m2 * factor).round(),
        contract_cny=np.maximum(50_000, projects.contract_cny * factor).round(2),
        concrete_m3=projects.concrete_m3 * factor,
    )


def make_versions(seed: int, projects: Projects, cut_s: int) -> PermitVersions:
    """Versions known before `cut_s`, sorted by the instant they became known."""
    rng = stream(seed, "permit versions")
    size = len(projects)
    rows = np.arange(size)
    changes = rng.random(size) < 0.12
    first_area = np.where(changes, projects.floor_area_m2 * np.exp(0.15 * rng.standard_normal(size)), 0).round()
    first_area = np.where(changes, first_area, projects.floor_area_m2)
    stops = projects.stopped < day_number(date(2099, 1, 1))
    revoked = stops & (rng.random(size) < 0.4)
    finished = projects.planned_end + rng.integers(-30, 120, size)
    events = [  # (who, status, day, floor area)
        (rows, 0, projects.issued, first_area),
        (rows[changes], 1, (projects.issued + rng.integers(25, 260, size))[changes], projects.floor_area_m2[changes]),
        (rows[stops], 2, projects.stopped[stops], projects.floor_area_m2[stops]),
        (rows[revoked], 3, (projects.stopped + 120)[revoked], projects.floor_area_m2[revoked]),
        (rows[~stops], 4, finished[~stops], projects.floor_area_m2[~stops]),
    ]
    project = np.concatenate([event[0] for event in events])
    status = np.concatenate([np.full(len(event[0]), event[1]) for event in events])
    day = np.concatenate([event[2] for event in events])
    floor_area_m2 = np.concatenate([event[3] for event in events])
    delay_d = np.clip(np.exp(np.log(8) + 0.7 * rng.standard_normal(len(project))), 1, 50)
    known_s = ((day + delay_d.astype(int)) * 86_400 + rng.integers(9 * 3600, 17 * 3600, len(project))).astype(np.int64)
    # a later state never becomes known before an earlier one
    order = np.lexsort((status, day, project))
    project, status, floor_area_m2, known_s = project[order], status[order], floor_area_m2[order], known_s[order]
    same = np.concatenate([[False], project[1:] == project[:-1]])
    for _ in range(3):
        later = np.concatenate([[0], known_s[:-1] + 86_400])
        known_s = np.where(same, np.maximum(known_s, later), known_s)
    kept = known_s < cut_s
    order = np.lexsort((project[kept], known_s[kept]))
    return PermitVersions(*(column[kept][order] for column in (project, status, floor_area_m2, known_s)))
