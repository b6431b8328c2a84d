"""Material receipts (原材料进场): one row is one delivery of a material to a plant.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed.
"""

from __future__ import annotations

from pipelines.feeds import materials, recurring
from pipelines.feeds.contract import Feed, Field, Flag, Kind
from store.messages import Text

FEED = Feed(
    name="material_receipts",
    version=1,
    text=Text("原材料进场", "Material receipts"),
    key=("receipt_id",),
    event_time="received_at",
    fields=(
        Field(
            "receipt_id",
            Kind.TEXT,
            Text("进场单号", "receipt"),
            (
                "进场单号",
                "进场编号",
                "入库单号",
                "收料单号",
                "磅单号",
                "过磅单号",
                "称重单号",
                "地磅单号",
                "收货单号",
                "流水号",
            ),
            required=True,
        ),
        recurring.plant_id(required=True),
        materials.material(),
        materials.lot_no(required=True),
        Field(
            "supplier_id",
            Kind.TEXT,
            Text("供应商编号", "supplier"),
            ("供应商", "供应商编号", "供应商编码", "供货单位", "供应单位", "供货商", "厂家", "生产厂家"),
        ),
        Field(
            "received_at",
            Kind.INSTANT,
            Text("进场时间", "when it came in"),
            (
                "进场时间",
                "进场日期",
                "入库时间",
                "入库日期",
                "收料时间",
                "收料日期",
                "过磅时间",
                "到货时间",
                "到货日期",
                "收货时间",
            ),
            required=True,
        ),
        Field(
            "net_t",
            Kind.NUMBER,
            Text("净重（t）", "net weight (t)"),
            ("净重", "进场数量", "入库数量", "实收数量", "实收量", "收料量", "进场重量", "实收重量", "净重量"),
            required=True,
            unit="t",
            above=0,
            high=10_000,
            has_unit_column=True,
        ),
        Field(
            "unit_price_cny_per_t",
            Kind.NUMBER,
            Text("单价（元/t）", "unit price (CNY/t)"),
            ("单价", "采购单价", "含税单价", "进价"),
            unit="CNY/t",
            low=0,
            high=100_000,
        ),
        Field(
            "test_report_no",
            Kind.TEXT,
            Text("检验报告编号", "test report"),
            ("检验报告编号", "检测报告编号", "试验报告编号", "报告编号", "检验报告号", "检测报告号", "复试报告编号"),
        ),
        recurring.lab_result(
            "test_result", ("检验结果", "检测结果", "检验结论", "检测结论", "复试结果", "质检结果", "是否合格")
        ),
    ),
    flags=(
        Flag(
            "heavier_than_a_truck",
            "net_t > 150",
            Text(
                "净重超过 150 t，不是一车的量：可能是按千克填写而未写单位，也可能是火车或船运。请核对单位。",
                "Over 150 t is no truck's load: kilograms without a unit, perhaps, or a train or ship. Check the unit.",
            ),
        ),
    ),
)
