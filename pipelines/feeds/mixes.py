"""Mixes (生产配合比): one row is one version of a plant's mix; the filed one is what weighings are held against.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed.
"""

from __future__ import annotations

from pipelines.feeds import materials, recurring
from pipelines.feeds.contract import Feed, Field, Flag, Kind
from store.messages import Text

_PER_M3 = (
    "用量", "单方用量", "每方用量", "每立方用量", "每立方米用量", "配合比用量", "配比用量", "设计用量", "配方用量",
    "材料用量",
    "配比", "配合比", "设计值", "设定值", "配方值", "理论用量", "dosage", "content", "amount", "per m3",
)  # fmt: skip

FEED = Feed(
    name="mixes",
    version=1,
    text=Text("生产配合比", "Mixes"),
    key=("plant_id", "mix_id"),
    event_time="filed_on",
    fields=(
        recurring.mix_id(required=True),
        recurring.plant_id(required=True),
        recurring.grade(),
        Field(
            "filed_on", Kind.DAY, Text("备案日期", "day of filing"), ("备案日期", "备案时间", "批准日期", "签发日期")
        ),
        Field(
            "water_binder_ratio",
            Kind.NUMBER,
            Text("水胶比", "water-binder ratio"),
            ("水胶比", "水灰比", "w/b", "w/c"),
            unit="1",
            low=0.1,
            high=1.2,
        ),
        Field(
            "sand_ratio",
            Kind.NUMBER,
            Text("砂率（0–1；百分数请写 % 或在表头注明）", "sand ratio (0 to 1; write % for percent)"),
            ("砂率",),
            unit="1",
            low=0,
            high=1,
        ),
        recurring.slump("slump_mm", Text("设计坍落度（mm）", "slump (mm)"), ("坍落度", "设计坍落度", "要求坍落度")),
        Field(
            "materials",
            Kind.LIST,
            Text("各材料每立方米用量", "materials: kg per m³ of concrete of each"),
            ("材料明细", "原材料明细", "配合比明细", "配比明细", "用量明细"),
            required=True,
            members=(
                materials.material(),
                Field(
                    "kg_per_m3",
                    Kind.NUMBER,
                    Text("每立方米用量（kg/m³）", "content (kg/m³)"),
                    _PER_M3,
                    required=True,
                    unit="kg/m3",
                    low=0,
                    high=3_000,
                    has_unit_column=True,
                ),
            ),
            member_of_bare="kg_per_m3",
        ),
        Field(
            "status",
            Kind.CODE,
            Text("状态", "active or withdrawn"),
            ("状态", "配合比状态", "使用状态"),
            codes={
                "active": ("启用", "在用", "使用中", "有效", "正常", "已备案"),
                "withdrawn": ("停用", "作废", "失效", "已停用", "注销", "禁用"),
            },
        ),
    ),
    flags=(
        Flag(
            "density_unlikely",
            "list_sum(list_transform(materials, lambda part: part.kg_per_m3)) NOT BETWEEN 600 AND 4000",
            Text(
                "各材料用量之和不像混凝土的密度。请核对单位。",
                "The materials' sum is no concrete's density. Check the units.",
            ),
        ),
    ),
)
