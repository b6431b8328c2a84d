"""docs/feeds.md: every feed's grain, columns, rules and reasons, and what a mapping file can say.

Belongs here: that page's Markdown. Does not belong here: facts (the contracts, `pipelines.faults`) nor other forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipelines.faults import FILE_REASONS, ROW_REASONS, limits
from pipelines.feeds import FEEDS, Feed
from pipelines.feeds.contract import Field, Kind
from store.messages import Text

_KINDS = {
    Kind.TEXT: Text("文本", "text"),
    Kind.PROSE: Text("自由文本", "free text"),
    Kind.NUMBER: Text("数", "number"),
    Kind.INTEGER: Text("整数", "integer"),
    Kind.MONEY: Text("金额", "money"),
    Kind.INSTANT: Text("时间", "time"),
    Kind.DAY: Text("日期", "day"),
    Kind.MONTH: Text("月份", "month"),
    Kind.CODE: Text("代码", "code"),
    Kind.BOOLEAN: Text("是否", "yes/no"),
    Kind.GRADE: Text("强度等级", "grade"),
    Kind.DISTRICT: Text("区县", "district"),
    Kind.PERSON: Text("人员编号，散列保存", "person, hashed"),
    Kind.GEOMETRY: Text("几何", "geometry"),
    Kind.LIST: Text("清单", "list"),
}
_MAPPING = (
    ("feed", '"permits"', "属于哪个数据源", "the feed it is for"),
    ("header", '"111167021deabff8"', "表头指纹；--write-mapping 会写好", "fingerprint of the header it is for"),
    ("[columns]", '"Permit#" = "permit_no"', '表头 = 字段；= "" 丢弃该列；未列出的按别名识别，否则留在 `_extra`',
     'header = field; = "" drops it; others are recognised by alias, or stay in `_extra`'),
    ("[joined]", 'departed_at = ["日期", "出厂时间"]', "几列的文字以空格相连成一个字段",
     "texts of several columns, joined by a blank"),
    ("[constants]", 'district_code = "520103"', "全部行同一值", "one value for every row"),
    ("[values.<field>]", '"Dwelling" = "residential"', '写法 = 代码；"*" 是其余的写法',
     'text = code; "*" is any other text'),
    ("[formats]", 'issued_on = "%m/%d/%Y"', "日期写法，可写多个；`03/04/2025` 之类不写明即拒收，从不猜测",
     "how days are written, one or more; `03/04/2025` is rejected unless stated, never guessed"),
    ("decimal", '","', "小数点为逗号：1.234,5", "numbers written 1.234,5"),
    ("[units]", 'load_m3 = "万方"', "文件中的单位或换算系数", "the file's unit, or a factor"),
    ("crs", '"GCJ-02"', "坐标系：WGS-84、GCJ-02、BD-09", "coordinate system: WGS-84, GCJ-02, BD-09"),
    ("districts", '["my-city"]', "六位代码以外允许的地区代码", "district codes allowed beside six-digit ones"),
    ("[skip]", '"类型" = ["标识"]', "不要的行，计入跳过", "rows left out; they count as skipped"),
)  # fmt: skip


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# 数据源 | Feeds"
    yield ""
    yield "由 `python -m pipelines.reference` 从 `pipelines/feeds` 生成，请勿手改。`contracts/` 内另有各自的"
    yield "JSON Schema 与 ODCS 文件。`*` 为必填；表头比较时不计空格、括号与大小写。"
    yield ""
    yield "Generated from `pipelines/feeds` by `python -m pipelines.reference`; `contracts/` holds a JSON Schema"
    yield "and an ODCS file of each. `*`: required; headers are compared without blanks, brackets and case."
    yield ""
    yield from _table(
        ("数据源 feed", "中文", "English", "主键 key"),
        ((f"[{feed.name}](#{feed.name})", feed.text.zh, feed.text.en, ", ".join(feed.key)) for feed in FEEDS.values()),
    )
    for feed in FEEDS.values():
        yield from _feed(feed)
    yield from ("", "## 拒收原因 | Reasons of rows", "")
    yield from _reasons(ROW_REASONS.items())
    yield from ("", "## 文件原因 | Reasons of files", "")
    yield from _reasons(FILE_REASONS.items())
    yield from _configuration()


def _feed(feed: Feed) -> Iterator[str]:
    yield from ("", f"## {feed.name}", "", f"{feed.text.zh} | {feed.text.en}", "")
    key = ", ".join(f"`{name}`" for name in feed.key)
    yield f"- 主键 | key: {key}"
    if feed.event_time:
        yield f"- 发生时间 | event time: `{feed.event_time}`"
    if feed.merge == "column":
        yield "- 各列取最新的非空值 | newest non-null value per column"
    else:
        yield "- 取最新的一行 | newest row"
    if feed.partial_without:
        absent = ", ".join(f"`{name}`" for name in feed.partial_without)
        yield f"- 事件（主键加一个值）可不含 | an event (its key and one value) may come without: {absent}"
    yield f"- 版本 | contract version: {feed.version}"
    yield ""
    yield from _table(
        ("列 column", "含义", "meaning", "类型 type", "单位 unit", "取值 values", "可用的表头 headers"),
        (row for field in feed.all_fields for row in _field(field)),
    )
    if feed.rules:
        yield ""
        yield from _reasons([(rule.reason, rule.text) for rule in feed.rules])
    if feed.flags:
        yield from ("", "标记（保留） | Flags (kept)", "")
        yield from _reasons([(flag.name, flag.text) for flag in feed.flags])


def _field(field: Field, prefix: str = "") -> Iterator[tuple[str, ...]]:
    kind = _KINDS[field.kind]
    yield (
        f"`{prefix}{field.name}`{'*' if field.required else ''}",
        field.text.zh,
        field.text.en,
        f"{kind.zh} {kind.en} {'' if field.kind is Kind.LIST else field.sql_type}".strip(),
        field.unit or "",
        _values(field),
        "、".join(field.aliases),
    )
    for member in field.members:
        yield from _field(member, f"{field.name}[].")


def _values(field: Field) -> str:
    if not field.codes:
        return limits(field)
    codes = [f"`{code}`" + (f" {'、'.join(texts)}" if texts else "") for code, texts in field.codes.items()]
    return "; ".join(codes)


def _configuration() -> Iterator[str]:
    yield from ("", "## 映射文件 | Mapping files", "")
    yield "`tongmai ingest FEED FILE --write-mapping M.toml` 写出草稿；放进 `mappings/<feed>/` 后按表头指纹自动使用。"
    yield ""
    yield "`tongmai ingest FEED FILE --write-mapping M.toml` writes a draft; put it into `mappings/<feed>/`."
    yield ""
    rows = ((f"`{name}`", f"`{example}`", zh, en) for name, example, zh, en in _MAPPING)
    yield from _table(("节 section", "例 example", "作用", "what it does"), rows)
    yield from ("", "## feeds.toml", "")
    yield "`TONGMAI_HOME/feeds.toml` 给本单位常用的表头起别名 | further headers of this deployment:"
    yield from ("", "```toml", "[orders.aliases]", 'order_id = ["单号", "派工单号"]', "```")


def _reasons(reasons: Iterable[tuple[str, Text]]) -> Iterator[str]:
    return _table(("原因 reason", "中文", "English"), ((f"`{name}`", text.zh, text.en) for name, text in reasons))


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(_cell(text) for text in row)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
