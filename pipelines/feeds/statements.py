"""Statements (生产企业月报): one row is what a plant itself reports for one month and grade.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed, nor the reconciliation
with tickets that statements are for.
"""

from __future__ import annotations

from pipelines.feeds import recurring
from pipelines.feeds.contract import Feed, Field, Kind
from store.messages import Text


def _volume(name: str, text: Text, aliases: tuple[str, ...]) -> Field:
    return Field(name, Kind.NUMBER, text, aliases, unit="m3", low=0, high=2_000_000)


FEED = Feed(
    name="statements",
    version=1,
    text=Text("生产企业月报", "Monthly statements"),
    key=("plant_id", "month", "grade"),
    event_time="month",
    fields=(
        recurring.plant_id(required=True),
        Field(
            "month",
            Kind.MONTH,
            Text("月份（存为当月第一天）", "month, kept as its first day"),
            ("月份", "年月", "报告月份", "统计月份", "所属月份", "报表月份", "报送月份", "统计期"),
            required=True,
        ),
        recurring.grade(),
        _volume(
            "m3_delivered",
            Text("当月供应方量（m³）", "volume delivered in the month (m³)"),
            (
                "供应方量",
                "本月供应方量",
                "当月供应方量",
                "销售方量",
                "本月销售方量",
                "供应量",
                "产量",
                "本月产量",
                "发货方量",
            ),
        ),
        _volume(
            "m3_ordered",
            Text("当月委托方量（m³）", "volume ordered in the month (m³)"),
            ("委托方量", "本月委托方量", "当月委托方量", "订单方量", "合同方量", "计划方量"),
        ),
        Field(
            "cement_t",
            Kind.NUMBER,
            Text("当月水泥用量（t）", "cement used in the month (t)"),
            ("水泥用量", "水泥消耗量", "本月水泥用量", "当月水泥用量", "水泥消耗"),
            unit="t",
            low=0,
            high=1_000_000,
        ),
        Field(
            "cny_sales",
            Kind.MONEY,
            Text("当月销售额（元）", "sales of the month (CNY)"),
            ("销售额", "销售金额", "本月销售额", "当月销售额", "营业额", "产值", "销售收入"),
            unit="CNY",
            low=0,
        ),
    ),
)
