"""The materials of concrete: their codes, and how plants, laboratories and controllers write them.

Belongs here: the one list of materials that batches, mixes and receipts share. Does not belong here: what is said
about a material (the contracts), nor how a header with a material in it is read (`pipelines.layout`).
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.feeds.contract import Field, Kind
from store.messages import Text

OTHER = "other"
# P.O 42.5, P·O42.5R: a strength class alone names a cement; beside a name it is what stands around it.
_CEMENT_CLASSES = tuple(
    f"P{dot}O{gap}{strength}"
    for dot in (".", "·", "")
    for gap in ("", " ")
    for strength in ("42.5", "42.5R", "52.5", "52.5R")
)


def _of_silos(*names: str) -> tuple[str, ...]:
    """Names with the letters of a plant's silos: 水泥A, 外加剂B. A letter alone must not be cut off `sand`."""
    return tuple(f"{name}{letter}" for name in names for letter in "ABCD")


# Expansive agents (膨胀剂) have a standard of their own (GB/T 23439) and are dosed like a binder, yet GB/T 8075
# counts them among the admixtures, and plants file them there: they are `admixture`.
MATERIALS: Mapping[str, tuple[str, ...]] = {
    "cement": (
        "水泥", "普通水泥", "普硅水泥", "硅酸盐水泥", "普通硅酸盐水泥", "复合硅酸盐水泥", "矿渣硅酸盐水泥", "散装水泥",
        "低碱水泥", "中热水泥", "白水泥", "硅酸盐", "普通硅酸盐", *_CEMENT_CLASSES, *_of_silos("水泥"),
        "P.C42.5", "P.S.A42.5", "P.I52.5", "P.II52.5", "OPC", "CEM",
    ),
    "fly_ash": ("粉煤灰", "煤灰", "粉灰", "飞灰", "FA", *_of_silos("粉煤灰")),
    "slag": (
        "矿粉", "矿渣粉", "矿渣", "矿渣微粉", "粒化高炉矿渣粉", "高炉矿渣粉", "磨细矿渣", "磨细矿渣粉", "超细矿粉",
        "GGBS",
        "GGBFS", *_of_silos("矿粉"), "slag powder",
    ),
    "sand": (
        "砂", "沙", "砂子", "沙子", "黄砂", "黄沙", "河砂", "河沙", "江砂", "湖砂", "海砂", "淡化海砂", "天然砂",
        "天然沙",
        "粗砂", "中砂", "细砂", "特细砂", "细骨料", "细集料", "natural sand", "river sand", "fine aggregate",
    ),
    "manufactured_sand": ("机制砂", "机制沙", "人工砂", "人工沙", "机砂", "破碎砂", "水洗机制砂", "砂(机制)", "砂机制",
        "中砂(机制)", "中砂机制", "细砂(机制)", "细砂机制", "砂(人工)", "砂人工", "M-sand", "crushed sand"),
    "stone": (
        "石子", "石", "碎石", "卵石", "石料", "大石", "中石", "小石", "大石子", "中石子", "小石子", "瓜米石",
        "瓜子石", "米石",
        "豆石", "石灰石碎石", "玄武岩碎石",
        "粗骨料", "粗集料", "gravel", "aggregate", "coarse aggregate", "crushed stone",
    ),
    "recycled_aggregate": (
        "再生骨料", "再生集料", "再生粗骨料", "再生细骨料", "再生粗集料", "再生细集料", "再生石子", "再生砂", "再生料",
        "骨料(再生)", "骨料再生", "石子(再生)", "石子再生", "碎石(再生)", "碎石再生", "砂(再生)", "砂再生",
    ),
    "water": (
        "水", "清水", "自来水", "饮用水", "井水", "河水", "地下水", "拌合水", "拌和水", "搅拌水",
        "热水", "冷水", "冰水", "回收水", "循环水",
        "再生水",
        "废水", "污水", "浆水", "沉淀水", "recycled water",
    ),
    "admixture": (
        "外加剂", "添加剂", "减水剂", "高效减水剂", "高性能减水剂", "普通减水剂", "聚羧酸", "聚羧酸减水剂",
        "聚羧酸高性能减水剂", "聚羧酸系高性能减水剂", "PCE", "萘系减水剂",
        "泵送剂", "缓凝剂", "早强剂", "防冻剂", "引气剂", "速凝剂",
        "膨胀剂", "UEA膨胀剂", "HEA膨胀剂",
        "防水剂",
        "阻锈剂", "抗裂剂", "液体外加剂", "粉体外加剂", *_of_silos("外加剂", "减水剂"),
        "additive", "admix", "superplasticizer", "plasticizer", "water reducer", "retarder",
    ),
    OTHER: ("其他", "其它", "其他材料", "其它材料"),
}  # fmt: skip
# Materials without a code that controllers still have a silo for: `other`, and their own name is kept.
WITHOUT_CODE = (
    "硅灰", "微硅粉", "硅粉", "石粉", "石灰石粉", "石灰粉", "微珠", "沸石粉", "钢渣粉", "磷渣粉", "掺合料",
    "复合掺合料",
    "膨润土", "纤维", "钢纤维", "聚丙烯纤维", "陶粒", "陶砂", "颜料", "冰", "冰屑", "silica fume", "limestone powder",
    "fibre", "fiber", "ice", "pigment",
)  # fmt: skip
# What stands around a material's name and does not change which it is: the silo's number, sizes, classes, brackets.
# Brackets that make another material of it (砂(机制), 骨料(再生)) stay. A header's path has · for a dot.
AROUND = (
    r"\([^()制再工]*\)|\[[^\]制再工]*\]|[0-9.·]+(-|~)[0-9.·]+(mm|cm)?|[0-9.·]+(mm|cm)"
    r"|p[.· ]*(o|c|ii|i|f|p|s[.· ]*[ab]?)[.· ]*[0-9]{2}[.·]5r?|[0-9]{2}[.·]5r?(级|等级)?"
    r"|i{1,3}[级区]|[一二三][级区]|[fc]类|s(75|95|105)级?|第?([0-9]+|[一二三四五六])(#|号)?|[#号仓罐秤级]|[-_ .·:/]"
)


def material(*, required: bool = True) -> Field:
    """One of the ten materials; what has no code is `other`, and its name is kept."""
    return Field(
        "material",
        Kind.CODE,
        Text("材料", "material"),
        ("材料", "材料名称", "原材料", "原材料名称", "物料", "物料名称", "材料类别", "材料种类", "原材料种类", "品名"),
        required=required,
        codes=MATERIALS,
        other=OTHER,
        around=AROUND,
        uncoded=WITHOUT_CODE,
    )


def lot_no(*, required: bool = False) -> Field:
    """The lot that a material came in with."""
    aliases = (
        "批号",
        "批次",
        "批次号",
        "材料批号",
        "原材料批号",
        "进场批号",
        "生产批号",
        "出厂批号",
        "出厂编号",
        "lot",
    )
    return Field("lot_no", Kind.TEXT, Text("材料批号", "lot of the material"), aliases, required=required)
