"""The city's reference: its districts' codes and names, and the box around it.

Belongs here: what intake must know of the city to read a row. Does not belong here: anything that joins.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from functools import lru_cache

from store.home import REFERENCE

BOUNDING_MARGIN_KM = 50.0


@lru_cache(maxsize=1)
def district_rows() -> tuple[dict[str, str], ...]:
    """The reference list of the city's districts."""
    with (REFERENCE / "districts.csv").open(encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def district_names() -> dict[str, str]:
    """Name (Chinese with and without its suffix, English; lower case) -> code."""
    names: dict[str, str] = {}
    for row in district_rows():
        for name in _spellings(row["district_name"], row["district_name_en"]):
            names[name] = row["district_code"]
    return names


def _spellings(zh: str, en: str) -> Iterable[str]:
    yield zh
    if len(zh) > 2:
        yield zh[:-1]
    yield en.casefold()


@lru_cache(maxsize=1)
def bounding_box() -> tuple[float, float, float, float]:
    """The city's bounding box and 50 km more, in degrees: west, south, east, north.

    Districts are taken as discs of their area around their centres.
    """
    west, south, east, north = 180.0, 90.0, -180.0, -90.0
    for row in district_rows():
        lon, lat = float(row["center_lon"]), float(row["center_lat"])
        reach_km = math.sqrt(float(row["area_km2"]) / math.pi) + BOUNDING_MARGIN_KM
        lat_degrees = reach_km / 111.2
        lon_degrees = lat_degrees / math.cos(math.radians(lat))
        west, east = min(west, lon - lon_degrees), max(east, lon + lon_degrees)
        south, north = min(south, lat - lat_degrees), max(north, lat + lat_degrees)
    return west, south, east, north
