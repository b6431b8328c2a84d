"""The live store's tables, declared: narrow versions, the ledger, and the windows that are published.

Belongs here: names, types and descriptions. Does not belong here: how rows get there (`intake`, `store`).
"""

from __future__ import annotations

from dataclasses import replace

from store.messages import Text
from store.tables import Column, Table

SCHEMA = "live"

_VERSION = (
    Column("known_at", "TIMESTAMPTZ", "本版本为我们所知的时间", "when this version became known"),
    Column("version_at", "TIMESTAMPTZ", "版本时间：决定同一主键各版本的先后", "orders the versions of a key"),
    Column("content_hash", "VARCHAR", "内容哈希：同一内容只存一次", "hash of the content; the same content once"),
)
_DISTRICT_CODE = Column("district_code", "VARCHAR", "区县代码；未知为 unknown", "district; unknown when not known")
_GRADE_CLASS = Column("grade_class", "VARCHAR", "强度等级组", "class of strength grades")

ORDERS = Table(
    SCHEMA,
    "orders_versions",
    ("content_hash",),
    Text("近期与未完成订单的各版本（窄表）", "Versions of recent and open orders, narrow"),
    (
        Column("order_id", "VARCHAR", "订单编号", "order"),
        _DISTRICT_CODE,
        _GRADE_CLASS,
        Column("ordered_m3", "DOUBLE", "计划方量（m³）", "volume ordered (m³)"),
        Column("pour_from_at", "TIMESTAMPTZ", "计划浇筑开始时间", "planned start of the pour"),
        Column("is_cancelled", "BOOLEAN", "是否已取消", "whether it is cancelled"),
        Column("is_open", "BOOLEAN", "是否未完成也未取消", "whether it is neither done nor cancelled"),
        Column("happened_at", "TIMESTAMPTZ", "本版本最晚的事件（下单）", "its last event: when it was placed"),
        Column("last_at", "TIMESTAMPTZ", "本版本提及的最晚时间", "the last instant that the version speaks of"),
        *_VERSION,
    ),
)

DELIVERIES = Table(
    SCHEMA,
    "deliveries_versions",
    ("content_hash",),
    Text("近期运单的各版本（窄表）", "Versions of recent delivery tickets, narrow"),
    (
        Column("ticket_id", "VARCHAR", "运单号", "ticket"),
        Column("order_id", "VARCHAR", "订单编号", "order"),
        _GRADE_CLASS,
        Column("load_m3", "DOUBLE", "本车方量（m³）", "load (m³)"),
        Column("returned_m3", "DOUBLE", "退料方量（m³）", "volume returned (m³)"),
        Column("is_delivered", "BOOLEAN", "该状态是否算交付", "whether its status counts as delivered"),
        Column("batched_at", "TIMESTAMPTZ", "出料时间", "when mixing was finished"),
        Column("departed_at", "TIMESTAMPTZ", "出厂时间", "when it left the plant"),
        Column("arrived_at", "TIMESTAMPTZ", "到场时间", "when it reached the site"),
        Column("discharged_at", "TIMESTAMPTZ", "卸完时间", "when discharging ended"),
        Column("happened_at", "TIMESTAMPTZ", "本版本最晚的事件", "the version's last event"),
        Column("last_at", "TIMESTAMPTZ", "本版本提及的最晚时间", "the last instant that the version speaks of"),
        *_VERSION,
    ),
)

CONSUMED_SEGMENTS = Table(
    SCHEMA,
    "consumed_segments",
    ("batch_id", "segment_id"),
    Text("实时库台账：已读取的暂存分段", "The live store's ledger: staged segments it has consumed"),
    (
        Column("batch_id", "VARCHAR", "批次号", "staged batch"),
        Column("segment_id", "VARCHAR", "分段号", "segment (one source file under one mapping)"),
        Column("feed", "VARCHAR", "数据源", "feed"),
        Column("source_file", "VARCHAR", "来源文件名", "source file name"),
        Column("consumed_at", "TIMESTAMPTZ", "读取时间", "when it was consumed"),
    ),
)

ORIGIN = Table(
    SCHEMA,
    "origin",
    ("fingerprint",),
    Text("实时库由什么做成；不符则重建", "What the live store was made with; it is rebuilt when that differs"),
    (Column("fingerprint", "VARCHAR", "表定义与参考数据的哈希", "hash of table declarations and reference files"),),
)

SUPPLY_DEMAND_15MIN = Table(
    SCHEMA,
    "live_supply_demand_15min",
    ("window_start_at", "district_code", "grade_class"),
    Text(
        "实时供需：区县 × 强度等级组 × 15 分钟",
        "Live supply and demand: district × grade class × 15 minutes of event time",
    ),
    (
        Column("window_start_at", "TIMESTAMPTZ", "窗口开始（整刻钟）", "start of the window, aligned to the clock"),
        _DISTRICT_CODE,
        _GRADE_CLASS,
        Column("ordered_m3", "DOUBLE", "计划在此开始浇筑的方量（m³）", "volume whose pour was planned to start (m³)"),
        Column("cancelled_m3", "DOUBLE", "其中已取消的方量（m³）", "of which cancelled (m³)"),
        Column("delivered_m3", "DOUBLE", "交付方量（m³）：方量减退料，退货除外", "delivered (m³): load less returned"),
        Column("tickets", "BIGINT", "运单数", "delivery tickets"),
        Column("is_final", "BOOLEAN", "是否已过迟到期限", "whether the time for late events has passed"),
        Column("refreshed_at", "TIMESTAMPTZ", "最近一次变动的时间", "when the row last changed"),
    ),
)

# As it is published: in DuckDB's default schema, so that its bare name is enough. A schema `live` in live.duckdb, which
# opens as catalog `live`, would make `live.live_supply_demand_15min` ambiguous.
PUBLISHED = replace(SUPPLY_DEMAND_15MIN, schema="main")

STORE_TABLES = (ORDERS, DELIVERIES, CONSUMED_SEGMENTS, SUPPLY_DEMAND_15MIN)
