"""Crosswalk (编码对照): one row says which of our ids a code of another system stands for, and since when.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed, nor resolving codes, which
the warehouse does.
"""

from __future__ import annotations

from pipelines.feeds.contract import Feed, Field, Flag, Kind, Rule
from store.messages import Text

SINCE_EVER = "1950-01-01"

FEED = Feed(
    name="crosswalk",
    version=1,
    text=Text("编码对照", "Crosswalk of codes"),
    key=("kind", "system", "code", "valid_from"),
    event_time=None,
    fields=(
        Field(
            "kind",
            Kind.CODE,
            Text("对照类型", "what the code stands for"),
            ("类型", "对照类型", "编码类型", "对象类型", "类别", "对象"),
            required=True,
            codes={
                "plant": ("搅拌站", "站点", "厂站", "混凝土搅拌站"),
                "enterprise": ("企业", "公司", "生产企业"),
                "project": ("工程", "项目", "工程项目"),
                "lab": ("试验室", "实验室", "检测机构", "检测单位", "laboratory"),
                "supplier": ("供应商", "供货商", "供货单位", "供应单位"),
            },
        ),
        Field(
            "system",
            Kind.CODE,
            Text("编码所属系统", "system that uses the code"),
            ("系统", "来源系统", "所属系统", "编码系统", "系统名称"),
            required=True,
            codes={
                "erp": ("ERP系统", "企业ERP", "生产管理系统"),
                "bureau": ("住建局", "住建部门", "主管部门", "监管平台"),
                "quality_station": ("质监站", "质量监督站", "质安站", "quality station"),
            },
            is_open=True,
        ),
        Field(
            "code",
            Kind.TEXT,
            Text("该系统中的编码", "code in that system"),
            ("编码", "代码", "外部编码", "原编码", "系统编码", "对方编码", "外部代码"),
            required=True,
        ),
        Field(
            "canonical_id",
            Kind.TEXT,
            Text("本平台的统一编号", "our id"),
            ("统一编码", "统一编号", "标准编码", "平台编码", "本平台编码", "对应编码", "平台编号"),
            required=True,
        ),
        Field(
            "valid_from",
            Kind.DAY,
            Text("生效日期（未填则视为一直有效）", "valid from (since ever, when not given)"),
            ("生效日期", "启用日期", "有效期起", "开始日期", "有效开始日期"),
            default=SINCE_EVER,
        ),
        Field(
            "valid_to",
            Kind.DAY,
            Text("失效日期", "valid to"),
            ("失效日期", "停用日期", "有效期止", "截止日期", "结束日期", "有效结束日期"),
        ),
    ),
    rules=(
        Rule(
            "period_reversed",
            "valid_to",
            "valid_to < valid_from",
            Text("失效日期早于生效日期。请核对。", "It ends before it begins. Check both days."),
        ),
    ),
    flags=(
        Flag(
            "valid_from_is_assumed",
            f"valid_from = DATE '{SINCE_EVER}'",
            Text("没有给出生效日期，视为一直有效。", "No first day was given: taken as valid since ever."),
        ),
    ),
)
