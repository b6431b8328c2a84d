"""Permits (施工许可证): one row is one version of a construction permit.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed.
"""

from __future__ import annotations

from pipelines.feeds import recurring
from pipelines.feeds.contract import Feed, Field, Kind, Rule
from store.messages import Text

FEED = Feed(
    name="permits",
    version=2,
    text=Text("施工许可证", "Construction permits"),
    key=("permit_no",),
    event_time="issued_on",
    coordinates=(("site_lon", "site_lat"),),
    fields=(
        recurring.permit_no(required=True),
        recurring.project_id(),
        recurring.project_name(),
        Field("builder", Kind.PROSE, Text("建设单位", "client of the works"), ("建设单位",)),
        Field("contractor", Kind.PROSE, Text("施工单位", "contractor"), ("施工单位", "承包单位", "总承包单位")),
        recurring.district_code(),
        Field(
            "floor_area_m2",
            Kind.NUMBER,
            Text("建筑面积（m²）", "floor area (m²)"),
            ("建设规模", "建筑面积", "总建筑面积"),
            unit="m2",
            low=0,
            high=20_000_000,
        ),
        Field(
            "contract_value",
            Kind.MONEY,
            Text("合同价格（币种见 currency）", "contract value, in `currency`"),
            ("合同价格", "合同造价", "合同价", "工程造价"),
            unit="CNY",
            low=0,
        ),
        Field(
            "currency",
            Kind.TEXT,
            Text("币种（ISO 4217）", "currency (ISO 4217)"),
            ("币种",),
            default="CNY",
            pattern="[A-Z]{3}",
        ),
        Field(
            "use",
            Kind.CODE,
            Text("工程用途", "use of the works"),
            ("工程用途", "建筑用途", "用途", "工程类别"),
            codes={
                "residential": ("住宅", "居住", "居住建筑", "商品住房", "保障性住房", "住宅工程"),
                "commercial": ("商业", "办公", "商业办公", "商务", "商业建筑", "酒店"),
                "industrial": ("工业", "厂房", "工业建筑", "仓储", "工业厂房"),
                "public": ("公共", "公共建筑", "公建", "学校", "医院", "教育", "医疗", "文体"),
                "municipal": ("市政", "市政工程", "管网", "水务", "水利"),
                "transport": ("交通", "道路", "桥梁", "隧道", "公路", "轨道交通", "交通工程"),
                "other": ("其他", "其它"),
            },
            other="other",
        ),
        Field("structure", Kind.TEXT, Text("结构类型", "structural system"), ("结构类型", "结构形式")),
        Field(
            "issued_on",
            Kind.DAY,
            Text("发证日期", "day of issue"),
            ("发证日期", "核发日期", "颁发日期", "许可日期"),
            required=True,
        ),
        Field(
            "planned_start_on",
            Kind.DAY,
            Text("合同开工日期", "planned start"),
            ("合同开工日期", "计划开工日期", "开工日期", "合同工期起"),
        ),
        Field(
            "planned_end_on",
            Kind.DAY,
            Text("合同竣工日期", "planned end"),
            ("合同竣工日期", "计划竣工日期", "竣工日期", "合同工期止"),
        ),
        Field(
            "status",
            Kind.CODE,
            Text("许可证状态", "state of the permit"),
            ("状态", "许可证状态", "证书状态"),
            codes={
                "active": ("有效", "正常", "已核发", "在建"),
                "changed": ("变更", "已变更"),
                "suspended": ("中止", "暂停", "停工"),
                "revoked": ("撤销", "吊销", "注销", "作废"),
                "completed": ("竣工", "已竣工", "完工"),
            },
        ),
        recurring.longitude("site_lon"),
        recurring.latitude("site_lat"),
    ),
    rules=(
        Rule(
            "period_reversed",
            "planned_end_on",
            "planned_end_on < planned_start_on",
            Text(
                "合同竣工日期早于开工日期。请核对工期。",
                "The planned end lies before the planned start. Check both days.",
            ),
        ),
    ),
)
