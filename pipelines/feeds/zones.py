"""Zones (空间规划分区): one row is one version of a planning polygon.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed.
"""

from __future__ import annotations

from pipelines.feeds.contract import Feed, Field, Kind
from store.messages import Text

FEED = Feed(
    name="zones",
    version=2,
    text=Text("空间规划分区", "Planning zones"),
    key=("zone_id",),
    event_time=None,
    fields=(
        Field("zone_id", Kind.TEXT, Text("分区编号", "zone"), ("分区编号", "图斑编号", "编号", "id"), required=True),
        Field("zone_name", Kind.PROSE, Text("分区名称", "name of the zone"), ("分区名称", "名称", "name")),
        Field(
            "kind",
            Kind.CODE,
            Text("分区类型", "kind of zone"),
            ("类型", "分区类型"),
            required=True,
            codes={
                "ecological_redline": ("生态保护红线", "生态红线"),
                "ecological_control": ("生态控制线", "生态控制区"),
                "urban_boundary": ("城镇开发边界",),
                "industrial": ("产业区", "产业园区", "工业区"),
            },
        ),
        Field("geometry", Kind.GEOMETRY, Text("多边形（GeoJSON，WGS-84）", "polygon (GeoJSON, WGS-84)"), required=True),
        Field("source_document", Kind.PROSE, Text("来源文件", "source document"), ("来源文件", "依据文件", "批准文号")),
    ),
)
