"""The schematic district map (示意图): drawn by us from the district centres alone, no survey data in it.

Belongs here: making `data/reference/districts_schematic.geojson`. Does not belong here: colouring it.
Run `python -m dashboard.schematic` after the centres change.

Every district is the set of points nearest to its centre (a Voronoi cell) within a rounded outline,
drawn a little smaller and with rounded corners, like stones in concrete. It shows neighbours and rough
position; areas and borders mean nothing.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from store.home import REFERENCE

Points = npt.NDArray[np.float64]
"""(n, 2): longitude × cos(mid latitude) and latitude, in degrees of latitude, so that distances compare."""

CENTRES = REFERENCE / "districts.csv"
SCHEMATIC = REFERENCE / "districts_schematic.geojson"

MARGIN_DEG = 0.19  # from the outermost centres to the outline
SEAM_DEG = 0.005  # half the gap between two districts
ROUNDINGS = 4  # times that corners are cut


def main() -> None:
    SCHEMATIC.write_text(render(CENTRES), encoding="utf-8")


def render(centres: Path) -> str:
    """The GeoJSON text: one Feature per district, in the file's order; the same text for the same centres."""
    with centres.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    degrees = np.array([[float(row["center_lon"]), float(row["center_lat"])] for row in rows])
    scale = np.array([math.cos(math.radians(float(degrees[:, 1].mean()))), 1.0])
    sites = degrees * scale
    outline = _outline(sites)
    cells = (_cell(sites, index, outline) for index in range(len(rows)))
    features = [_feature(row, _rounded(_inset(cell, SEAM_DEG)) / scale) for row, cell in zip(rows, cells, strict=True)]
    collection = {
        "type": "FeatureCollection",
        "name": "districts_schematic",
        "note": "示意图，非行政区划边界，由区县中心点生成 | schematic, no boundaries: made from the district centres",
        "made_by": "python -m dashboard.schematic",
        "license": "Apache-2.0",
        "features": features,
    }
    return json.dumps(collection, ensure_ascii=False, indent=None, separators=(",", ":")).replace(
        '{"type":"Feature"', '\n{"type":"Feature"'
    )


def _feature(row: dict[str, str], ring: Points) -> dict[str, Any]:
    closed = np.vstack([ring, ring[:1]])
    return {
        "type": "Feature",
        "properties": {
            "district_code": row["district_code"],
            "district_name": row["district_name"],
            "district_name_en": row["district_name_en"],
            "cp": [round(x, 4) for x in _centroid(ring)],  # where the map writes the name
        },
        "geometry": {"type": "Polygon", "coordinates": [[[round(x, 4), round(y, 4)] for x, y in closed.tolist()]]},
    }


def _centroid(ring: Points) -> list[float]:
    """The centre of a ring's area (shoelace formula)."""
    x, y = ring.T
    following_x, following_y = np.roll(ring, -1, axis=0).T
    cross = x * following_y - following_x * y
    return [
        float(((x + following_x) * cross).sum() / (3.0 * cross.sum())),
        float(((y + following_y) * cross).sum() / (3.0 * cross.sum())),
    ]


def _outline(sites: Points) -> Points:
    """The convex hull of circles of radius MARGIN_DEG around the sites, counter-clockwise."""
    angles = np.linspace(0.0, 2.0 * math.pi, 48, endpoint=False)
    circle = MARGIN_DEG * np.column_stack([np.cos(angles), np.sin(angles)])
    return _hull((sites[:, None, :] + circle[None, :, :]).reshape(-1, 2))


def _hull(points: Points) -> Points:
    """Convex hull, counter-clockwise (Andrew's monotone chain)."""
    ordered = sorted({(float(x), float(y)) for x, y in points})

    def half(sequence: list[tuple[float, float]]) -> list[tuple[float, float]]:
        chain: list[tuple[float, float]] = []
        for point in sequence:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return np.array(half(ordered) + half(ordered[::-1]))


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cell(sites: Points, index: int, outline: Points) -> Points:
    """The part of `outline` nearer to site `index` than to any other site."""
    ring = outline
    for other in range(len(sites)):
        if other != index:
            normal = sites[other] - sites[index]
            ring = _clip(ring, normal, float(normal @ (sites[other] + sites[index])) / 2.0)
    return ring


def _inset(ring: Points, distance: float) -> Points:
    """A convex, counter-clockwise ring moved inwards by `distance`."""
    inner = ring
    for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        edge = end - start
        length = float(np.hypot(*edge))
        if length > 1e-9:
            outward = np.array([edge[1], -edge[0]]) / length
            inner = _clip(inner, outward, float(outward @ start) - distance)
    return inner


def _clip(ring: Points, normal: Points, offset: float) -> Points:
    """The part of a convex ring where normal · x ≤ offset (one step of Sutherland and Hodgman's clipping)."""
    kept: list[Points] = []
    sides = ring @ normal - offset
    for i in range(len(ring)):
        j = (i + 1) % len(ring)
        if sides[i] <= 0:
            kept.append(ring[i])
        if sides[i] * sides[j] < 0:
            kept.append(ring[i] + (ring[j] - ring[i]) * (sides[i] / (sides[i] - sides[j])))
    return np.array(kept)


def _rounded(ring: Points) -> Points:
    """Corners cut ROUNDINGS times (Chaikin): the first cut is shallow, so that a stone keeps its shape."""
    for turn in range(ROUNDINGS):
        cut = (0.12 if turn == 0 else 0.25) * (np.roll(ring, -1, axis=0) - ring)
        ring = np.stack([ring + cut, np.roll(ring, -1, axis=0) - cut], axis=1).reshape(-1, 2)
        ring = ring[np.hypot(*(ring - np.roll(ring, 1, axis=0)).T) > 2e-4]
    return ring


if __name__ == "__main__":
    main()
