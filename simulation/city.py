"""The virtual city's door: simulate it and write what its plants and bureaus send into a home's inbox.

Belongs here: the door and its report. Does not belong here: the model (model.py) and the files
(post.py). Everything written is synthetic and says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from simulation.model import City, hidden, make_city
from simulation.post import Post
from simulation.production import Production
from simulation.streams import day_of
from simulation.truth import Truth
from store.home import Home
from store.messages import TongmaiError, progress


@dataclass(frozen=True)
class SimulationReport:
    """What was written. Volumes in m3; `delivered_m3` is what a warehouse must find after all dirt."""

    seed: int
    scale: float
    first_on: str
    last_on: str
    plants: int
    projects: int
    files: int
    rows: dict[str, int]
    injected: dict[str, int]
    delivered_m3: float
    is_synthetic: bool = True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def simulate(
    home: Home,
    *,
    years: int = 3,
    scale: float = 0.1,
    seed: int = 20260101,
    end: date = date(2025, 12, 28),
    batch_weeks: int = 8,
) -> SimulationReport:
    """Write `years` of a synthetic city that ends on Sunday `end` into `home.inbox`, and `home.truth`.

    `scale` 1.0 is about 20 million m3 a year; batches are written for the last `batch_weeks` only. Equal
    arguments give byte-identical files, with equal modification times. Raises TongmaiError(`bad_simulation`) for
    arguments outside their range.
    """
    if not (1 <= years <= 10 and 0 < scale <= 2 and batch_weeks >= 0 and end.weekday() == 6):
        raise TongmaiError(
            "bad_simulation",
            "模拟参数不合要求：years 为 1–10，scale 为 0–2，batch_weeks 不小于 0，end 须为星期日。",
            "Cannot simulate this: years must be 1 to 10, scale above 0 and at most 2, batch_weeks not negative, "
            "end a Sunday.",
            exit_code=2,
        )
    city = make_city(seed, scale, years, end)
    progress(
        "simulate",
        f"虚拟城市（合成数据）：{len(city.projects)} 个项目，{int((~city.plants.is_candidate).sum())} 座搅拌站",
        f"virtual city (synthetic): {len(city.projects)} projects, {int((~city.plants.is_candidate).sum())} plants",
    )
    post = Post(home, city)
    post.send_bureau_files()
    production = Production(post, batch_weeks)
    production.open()
    delivered_m3 = post.send_plant_files(production.add)
    production.close()
    return _report(home, city, post.truth, delivered_m3, production.batch_m3)


def _report(home: Home, city: City, truth: Truth, delivered_m3: float, batch_m3: float) -> SimulationReport:
    """Write truth.json and say what was done."""
    rows, injected = Counter[str](), Counter[str]()
    for file in truth.files:
        rows[file["feed"]] += file["rows"]
        injected["rejected"] += file["rejected"]
        injected["duplicate"] += file["duplicate"]
    for row in truth.rows:
        if row["outcome"] in ("converted", "flagged"):
            injected[row["outcome"]] += 1
    last_day = city.first_day + 7 * city.weeks - 1
    report = SimulationReport(
        seed=city.seed,
        scale=city.scale,
        first_on=day_of(city.first_day).isoformat(),
        last_on=day_of(last_day).isoformat(),
        plants=int((~city.plants.is_candidate).sum()),
        projects=len(city.projects),
        files=len(truth.files),
        rows=dict(rows),
        injected=dict(injected),
        delivered_m3=round(delivered_m3, 1),
    )
    totals = {"delivered_m3": report.delivered_m3, "batch_m3": round(batch_m3, 2)}
    truth.write(home.truth, {**report.to_dict(), "note": "合成数据 | synthetic"}, totals, hidden(city))
    return report
