"""Strength tests (试块抗压强度): one row is one group of three cubes of one age.

Belongs here: the contract of this feed. Does not belong here: how a contract is executed, nor the group's value
(GB/T 50081: mean, middle or invalid), which the warehouse derives from the three cubes.
"""

from __future__ import annotations

from pipelines.feeds import recurring
from pipelines.feeds.contract import Feed, Field, Flag, Kind, Rule
from store.messages import Text

# GB/T 50081 allows hours (28 d: 20 h); days are all that most laboratories write.
AGE_TOLERANCE_D = 1


def _cube(number: int) -> Field:
    n, nth = number, "一二三"[number - 1]
    aliases = (
        f"单块强度{n}", f"单块抗压强度{n}", f"单块强度值{n}", f"强度{n}", f"强度值{n}", f"抗压强度{n}",
        f"抗压强度值{n}",
        f"试块{n}", f"试件{n}", f"试块强度{n}", f"试件强度{n}", f"试块{n}强度", f"试件{n}强度", f"试块{n}抗压强度",
        f"试件{n}抗压强度",
        f"{n}号试块", f"{n}号试件", f"{n}#试块", f"{n}#试件", f"{n}号试块强度", f"{n}号试件强度", f"{n}#强度",
        f"{n}号强度",
        f"第{nth}块", f"第{nth}块强度", f"第{n}块", f"第{n}块强度", f"单块强度{nth}", f"强度{nth}", f"cube {n}",
        f"strength {n}", f"specimen {n}",
        "单块强度", "单块抗压强度", "单块强度值", "单块值", "单个值",  # three columns of one name: in their order
    )  # fmt: skip
    text = Text(f"第{nth}块抗压强度（MPa）", f"strength of cube {n} (MPa)")
    return Field(f"cube_{n}_mpa", Kind.NUMBER, text, aliases, required=True, unit="MPa", above=0, high=250)


FEED = Feed(
    name="strength_tests",
    version=1,
    text=Text("试块抗压强度", "Strength tests"),
    key=("specimen_id",),
    event_time="tested_on",
    fields=(
        Field(
            "specimen_id",
            Kind.TEXT,
            Text("试件编号", "specimen (group of cubes)"),
            (
                "试件编号",
                "试块编号",
                "样品编号",
                "试样编号",
                "试件组号",
                "试块组号",
                "检测编号",
                "试验编号",
                "sample id",
            ),
            required=True,
        ),
        recurring.plant_id(required=True),
        recurring.ticket_id(aliases=("取样运单", "取样运单号", "取样小票号")),
        Field("batch_id", Kind.TEXT, Text("取样盘号", "batch that was sampled"), ("取样盘号", "盘号")),
        Field(
            "lab_id",
            Kind.TEXT,
            Text("检测机构（试验室）编号", "laboratory"),
            ("检测机构", "试验室", "检测单位", "实验室", "检测机构编号", "试验室编号", "检测单位编号", "实验室编号"),
            required=True,
        ),
        recurring.grade(("设计强度等级", "设计强度", "设计等级")),
        Field(
            "cast_on",
            Kind.DAY,
            Text("成型日期", "day of casting"),
            ("成型日期", "制作日期", "制件日期", "成型时间", "试件成型日期", "试块制作日期", "浇筑日期"),
            required=True,
        ),
        Field(
            "tested_on",
            Kind.DAY,
            Text("试压日期", "day of testing"),
            ("试压日期", "试验日期", "检测日期", "破型日期", "抗压日期", "试压时间", "试验时间", "检测时间"),
            required=True,
        ),
        Field(
            "age_d",
            Kind.INTEGER,
            Text("龄期（天）", "age (days)"),
            ("龄期", "试验龄期", "试件龄期", "龄期天数"),
            required=True,
            unit="d",
            low=1,
            high=400,
        ),
        _cube(1),
        _cube(2),
        _cube(3),
        Field(
            "size_mm",
            Kind.INTEGER,
            Text("试件边长（mm）", "edge of the cubes (mm)"),
            ("试件尺寸", "试块尺寸", "试件规格", "试块规格", "边长", "试件边长", "规格尺寸", "尺寸"),
            unit="mm",
            low=50,
            high=500,
        ),
        Field(
            "curing",
            Kind.CODE,
            Text("养护条件", "curing: standard or as on site"),
            ("养护条件", "养护方式", "养护方法", "养护类型", "养护"),
            codes={
                "standard": ("标养", "标准养护", "标准", "标准条件养护", "标准条件"),
                "field": ("同条件", "同条件养护", "同养", "自然养护", "现场养护"),
            },
        ),
        recurring.lab_result(
            "result", ("结论", "检验结论", "检测结论", "试验结论", "评定结果", "评定", "检测结果", "结果")
        ),
    ),
    rules=(
        Rule(
            "tested_before_cast",
            "tested_on",
            "tested_on < cast_on",
            Text(
                "试压日期早于成型日期。请核对两个日期。",
                "The cubes were tested before they were cast. Check both days.",
            ),
        ),
    ),
    flags=(
        Flag(
            "age_differs",
            f"abs(date_diff('day', cast_on, tested_on) - age_d) > {AGE_TOLERANCE_D}",
            Text(
                "试压日期与成型日期之差不等于龄期。",
                "The days between casting and testing are not the stated age.",
            ),
        ),
        Flag(
            "age_unusual",
            "age_d NOT IN (3, 7, 28, 60)",
            Text("龄期不是 3、7、28 或 60 天。", "The age is none of 3, 7, 28 and 60 days."),
        ),
        Flag(
            "size_unusual",
            "size_mm NOT IN (100, 150, 200)",
            Text("试件边长不是 100、150 或 200 mm。", "The edge is none of 100, 150 and 200 mm."),
        ),
    ),
)
