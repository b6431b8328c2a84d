"""Points in one column (`POINT (106.71 26.58)`, `(26.58, 106.71)`, a JSON object) as the feed's longitude and latitude.

Belongs here: recognising a point, whose column nothing else claims, row by row. Does not belong here: coordinate
systems (`pipelines.crs`). What is no point, or none on earth, stays in its column; so does the point of a row that has
a longitude and a latitude of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines.alignment import text_of
from pipelines.feeds import Feed
from pipelines.layout import claim, normalise
from pipelines.mapping import FieldMapping
from pipelines.sources.tables import SOURCE_ROW, RawTable
from pipelines.sql_text import quote
from store.messages import Text

_NUMBER = r"[-+]?[0-9]+(?:\.[0-9]+)?"
_WKT = rf"(?i)^\s*(?:SRID=4326;)?\s*POINT(?:\s+[ZM]+)?\s*\(\s*(?P<lon>{_NUMBER})[\s,]+(?P<lat>{_NUMBER})[^()]*\)\s*$"
_LAT_LON = rf"\(\s*(?P<lat>{_NUMBER})°?\s*,\s*(?P<lon>{_NUMBER})°?\s*\)\s*$"  # Socrata's, with an address before it
_PAIR = rf"^\s*(?P<one>{_NUMBER})\s*[,，;；\s]\s*(?P<other>{_NUMBER})\s*$"
_NAMES = frozenset(
    map(
        normalise,
        (
            "location", "location_1", "point", "geo_point_2d", "geopoint", "geolocation", "geocoded_column",
            "coordinates", "georeference", "new_georeferenced_column", "lonlat",
            "坐标", "经纬度", "经纬度坐标", "位置", "地理位置",
        ),
    )
)  # fmt: skip
_LAT_FIRST = normalise("geo_point_2d")
_KEYS = (("longitude", "latitude"), ("lon", "lat"), ("lng", "lat"), ("x", "y"))
_MAX_LAT, _MAX_LON = 90.0, 180.0


@dataclass(frozen=True)
class _Columns:
    """Columns that may hold points (and whether their name says so), and those that claim longitude and latitude."""

    points: tuple[tuple[int, str], ...]
    lon: tuple[int, ...]
    lat: tuple[int, ...]


def points_as_text(raw: RawTable, feed: Feed, connection: duckdb.DuckDBPyConnection) -> RawTable:
    """JSON objects that are points, as text: `POINT (lon lat)`."""
    if not feed.coordinates:
        return raw
    table = raw.table
    for index in range(len(raw.header)):
        column = table[f"c{index}"]
        if not pc.any(pc.starts_with(column, "{")).as_py():
            continue
        connection.register("objects_of_points", pa.table({"x": column}))
        found = connection.execute(f"SELECT {_point_of_object('x')} AS x FROM objects_of_points").to_arrow_table()
        table = table.set_column(index, f"c{index}", found["x"])
    return replace(raw, table=table)


def _point_of_object(x: str) -> str:
    """SQL: the text of an object that is a GeoJSON point, or has a longitude and a latitude and is called nothing."""
    pairs = [("$.coordinates[0]", "$.coordinates[1]", f"json_extract_string({x}, '$.type') = 'Point'")]
    pairs += [(f"$.{lon}", f"$.{lat}", "true") for lon, lat in _KEYS]
    texts = ", ".join(
        f"CASE WHEN {condition} THEN 'POINT (' || TRY_CAST(json_extract_string({x}, {quote(lon)}) AS DOUBLE) || ' ' "
        f"|| TRY_CAST(json_extract_string({x}, {quote(lat)}) AS DOUBLE) || ')' END"
        for lon, lat, condition in pairs
    )
    return f"CASE WHEN starts_with({x}, '{{') AND json_valid({x}) THEN coalesce({texts}, {x}) ELSE {x} END"


def located(raw: RawTable, feed: Feed, mapping: FieldMapping) -> RawTable:
    """`raw` with the points of rows without coordinates in the columns of longitude and latitude."""
    columns = _columns(feed, raw.header, mapping) if feed.coordinates else None
    if columns is None or not columns.points:
        return raw
    table, header = raw.table, list(raw.header)
    for index, name in columns.points:
        texts = table[f"c{index}"]
        if not pt.is_string(texts.type):
            continue
        lon, lat = _read(texts, name)
        taken = np.zeros(table.num_rows, bool)
        for place in (*columns.lon, *columns.lat):
            taken |= pc.is_valid(_filled(table[f"c{place}"])).to_numpy()
        is_point = pc.and_(pc.is_valid(lon), pa.array(~taken))
        if not pc.any(is_point).as_py():
            continue
        for values, places, field in zip((lon, lat), (columns.lon, columns.lat), feed.coordinates[0], strict=True):
            table, header = _put(table, header, places, field, pc.if_else(is_point, values, None))
        columns = _columns(feed, tuple(header), mapping)
        table = table.set_column(index, f"c{index}", pc.if_else(is_point, pa.scalar(None, pa.string()), texts))
        note = Text(
            f"“{raw.header[index]}”中的点读作经纬度", f"points in '{raw.header[index]}' are read as coordinates"
        )
        raw = replace(raw, origin=replace(raw.origin, notes=(*raw.origin.notes, note)))
    return replace(raw, table=table, header=tuple(header))


@lru_cache(maxsize=256)
def _columns(feed: Feed, header: tuple[str, ...], mapping: FieldMapping) -> _Columns:
    claims = [claim(feed, text.strip(), mapping) for text in header]
    lon, lat = feed.coordinates[0]
    named = {*dict(mapping.columns), *mapping.parts}
    free = [index for index, name in enumerate(claims) if name is None and header[index].strip() not in named]
    if {lon, lat} & dict(mapping.constants).keys():
        free = []
    return _Columns(
        tuple((index, normalise(header[index])) for index in free),
        tuple(index for index, name in enumerate(claims) if name == lon),
        tuple(index for index, name in enumerate(claims) if name == lat),
    )


def _read(texts: pa.ChunkedArray, name: str) -> tuple[pa.Array, pa.Array]:
    """Longitude and latitude as texts, null where there is no point on earth."""
    ways = [_WKT]
    if name in _NAMES:
        ways += [_LAT_LON, _PAIR]
    elif not pc.any(pc.match_substring_regex(texts, r"(?i)^\s*(SRID=4326;)?\s*POINT")).as_py():
        ways = []
    lons = lats = pa.chunked_array([pa.nulls(len(texts), pa.string())])
    for way in ways:
        found = pc.extract_regex(texts, pattern=way)
        if way is _PAIR:
            one, other = pc.struct_field(found, "one"), pc.struct_field(found, "other")
            is_lat_first = pc.or_(_is_beyond(other), pa.scalar(name == _LAT_FIRST))
            is_known = pc.or_(is_lat_first, _is_beyond(one))
            lon, lat = pc.if_else(is_lat_first, other, one), pc.if_else(is_lat_first, one, other)
            lon = pc.if_else(is_known, lon, None)
        else:
            lon, lat = pc.struct_field(found, "lon"), pc.struct_field(found, "lat")
        is_on_earth = pc.and_(_is_within(lon, _MAX_LON), _is_within(lat, _MAX_LAT))
        is_new = pc.and_(pc.fill_null(is_on_earth, False), pc.is_null(lons))
        lons, lats = pc.if_else(is_new, lon, lons), pc.if_else(is_new, lat, lats)
    return lons, lats


def _is_within(texts: pa.ChunkedArray, limit: float) -> pa.ChunkedArray:
    return pc.less_equal(pc.abs(texts.cast(pa.float64())), limit)


def _is_beyond(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether a number can only be a longitude."""
    return pc.greater(pc.abs(texts.cast(pa.float64())), _MAX_LAT)


def _filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pt.is_string(column.type):
        return column
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), pa.scalar(None, pa.string()), column)


def _put(
    table: pa.Table, header: list[str], places: Sequence[int], field: str, values: pa.ChunkedArray
) -> tuple[pa.Table, list[str]]:
    """`values` where the first of the columns has none, or as a column of their own."""
    if not places:
        at = table.schema.get_field_index(SOURCE_ROW)
        return table.add_column(at, f"c{len(header)}", values), [*header, field]
    column = _filled(table[f"c{places[0]}"])
    if not pt.is_floating(column.type):
        column = text_of(column)  # a column of whole degrees, or of nothing, has no room for a point's
    whole = pc.coalesce(column, values.cast(column.type))
    return table.set_column(places[0], f"c{places[0]}", whole), header
