"""Deliveries (运单/发货单/小票): one row is the newest known state of one truck's ticket.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed. A ticket's
events arrive one at a time, so versions merge per column and null means "not known yet"; an event needs the
ticket's number and what happened, once the ticket's own row says what it carries and for whom.
"""

from __future__ import annotations

from pipelines.feeds import recurring
from pipelines.feeds.contract import Feed, Field, Kind, Rule
from store.messages import Text


def _event(name: str, zh: str, en: str, *aliases: str) -> Field:
    return Field(name, Kind.INSTANT, Text(zh, en), (zh, *aliases))


def _volume(name: str, text: Text, aliases: tuple[str, ...], high: float) -> Field:
    return Field(name, Kind.NUMBER, text, aliases, unit="m3", low=0, high=high)


FEED = Feed(
    name="deliveries",
    version=3,
    text=Text("运单（发货单、小票）", "Delivery tickets"),
    key=("ticket_id",),
    event_time="departed_at",
    merge="column",
    partial_without=("order_id", "grade", "load_m3"),
    fields=(
        recurring.ticket_id(required=True),
        recurring.order_id(),
        recurring.plant_id(required=True),
        Field("truck_id", Kind.TEXT, Text("车牌号", "truck"), ("车号", "车牌号", "车牌", "车辆编号"), is_private=True),
        Field(
            "driver_id",
            Kind.PERSON,
            Text("司机编号（已用本机密钥散列）", "driver, hashed with the home's key"),
            ("司机编号", "驾驶员编号", "司机工号", "驾驶员工号", "司机", "驾驶员"),
            is_private=True,
        ),
        recurring.grade(),
        Field(
            "load_m3",
            Kind.NUMBER,
            Text("本车方量（m³）", "load of this truck (m³)"),
            ("方量", "本车方量", "发货方量", "装载方量"),
            required=True,
            unit="m3",
            above=0,
            high=25,
        ),
        _volume("cumulative_m3", Text("累计方量（m³）", "cumulative volume of the order (m³)"), ("累计方量",), 20_000),
        _event("batched_at", "出料时间", "when mixing was finished", "搅拌完成时间"),
        _event("departed_at", "出厂时间", "when the truck left the plant", "发车时间", "出站时间"),
        _event("arrived_at", "到场时间", "when it reached the site", "到达时间", "到达工地时间"),
        _event(
            "discharge_started_at", "开始卸料时间", "when discharging began", "开始卸料", "卸料开始", "卸料开始时间"
        ),
        _event("discharged_at", "卸完时间", "when discharging ended", "卸料结束", "卸料结束时间", "卸料完成时间"),
        _event("returned_at", "回厂时间", "when it was back at the plant", "返厂时间", "回站时间"),
        recurring.slump("slump_plant_mm", Text("出厂坍落度（mm）", "slump at the plant (mm)"), ("出厂坍落度",)),
        recurring.slump("slump_site_mm", Text("现场坍落度（mm）", "slump on site (mm)"), ("现场坍落度", "到场坍落度")),
        Field(
            "water_added_l",
            Kind.NUMBER,
            Text("途中或现场加水量（L）", "water added after leaving (L)"),
            ("加水量",),
            unit="L",
            low=0,
            high=5_000,
        ),
        Field(
            "haul_km",
            Kind.NUMBER,
            Text("运距（km）", "haul distance (km)"),
            ("运距", "运输距离"),
            unit="km",
            low=0,
            high=500,
        ),
        Field(
            "status",
            Kind.CODE,
            Text("签收、退货、转运或在途", "签收 accepted, 退货 rejected, 转运 diverted, 在途 in transit"),
            ("状态", "签收状态", "运单状态"),
            codes={
                "签收": ("accepted", "已签收", "正常", "完成", "已完成"),
                "退货": ("rejected", "已退货", "拒收", "退回"),
                "转运": ("diverted", "转料", "转工地", "已转运"),
                "在途": ("in_transit", "运输中", "已出厂", "已发货"),
            },
        ),
        Field(
            "rejected_reason", Kind.PROSE, Text("退货原因", "why it was rejected"), ("退货原因", "拒收原因", "退料原因")
        ),
        _volume(
            "returned_m3", Text("退料方量（m³）", "volume returned (m³)"), ("退料方量", "退货方量", "剩料方量"), 25
        ),
    ),
    rules=(
        Rule(
            "times_decrease",
            "departed_at",
            "departed_at < batched_at OR arrived_at < greatest(batched_at, departed_at) "
            "OR discharge_started_at < greatest(batched_at, departed_at, arrived_at) "
            "OR discharged_at < greatest(batched_at, departed_at, arrived_at, discharge_started_at) "
            "OR returned_at < greatest(batched_at, departed_at, arrived_at, discharge_started_at, discharged_at)",
            Text(
                "运单各环节时间应依次不减（出料、出厂、到场、开始卸料、卸完、回厂）。请核对时间。",
                "A ticket's times must not decrease (batched, departed, arrived, discharging, discharged, returned).",
            ),
        ),
        Rule(
            "departed_late",
            "departed_at",
            "departed_at > batched_at + INTERVAL 24 HOUR",
            Text("出厂时间应在出料后 24 小时内。请核对时间。", "The truck must leave within 24 hours of batching."),
        ),
        Rule(
            "returned_exceeds_load",
            "returned_m3",
            "returned_m3 > load_m3",
            Text("退料方量不应大于本车方量。", "The volume returned cannot exceed the load."),
        ),
    ),
)
