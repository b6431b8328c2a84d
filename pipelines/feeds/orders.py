"""Orders (订单/委托单): one row is one version of an order for concrete.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed.
"""

from __future__ import annotations

from pipelines.feeds import recurring
from pipelines.feeds.contract import Feed, Field, Kind, Rule
from store.messages import Text

FEED = Feed(
    name="orders",
    version=2,
    text=Text("订单（委托单）", "Orders for concrete"),
    key=("order_id",),
    event_time="placed_at",
    coordinates=(("site_lon", "site_lat"),),
    fields=(
        recurring.order_id(),
        recurring.plant_id(),
        recurring.project_id(),
        recurring.project_name(),
        recurring.permit_no(),
        recurring.district_code(),
        recurring.longitude("site_lon"),
        recurring.latitude("site_lat"),
        Field(
            "structure_part", Kind.PROSE, Text("施工部位", "part of the structure"), ("施工部位", "浇筑部位", "部位")
        ),
        recurring.grade(),
        recurring.slump("slump_mm", Text("要求坍落度（mm）", "required slump (mm)"), ("坍落度", "要求坍落度")),
        Field(
            "ordered_m3",
            Kind.NUMBER,
            Text("计划方量（m³）", "volume ordered (m³)"),
            ("计划方量", "委托方量", "预计方量", "方量", "计划量", "委托量"),
            required=True,
            unit="m3",
            above=0,
            high=20_000,
        ),
        Field(
            "placed_at",
            Kind.INSTANT,
            Text("下单时间", "when the order was placed"),
            ("下单时间", "委托日期", "登记时间", "委托时间", "下单日期"),
            required=True,
        ),
        Field(
            "pour_from_at",
            Kind.INSTANT,
            Text("计划浇筑开始时间", "planned start of the pour"),
            ("计划浇筑时间", "供货时间", "计划浇筑开始时间", "浇筑时间", "计划供货时间", "计划开始时间"),
            required=True,
        ),
        Field(
            "pour_to_at",
            Kind.INSTANT,
            Text("计划浇筑结束时间", "planned end of the pour"),
            ("计划浇筑结束时间", "计划结束时间", "计划完成时间"),
        ),
        Field(
            "pour_method",
            Kind.CODE,
            Text("浇筑方式：泵送 pump、自卸 chute、其他 other", "how it is poured: pump, chute or other"),
            ("浇筑方式", "输送方式"),
            codes={
                "pump": ("泵送", "泵", "汽车泵", "地泵", "车载泵", "天泵"),
                "chute": ("自卸", "非泵送", "溜槽", "直卸"),
                "other": ("其他", "其它", "塔吊", "吊斗"),
            },
            other="other",
        ),
        Field(
            "unit_price_cny_per_m3",
            Kind.NUMBER,
            Text("单价（元/m³）", "unit price (CNY per m³)"),
            ("单价", "合同单价"),
            unit="CNY/m3",
            low=50,
            high=5_000,
        ),
        Field(
            "status",
            Kind.CODE,
            Text("状态", "state of the order"),
            ("状态", "订单状态", "单据状态"),
            required=True,
            codes={
                "placed": ("已下单", "下单", "新建", "待确认", "已登记"),
                "confirmed": ("已确认", "确认", "已审核", "待供", "生产中", "供货中"),
                "changed": ("已变更", "变更", "修改", "已修改"),
                "cancelled": ("已取消", "取消", "作废", "已作废", "canceled"),
                "done": ("已完成", "完成", "完工", "已供完", "已结束"),
            },
        ),
    ),
    rules=(
        Rule(
            "pour_window",
            "pour_to_at",
            "pour_to_at < pour_from_at OR pour_to_at > pour_from_at + INTERVAL 14 DAY",
            Text(
                "计划浇筑结束时间应不早于开始时间，且不晚于其后 14 天。请核对两个时间。",
                "The pour must end after it starts and within 14 days. Check both times.",
            ),
        ),
    ),
)
