"""Coordinate systems of Chinese maps, converted to WGS-84.

Belongs here: GCJ-02 and BD-09 to WGS-84, for whole columns and for polygons. Does not
belong here: where coordinates are. The forward offset WGS-84 -> GCJ-02 is the published series; one
subtraction inverts it to within about 2 m over a city, and a second step brings that below 0.1 m.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import ARROW as _ARROW
from numpy.typing import NDArray

Degrees = NDArray[np.float64] | np.float64

_A = 6378245.0
_EE = 0.00669342162296594323
_BD_PI = np.pi * 3000.0 / 180.0


def _offset(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    x, y = lon - 105.0, lat - 35.0
    wave = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + wave
    d_lat += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    d_lat += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + wave
    d_lon += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    d_lon += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    radians = lat / 180.0 * np.pi
    magic = 1.0 - _EE * np.sin(radians) ** 2
    root = np.sqrt(magic)
    return (
        d_lon * 180.0 / (_A / root * np.cos(radians) * np.pi),
        d_lat * 180.0 / ((_A * (1.0 - _EE)) / (magic * root) * np.pi),
    )


def wgs84_to_gcj02(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Degrees to degrees; inside China only."""
    d_lon, d_lat = _offset(lon, lat)
    return lon + d_lon, lat + d_lat


def gcj02_to_wgs84(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Degrees to degrees, by fixed-point iteration."""
    wgs_lon, wgs_lat = lon, lat
    for _ in range(4):
        d_lon, d_lat = _offset(wgs_lon, wgs_lat)
        wgs_lon, wgs_lat = lon - d_lon, lat - d_lat
    return wgs_lon, wgs_lat


def bd09_to_gcj02(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Degrees to degrees."""
    x, y = lon - 0.0065, lat - 0.006
    radius = np.sqrt(x * x + y * y) - 0.00002 * np.sin(y * _BD_PI)
    theta = np.arctan2(y, x) - 0.000003 * np.cos(x * _BD_PI)
    return radius * np.cos(theta), radius * np.sin(theta)


def to_wgs84(lon: Degrees, lat: Degrees, crs: str) -> tuple[Degrees, Degrees]:
    """Points of `crs` (WGS-84, GCJ-02 or BD-09) in WGS-84 degrees, rounded to 7 decimals (1 cm)."""
    if crs == "BD-09":
        lon, lat = bd09_to_gcj02(lon, lat)
    if crs in ("BD-09", "GCJ-02"):
        lon, lat = gcj02_to_wgs84(lon, lat)
    return np.round(lon, 7), np.round(lat, 7)


def geometry_to_wgs84(geometry: Any, crs: str) -> Any:
    """A GeoJSON geometry with every position converted; any nesting of coordinates."""
    return {**geometry, "coordinates": _convert(geometry["coordinates"], crs)}


def _convert(coordinates: Any, crs: str) -> Any:
    if coordinates and isinstance(coordinates[0], (int, float)):
        lon, lat = to_wgs84(np.float64(coordinates[0]), np.float64(coordinates[1]), crs)
        return [float(lon), float(lat), *coordinates[2:]]
    return [_convert(part, crs) for part in coordinates]


def function(system: str, axis: str) -> str:
    """The name under which `register` gives a conversion to SQL."""
    return f"wgs84_{axis}_from_{system.replace('-', '').lower()}"


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the conversions to SQL: of longitudes and latitudes (whole columns at once) and of geometries."""
    for system in ("GCJ-02", "BD-09"):
        for position, axis in enumerate(("lon", "lat")):
            convert = _column_function(system, position)
            connection.create_function(function(system, axis), convert, ["DOUBLE", "DOUBLE"], "DOUBLE", type=_ARROW)
        connection.create_function(function(system, "geometry"), _geometry_function(system), ["VARCHAR"], "VARCHAR")


def _column_function(system: str, position: int) -> Callable[[pa.ChunkedArray, pa.ChunkedArray], pa.Array]:
    def convert(lon: pa.ChunkedArray, lat: pa.ChunkedArray) -> pa.Array:
        return pa.array(to_wgs84(lon.to_numpy(), lat.to_numpy(), system)[position], pa.float64())

    return convert


def _geometry_function(system: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        return json.dumps(geometry_to_wgs84(json.loads(text), system), separators=(",", ":"))

    return convert
