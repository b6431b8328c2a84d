"""Plants (搅拌站): one row is one version of a plant, operating or a candidate site.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed.
"""

from __future__ import annotations

from pipelines.feeds import recurring
from pipelines.feeds.contract import Feed, Field, Flag, Kind, Rule
from store.messages import Text

FEED = Feed(
    name="plants",
    version=2,
    text=Text("搅拌站", "Plants"),
    key=("plant_id",),
    event_time=None,
    coordinates=(("lon", "lat"),),
    fields=(
        recurring.plant_id(required=True),
        Field(
            "plant_name",
            Kind.PROSE,
            Text("搅拌站名称", "name of the plant"),
            ("搅拌站名称", "站点名称", "厂站名称"),
            required=True,
        ),
        Field(
            "enterprise_id",
            Kind.TEXT,
            Text("企业编号", "enterprise"),
            ("企业编号", "企业编码", "企业代码", "统一社会信用代码"),
            required=True,
        ),
        Field("enterprise_name", Kind.PROSE, Text("所属企业", "name of the enterprise"), ("所属企业", "企业名称")),
        recurring.district_code(),
        recurring.longitude("lon"),
        recurring.latitude("lat"),
        Field(
            "lines",
            Kind.INTEGER,
            Text("生产线数", "production lines"),
            ("机组数", "生产线数", "生产线"),
            low=0,
            high=50,
        ),
        Field(
            "rated_m3_per_h",
            Kind.NUMBER,
            Text("单线额定产能（m³/h）", "rated capacity per line (m³/h)"),
            ("单线额定产能", "额定产能", "设计产能", "单机产能"),
            required=True,
            unit="m3/h",
            above=0,
            high=600,
        ),
        Field(
            "effectiveness",
            Kind.NUMBER,
            Text("有效产能系数（0–1）", "share of the rated capacity that is usable (0 to 1)"),
            ("有效系数", "产能系数", "有效产能系数"),
            unit="1",
            low=0,
            high=1,
        ),
        Field(
            "shift_h",
            Kind.NUMBER,
            Text("日工作时长（h）", "working hours per day"),
            ("日工作时长", "工作时长"),
            unit="h",
            above=0,
            high=24,
        ),
        Field(
            "trucks",
            Kind.INTEGER,
            Text("自有车辆（台）", "own trucks"),
            ("自有车辆", "车辆数", "运输车辆"),
            low=0,
            high=2_000,
        ),
        Field("qualification", Kind.TEXT, Text("资质", "qualification"), ("资质", "资质等级")),
        Field("lab_id", Kind.TEXT, Text("试验室编号", "laboratory"), ("试验室编号", "试验室")),
        Field(
            "max_grade",
            Kind.GRADE,
            Text("可生产的最高强度等级", "highest grade it can make"),
            ("最高强度等级", "最高标号"),
        ),
        Field(
            "recycled_capable",
            Kind.BOOLEAN,
            Text("能否使用再生骨料", "whether it can use recycled aggregate"),
            ("再生骨料能力", "能否用再生骨料", "再生骨料"),
        ),
        Field("opened_on", Kind.DAY, Text("投产日期", "day of opening"), ("投产日期", "建成日期")),
        Field("closed_on", Kind.DAY, Text("关停日期", "day of closing"), ("关停日期", "关闭日期")),
        Field(
            "status",
            Kind.CODE,
            Text("状态：在产、停产、关停、规划", "operating, suspended, closed or planned (a candidate site)"),
            ("状态", "站点状态", "运营状态"),
            codes={
                "operating": ("在产", "运营", "正常", "生产", "在营"),
                "suspended": ("停产", "暂停", "停业"),
                "closed": ("关停", "关闭", "已关停", "退出"),
                "planned": ("规划", "拟建", "候选"),
            },
        ),
        Field(
            "rent_and_fixed_cny_per_year",
            Kind.NUMBER,
            Text("年租金与固定费用（元/年）", "rent and fixed cost (CNY per year)"),
            ("年租金与固定费用", "年固定费用", "固定费用"),
            unit="CNY",
            low=0,
        ),
    ),
    rules=(
        Rule(
            "closed_before_opened",
            "closed_on",
            "closed_on < opened_on",
            Text("关停日期早于投产日期。", "The plant closes before it opens. Check both days."),
        ),
    ),
    flags=(
        Flag(
            "missing_coordinates",
            "lon IS NULL OR lat IS NULL",
            Text("缺少坐标：保留，但不参与运距计算", "without coordinates: kept, but it takes no part in hauls"),
        ),
    ),
)
