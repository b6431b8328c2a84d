"""Where things lie in the virtual city: districts, growth clusters, road speeds, spatial-plan zones.

Belongs here: points, distances, hauls and polygons. Does not belong here: who stands there.
District outlines are the schematic ones of `data/reference`, so a district here is that of the map.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulation.streams import Bools, Floats, Ints, stream
from store.home import REFERENCE

KM_PER_DEGREE = 111.195

# district -> (cluster, lon, lat, share of the district's projects, spread in km); schematic, of our own making
CLUSTERS: dict[str, tuple[tuple[str, float, float, float, float], ...]] = {
    "520102": (("花果园", 106.69, 26.565, 0.4, 1.8), ("龙洞堡空港", 106.79, 26.54, 0.6, 3.0)),
    "520103": (("大营坡", 106.72, 26.605, 0.6, 1.5), ("渔安新城", 106.755, 26.62, 0.4, 1.6)),
    "520111": (
        ("花溪大学城", 106.63, 26.39, 0.55, 3.0), ("孟关产业园", 106.72, 26.43, 0.3, 2.5),
        ("青岩", 106.68, 26.33, 0.15, 3.0),
    ),
    "520112": (("乌当新添", 106.80, 26.65, 0.6, 2.5), ("东风洛湾", 106.88, 26.66, 0.4, 3.5)),
    "520113": (("白云大道", 106.65, 26.70, 0.55, 2.2), ("都拉营", 106.69, 26.74, 0.45, 2.2)),
    "520115": (("观山湖金融城", 106.61, 26.645, 0.5, 2.2), ("金华朱昌", 106.54, 26.65, 0.5, 3.2)),
    "520121": (("开阳城关", 106.97, 27.06, 0.75, 3.0), ("开阳硒城", 107.06, 26.98, 0.25, 4.0)),
    "520122": (("息烽永靖", 106.73, 27.10, 0.7, 2.5), ("小寨坝", 106.68, 27.16, 0.3, 2.5)),
    "520123": (("修文龙场", 106.59, 26.85, 0.6, 2.5), ("扎佐", 106.65, 26.87, 0.4, 2.5)),
    "520181": (("清镇职教城", 106.47, 26.57, 0.6, 3.0), ("站街", 106.36, 26.61, 0.4, 3.5)),
}  # fmt: skip

# hidden road truth per district: km/h off peak, detour over great circle
SPEED_KMH = {
    "520102": 25.0, "520103": 23.0, "520111": 32.0, "520112": 33.0, "520113": 30.0,
    "520115": 29.0, "520121": 41.0, "520122": 42.0, "520123": 39.0, "520181": 37.0,
}  # fmt: skip
DETOUR = {
    "520102": 1.36, "520103": 1.38, "520111": 1.33, "520112": 1.42, "520113": 1.32,
    "520115": 1.30, "520121": 1.48, "520122": 1.44, "520123": 1.38, "520181": 1.34,
}  # fmt: skip
PEAK_HOURS = (7, 8, 17, 18)
PEAK_SPEED_FACTOR = {"urban": 0.78, "suburban": 0.85, "county": 0.97}
NIGHT_SPEED_FACTOR = 1.22  # 22:00 to 06:00


@dataclass(frozen=True)
class Districts:
    """The ten districts, in the order of the reference file."""

    codes: tuple[str, ...]
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    centers: Floats  # (districts, 2) lon, lat
    outlines: tuple[Floats, ...]  # each (vertices, 2)

    def index(self, code: str) -> int:
        return self.codes.index(code)

    @property
    def speed_kmh(self) -> Floats:
        """Off-peak km/h, shape (districts,)."""
        return np.array([SPEED_KMH[code] for code in self.codes])

    @property
    def detour(self) -> Floats:
        return np.array([DETOUR[code] for code in self.codes])

    def speed_factor(self) -> Floats:
        """Speed by hour of day over the off-peak speed, shape (districts, 24)."""
        factor = np.ones((len(self.codes), 24))
        factor[:, [*range(6), 22, 23]] = NIGHT_SPEED_FACTOR
        for row, kind in enumerate(self.kinds):
            factor[row, list(PEAK_HOURS)] = PEAK_SPEED_FACTOR[kind]
        return factor


def districts() -> Districts:
    """Read the reference files. Kinds are urban, suburban or county."""
    with (REFERENCE / "districts.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    shapes = json.loads((REFERENCE / "districts_schematic.geojson").read_text(encoding="utf-8"))
    outlines = {
        feature["properties"]["district_code"]: np.array(feature["geometry"]["coordinates"][0])
        for feature in shapes["features"]
    }
    return Districts(
        codes=tuple(row["district_code"] for row in rows),
        names=tuple(row["district_name"] for row in rows),
        kinds=tuple(row["kind"] for row in rows),
        centers=np.array([[float(row["center_lon"]), float(row["center_lat"])] for row in rows]),
        outlines=tuple(outlines[row["district_code"]] for row in rows),
    )


def is_inside(lon: Floats, lat: Floats, outline: Floats) -> Bools:
    """Ray casting: which points lie inside a ring of shape (vertices, 2)."""
    x1, y1 = outline.T
    x2, y2 = np.roll(outline, -1, axis=0).T
    slope = (x2 - x1) / np.where(y2 == y1, 1.0, y2 - y1)  # a level edge is never crossed
    straddles = (y1 > lat[:, None]) != (y2 > lat[:, None])
    crosses = straddles & (lon[:, None] < slope * (lat[:, None] - y1) + x1)
    return np.asarray(crosses.sum(axis=1) % 2 == 1)


def great_circle_km(lon1: Floats, lat1: Floats, lon2: Floats, lat2: Floats) -> Floats:
    """Great-circle kilometres (haversine, radius 6371.0088 km); shapes broadcast."""
    phi1, phi2 = np.radians(lat1), np.radians(lat2)
    half = np.sin((phi2 - phi1) / 2) ** 2
    half = half + np.cos(phi1) * np.cos(phi2) * np.sin(np.radians(lon2 - lon1) / 2) ** 2
    return np.asarray(2 * 6371.0088 * np.arcsin(np.sqrt(half)))


def scatter(rng: np.random.Generator, area: Districts, district: Ints, spread: float = 1.0) -> Floats:
    """Points (n, 2) around each district's growth clusters, inside its outline; `spread` widens the clusters."""
    points = np.empty((len(district), 2))
    for row, code in enumerate(area.codes):
        here = np.flatnonzero(district == row)
        clusters = CLUSTERS[code]
        chosen = rng.choice(len(clusters), len(here), p=[cluster[3] for cluster in clusters])
        heart = np.array([[cluster[1], cluster[2]] for cluster in clusters])[chosen]
        sigma_km = np.array([cluster[4] for cluster in clusters])[chosen] * spread
        step = rng.standard_normal((len(here), 2)) * (sigma_km / KM_PER_DEGREE)[:, None]
        step[:, 0] /= np.cos(np.radians(heart[:, 1]))
        outside = np.arange(len(here))
        for _ in range(12):  # a point outside its district moves half-way towards the cluster
            lon, lat = (heart[outside] + step[outside]).T
            outside = outside[~is_inside(lon, lat, area.outlines[row])]
            step[outside] *= 0.5
        points[here] = heart + step
    return points


@dataclass(frozen=True)
class Zone:
    """One polygon of the spatial plan."""

    zone_id: str
    name: str
    kind: str
    ring: Floats  # (vertices, 2), closed


# (kind, name, lon, lat, radius in km)
_ZONES: tuple[tuple[str, str, float, float, float], ...] = (
    ("ecological_redline", "黔灵山", 106.685, 26.605, 1.8),
    ("ecological_redline", "阿哈水库", 106.645, 26.535, 2.6),
    ("ecological_redline", "红枫湖", 106.40, 26.50, 4.2),
    ("ecological_redline", "百花湖", 106.52, 26.69, 3.0),
    ("ecological_redline", "花溪水库", 106.62, 26.43, 1.6),
    ("ecological_redline", "渔洞峡", 106.84, 26.61, 2.2),
    ("ecological_redline", "长坡岭", 106.66, 26.665, 1.5),
    ("ecological_redline", "松柏山水库", 106.60, 26.35, 2.0),
    ("ecological_redline", "南江峡谷", 107.02, 26.93, 3.5),
    ("ecological_redline", "息烽温泉", 106.80, 27.22, 3.0),
    ("ecological_redline", "六广河", 106.48, 26.98, 3.5),
    ("ecological_redline", "相思河", 106.88, 26.80, 3.0),
    ("ecological_control", "环城林带东", 106.78, 26.59, 2.4),
    ("ecological_control", "环城林带西", 106.57, 26.58, 2.4),
    ("ecological_control", "环城林带北", 106.74, 26.70, 2.2),
    ("ecological_control", "青岩古镇", 106.69, 26.33, 2.4),
    ("ecological_control", "开阳十里画廊", 107.08, 27.00, 3.6),
    ("ecological_control", "修文阳明洞", 106.61, 26.83, 1.8),
    ("urban_boundary", "中心城区", 106.69, 26.59, 11.0),
    ("urban_boundary", "花溪组团", 106.66, 26.41, 6.5),
    ("urban_boundary", "白云组团", 106.66, 26.73, 4.0),
    ("urban_boundary", "清镇组团", 106.46, 26.57, 5.0),
    ("urban_boundary", "开阳城区", 106.97, 27.06, 4.2),
    ("urban_boundary", "息烽城区", 106.73, 27.10, 3.6),
    ("urban_boundary", "修文城区", 106.60, 26.85, 4.2),
    ("industrial", "孟关产业园", 106.73, 26.42, 2.6),
    ("industrial", "空港产业园", 106.81, 26.53, 2.4),
    ("industrial", "沙文产业园", 106.63, 26.77, 2.6),
    ("industrial", "麦架产业园", 106.62, 26.72, 2.0),
    ("industrial", "金华产业园", 106.55, 26.62, 2.2),
    ("industrial", "站街产业园", 106.36, 26.62, 2.6),
    ("industrial", "扎佐产业园", 106.66, 26.88, 2.6),
    ("industrial", "小寨坝产业园", 106.68, 27.16, 2.6),
    ("industrial", "双流产业园", 107.02, 27.02, 2.6),
    ("industrial", "洛湾产业园", 106.89, 26.65, 2.2),
)


def zones(seed: int) -> tuple[Zone, ...]:
    """The spatial plan of the virtual city: irregular rings of 24 vertices around the listed places."""
    rng = stream(seed, "zones")
    made = []
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    for number, (kind, name, lon, lat, radius_km) in enumerate(_ZONES, start=1):
        wobble = 1 + sum(rng.normal(0, 0.16 / k) * np.cos(k * angle + rng.uniform(0, 6.28)) for k in (1, 2, 3, 4))
        radius = radius_km / KM_PER_DEGREE * np.clip(wobble, 0.5, 1.6)
        ring = np.column_stack(
            [lon + radius * np.cos(angle) / np.cos(np.radians(lat)), lat + radius * np.sin(angle)],
        ).round(5)
        made.append(Zone(f"Z{number:03d}", f"虚拟·{name}", kind, np.vstack([ring, ring[:1]])))
    return tuple(made)


def is_in_zones(lon: Floats, lat: Floats, plan: tuple[Zone, ...], kind: str) -> Bools:
    """Which points lie in any zone of `kind`."""
    hit = np.zeros(len(lon), dtype=bool)
    for zone in plan:
        if zone.kind == kind:
            hit |= is_inside(lon, lat, zone.ring[:-1])
    return hit


def zones_geojson(plan: tuple[Zone, ...]) -> dict[str, Any]:
    """The zones as the planning bureau would hand them over: WGS-84, one feature per zone."""
    return {
        "type": "FeatureCollection",
        "name": "虚拟城市国土空间规划（合成数据）",
        "features": [
            {
                "type": "Feature",
                "properties": {
                    "zone_id": zone.zone_id,
                    "zone_name": zone.name,
                    "kind": zone.kind,
                    "source_document": "synthetic",
                },
                "geometry": {"type": "Polygon", "coordinates": [zone.ring.tolist()]},
            }
            for zone in plan
        ],
    }
