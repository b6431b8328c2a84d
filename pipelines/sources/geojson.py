"""GeoJSON feature collections as raw tables: one row per feature, `geometry` as text.

Belongs here: features to columns. Does not belong here: coordinate systems (a check converts them).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipelines.faults import FileError
from pipelines.sources.contents import Content
from pipelines.sources.tables import Origin, RawTable, raw_table
from pipelines.sources.text import text_blocks


def geojson_tables(content: Content) -> Iterator[RawTable]:
    """The collection's features. Raises FileError(`truncated_file`, `unknown_layout`)."""
    blocks = list(text_blocks(content))
    text = b"".join(block.data for block in blocks)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise FileError("truncated_file", str(error)) from error
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise FileError("unknown_layout", "FeatureCollection")
    rows = [_properties(feature) for feature in features]
    header = sorted({name for row in rows for name in row} | {"geometry"})
    columns = [pa.array([row.get(name) for row in rows], pa.string()) for name in header]
    origin = Origin("geojson", encoding=blocks[-1].encoding)
    yield raw_table(header, columns, pa.array(range(1, len(rows) + 1), pa.int64()), origin=origin)


def _properties(feature: Any) -> dict[str, str | None]:
    if not isinstance(feature, dict):
        return {}
    properties = feature.get("properties") or {}
    texts = {str(name): _text(value) for name, value in properties.items()}
    if "id" in feature and "zone_id" not in texts:
        texts.setdefault("id", _text(feature["id"]))
    texts["geometry"] = json.dumps(feature["geometry"], separators=(",", ":")) if feature.get("geometry") else None
    return texts


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
