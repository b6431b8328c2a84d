"""Fields that several feeds share, with one meaning everywhere.

Belongs here: a field used by more than one feed. Does not belong here: a field of one feed only.
"""

from __future__ import annotations

from pipelines.feeds.contract import Field, Kind
from store.messages import Text


def plant_id(*, required: bool = False) -> Field:
    """The plant that produces or delivers."""
    aliases = ("生产企业编码", "站点编号", "搅拌站", "搅拌站编号", "站点", "生产站点", "厂站编号")
    return Field("plant_id", Kind.TEXT, Text("搅拌站编号", "plant"), aliases, required=required)


def ticket_id(*, required: bool = False, aliases: tuple[str, ...] = ()) -> Field:
    """The delivery ticket."""
    known = ("运单号", "发货单号", "小票号", "运单编号", "发货单编号", "小票编号")
    return Field("ticket_id", Kind.TEXT, Text("运单号", "ticket"), (*known, *aliases), required=required)


def mix_id(*, required: bool = False) -> Field:
    """The mix, as the plant numbers it."""
    aliases = ("配合比编号", "配比编号", "配合比号", "配比号", "生产配合比编号", "配方号", "配方编号")
    return Field("mix_id", Kind.TEXT, Text("配合比编号", "mix"), aliases, required=required)


def lab_result(name: str, aliases: tuple[str, ...]) -> Field:
    """What a laboratory concluded."""
    return Field(
        name,
        Kind.CODE,
        Text("检验结论：合格、不合格、待检或无效", "结论: 合格 passed, 不合格 failed, 待检 pending, 无效 void"),
        aliases,
        codes={
            "合格": ("passed", "pass", "qualified", "符合", "符合要求", "达标", "通过"),
            "不合格": ("failed", "fail", "unqualified", "不符合", "不符合要求", "不达标", "未通过"),
            "待检": ("pending", "检验中", "检测中", "待检验", "待检测", "未检"),
            "无效": ("void", "invalid", "作废"),
            "其他": ("其它", "other"),
        },
        other="其他",
    )


def order_id() -> Field:
    """The order that is placed or served."""
    aliases = ("委托单号", "订单编号", "任务单号", "订单号", "委托单编号", "任务单编号")
    return Field("order_id", Kind.TEXT, Text("订单（委托单）编号", "order"), aliases, required=True)


def project_id() -> Field:
    """The construction project."""
    return Field("project_id", Kind.TEXT, Text("工程编号", "project"), ("工程编号", "项目编号", "工程代码", "项目代码"))


def project_name() -> Field:
    """The construction project's name."""
    return Field("project_name", Kind.PROSE, Text("工程名称", "name of the project"), ("工程名称", "项目名称"))


def permit_no(*, required: bool = False) -> Field:
    """The construction permit."""
    aliases = ("施工许可证编号", "许可证号", "施工许可证号", "许可证编号")
    return Field("permit_no", Kind.TEXT, Text("施工许可证编号", "construction permit"), aliases, required=required)


def district_code() -> Field:
    """The district, as a six-digit adcode; names are looked up."""
    aliases = ("区县", "行政区划代码", "施工区县", "行政区划", "所属区县", "所在区县", "区划代码", "区县代码")
    text = Text("区县行政区划代码（六位）", "district, six-digit adcode")
    return Field("district_code", Kind.DISTRICT, text, aliases, required=True)


def grade(aliases: tuple[str, ...] = ("强度",)) -> Field:
    """The strength grade, C10 to C100 with additions such as P6 or F150."""
    aliases = ("强度等级", "砼标号", *aliases, "砼强度等级", "混凝土强度等级", "标号", "混凝土标号")
    text = Text("强度等级，如 C30、C30P6、LC20", "strength grade, such as C30, C30P6, LC20")
    return Field("grade", Kind.GRADE, text, aliases, required=True)


def longitude(name: str) -> Field:
    """A longitude in WGS-84 degrees."""
    text = Text("经度（WGS-84，度）", "longitude (WGS-84, degrees)")
    return Field(name, Kind.NUMBER, text, ("经度", "lon", "lng", "longitude"), low=-180, high=180)


def latitude(name: str) -> Field:
    """A latitude in WGS-84 degrees."""
    text = Text("纬度（WGS-84，度）", "latitude (WGS-84, degrees)")
    return Field(name, Kind.NUMBER, text, ("纬度", "lat", "latitude"), low=-90, high=90)


def slump(name: str, text: Text, aliases: tuple[str, ...]) -> Field:
    """A slump in mm; `180±20` is read as 180."""
    return Field(name, Kind.INTEGER, text, aliases, unit="mm", low=0, high=270)
