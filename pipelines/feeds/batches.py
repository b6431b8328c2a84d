"""Batches (生产记录/盘): one row is one batch out of a mixer, with what was weighed into it.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed. Weighings are faithful to
the controller: what they are held against (the filed mix) is the warehouse's work.
"""

from __future__ import annotations

from pipelines.feeds import materials, recurring
from pipelines.feeds.contract import Feed, Field, Flag, Kind
from store.messages import Text

_TARGET = (
    "设定", "设定值", "设定量", "设定重量", "配方", "配方值", "配方量", "配方用量", "目标", "目标值", "目标量", "理论",
    "理论值", "理论量", "理论用量", "计划", "计划值", "计划量", "计划用量", "应配", "应配量", "设计", "设计值",
    "设计量", "设计用量",
    "给定", "给定值", "标准用量", "配比值", "配比用量", "target", "setpoint", "set", "sp", "set value", "planned",
    "recipe",
)  # fmt: skip
_ACTUAL = (
    "实际", "实际值", "实际量", "实际用量", "实际重量", "实际称量", "称量", "称量值", "称量重量", "实称", "实称值",
    "实称量",
    "计量", "计量值", "实配", "实配量", "实测", "实测值", "实耗", "实耗量", "消耗", "消耗量", "用量", "重量",
    "投料量", "完成值",
    "actual", "act", "pv", "actual value", "weighed", "weight", "measured",
)  # fmt: skip


def _weight(name: str, text: Text, aliases: tuple[str, ...]) -> Field:
    return Field(name, Kind.NUMBER, text, aliases, unit="kg", low=0, high=25_000, has_unit_column=True)


FEED = Feed(
    name="batches",
    version=1,
    text=Text("生产记录（盘）", "Batches"),
    key=("plant_id", "batch_id"),
    event_time="mixed_at",
    fields=(
        Field(
            "batch_id",
            Kind.TEXT,
            Text("盘号", "batch"),
            ("盘号", "盘次号", "生产盘号", "盘编号", "生产记录编号", "生产编号", "生产流水号", "batch no"),
            required=True,
        ),
        recurring.plant_id(required=True),
        recurring.ticket_id(required=True),
        Field(
            "line_no",
            Kind.TEXT,
            Text("机组（生产线）", "production line"),
            (
                "机组",
                "生产线",
                "机组号",
                "机组编号",
                "生产线号",
                "生产机组",
                "线号",
                "主机",
                "搅拌机",
                "搅拌机号",
                "mixer",
            ),
        ),
        Field(
            "mixed_at",
            Kind.INSTANT,
            Text("搅拌时间", "when it was mixed"),
            ("搅拌时间", "生产时间", "搅拌完成时间", "出料时间", "生产日期", "生产日期时间", "搅拌开始时间"),
            required=True,
        ),
        Field(
            "batch_m3",
            Kind.NUMBER,
            Text("盘方量（m³）", "volume of the batch (m³)"),
            ("盘方量", "本盘方量", "每盘方量", "单盘方量", "盘方数", "方量"),
            required=True,
            unit="m3",
            above=0,
            high=9,
        ),
        recurring.mix_id(),
        Field(
            "mixing_s",
            Kind.NUMBER,
            Text("搅拌时长（s）", "mixing time (s)"),
            ("搅拌时长", "搅拌用时", "搅拌历时", "净搅拌时间", "搅拌秒数"),
            unit="s",
            low=0,
            high=3_600,
        ),
        Field(
            "materials",
            Kind.LIST,
            Text("各材料的批号、设定值与实际值", "materials: lot, target and actual weight of each"),
            ("材料明细", "原材料明细", "配料明细", "称量明细", "计量明细", "生产明细", "消耗明细"),
            required=True,
            members=(
                materials.material(),
                materials.lot_no(),
                _weight("target_kg", Text("设定值（kg）", "target weight (kg)"), _TARGET),
                _weight("actual_kg", Text("实际值（kg）", "actual weight (kg)"), _ACTUAL),
            ),
            member_of_bare="actual_kg",
        ),
    ),
    flags=(
        Flag(
            "density_unlikely",
            "list_sum(list_transform(materials, lambda weighing: weighing.actual_kg)) / batch_m3 "
            "NOT BETWEEN 600 AND 4000",
            Text(
                "各材料实际值之和除以盘方量不像混凝土的密度。请核对单位。",
                "What was weighed, over the batch's volume, is no concrete's density. Check the units.",
            ),
        ),
    ),
)
