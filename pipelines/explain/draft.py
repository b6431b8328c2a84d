"""A mapping file for a person to edit: what was recognised, and proposals that are commented out.

Belongs here: the text of that file. Does not belong here: reading one (`pipelines.mapping_files`). The file is
valid as it is written; nothing in it is a guess that takes effect by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipelines.explain.report import ColumnReport, Explanation, TableReport
from pipelines.explain.suggestions import nearest_code
from pipelines.feeds import FEEDS, Feed
from pipelines.feeds.contract import Field, Kind
from store.messages import EXIT_USAGE, TongmaiError

_COMMENT_CHARACTERS = 60
_HALF = "日期与时间分在两列，见 [joined] | half of a time, see [joined]"


def write_draft(explanation: Explanation, path: Path) -> None:
    """Write the draft. Raises TongmaiError: `no_header`, `cannot_write`."""
    if not explanation.tables:
        raise TongmaiError(
            "no_header",
            f"文件没有可读的表头，写不出映射：{explanation.fault.zh if explanation.fault else ''}",
            f"The file has no header to map: {explanation.fault.en if explanation.fault else ''}",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mapping_text(explanation, path.name), encoding="utf-8")
    except OSError as error:
        raise TongmaiError(
            "cannot_write", f"写不了 {path}：{error.strerror}。", f"Cannot write {path}: {error.strerror}.", EXIT_USAGE
        ) from error


def mapping_text(explanation: Explanation, name: str) -> str:
    """The draft of a mapping for the file's largest table."""
    feed = FEEDS[explanation.feed]
    table = max(explanation.tables, key=lambda table: (table.fault is None, len(table.columns)))
    parts = (
        _opening(explanation, feed, table, name),
        _columns(feed, table),
        _constants(feed, table),
        _values(feed, table),
        _formats(table),
        _units(feed, table),
        _more(feed, table),
    )
    return "\n".join("\n".join(part) + "\n" for part in parts)


def _opening(explanation: Explanation, feed: Feed, table: TableReport, name: str) -> Iterator[str]:
    yield f"# {explanation.file} -> {feed.name}：{feed.text.zh} | {feed.text.en}"
    yield "# 去掉行首的 # 使一行生效。 | Take the # off a line to make it count."
    yield f"#   tongmai ingest {feed.name} {_shell(explanation.file)} --explain --mapping {_shell(name)}"
    yield f"#   tongmai ingest {feed.name} {_shell(explanation.file)} --mapping {_shell(name)}"
    yield f"# 放到 mappings/{feed.name}/，tongmai run 就会用它读同样表头的文件。"
    yield f"# In mappings/{feed.name}/ it is used by `tongmai run` for every file of this header."
    others = [
        other.member for other in explanation.tables if other is not table and other.header_row != table.header_row
    ]
    if others:
        yield f"# 其他工作表或成员不在此映射内 | not for these other sheets or members: {', '.join(others)}"
    required = ", ".join(column.name for column in feed.fields if column.required)
    yield f"# 必填字段 | required fields: {required}"
    if table.missing_required:
        yield f"# 还缺 | still without a source: {', '.join(table.missing_required)}"
    yield ""
    yield f"feed = {_quoted(feed.name)}"
    yield f"header = {_quoted(table.fingerprint)}  # 表头指纹 | the header's fingerprint"
    if feed.coordinates or any(column.kind is Kind.GEOMETRY for column in feed.fields):
        yield '# crs = "GCJ-02"  # 坐标系，默认 WGS-84；高德、腾讯为 GCJ-02，百度为 BD-09 | WGS-84 unless stated'
    yield '# decimal = ","  # 小数点写作逗号时 | when numbers are written 1.234,5'
    if any(column.kind is Kind.DISTRICT for column in feed.fields):
        yield '# districts = ["my-city"]  # 六位代码以外还允许的地区代码 | codes allowed beside six-digit ones'


def _columns(feed: Feed, table: TableReport) -> Iterator[str]:
    yield '[columns]  # 表头 = "字段"；= "" 则丢弃 | header = "field"; = "" drops the column'
    written: set[str] = set()
    halves = {part for pair in table.suggested_joins.values() for part in pair}
    for column in table.columns:
        if column.recognised_by == "joined":
            continue
        key = _quoted(column.header)
        if not column.header or key in written:
            place = column.header or "(…)"
            yield f"# {_line(place)}：表头为空或重复，不能映射 | empty or repeated header, cannot be mapped"
            continue
        written.add(key)
        if column.header in halves:
            yield f"# {key}：{_HALF}{_examples(column)}"
        elif column.use == "field" and column.field is not None:
            yield f"{key} = {_quoted(column.field)}"
        elif column.use == "dropped":
            yield f'{key} = ""'
        elif column.use == "personal":
            yield f"# {key}：个人信息，不保存 | personal data, never kept"
        elif column.suggestion is not None:
            score = f"{column.suggestion.score:.0%}"
            yield f"# {key} = {_quoted(column.suggestion.field)}  # 相近 | similar {score}{_examples(column)}"
        else:
            yield f'# {key} = ""  # 不映射则留在 _extra | stays in _extra{_examples(column)}'
    fed = {column.field for column in table.columns if column.field} | set(table.constants)
    yield "# 尚无来源的字段 | fields without a source:"
    for field in feed.all_fields:
        if field.name not in fed:
            star = "*" if field.required else ""
            yield f"#   {field.name}{star}：{_line(field.text.zh)} | {_line(field.text.en)}"


def _constants(feed: Feed, table: TableReport) -> Iterator[str]:
    yield "[constants]  # 全部行同一值的字段 | fields with one value for every row"
    for name, value in table.constants.items():
        yield f"{name} = {_quoted(value)}"
    suggested = {column.suggestion.field for column in table.columns if column.suggestion}
    for name in table.missing_required:
        note = "；或用上面的建议列 | or the column suggested above" if name in suggested else ""
        yield f'# {name} = ""  # 必填：{feed.field(name).text.zh} | required{note}'
    for name, value in table.defaults.items():
        yield f"# {name} = {_quoted(value)}  # 不写则为 {value} | {value} unless stated"


def _values(feed: Feed, table: TableReport) -> Iterator[str]:
    yield '# 代码对照：文件里的写法 = 代码；"*" 是其余的 | code lists: text in the file = code; "*" is any other'
    for column in table.columns:
        name = column.field or (column.suggestion.field if column.suggestion else None)
        if name is None or not column.unknown_texts:
            continue
        field = feed.field(name)
        codes = ", ".join(field.codes) or ("六位代码 | six digits" if field.kind is Kind.DISTRICT else "true, false")
        yield f"[values.{name}]  # {codes}"
        for text, count in column.unknown_texts:
            nearest = nearest_code(field, text) or ""
            yield f"# {_quoted(text)} = {_quoted(nearest)}  # {count} 行 | rows"
        yield f'# "*" = {_quoted(field.other or "")}'


def _formats(table: TableReport) -> Iterator[str]:
    yield "[formats]  # 日期写法（月/日先后不明时必须写） | how days are written"
    for column in table.columns:
        name = column.field or (column.suggestion.field if column.suggestion else None)
        if name is None or column.time_format is None:
            continue
        formats, example = column.time_format.formats, _examples(column)
        if column.time_format.unfitting:
            count, others = column.time_format.unfitting, _line(" / ".join(column.time_format.examples))
            yield f"# {name}：{count} 种写法不符合 | texts that do not fit：{others}"
        elif len(formats) == 1:
            yield f"{name} = {_quoted(formats[0])}  # 全部 {column.time_format.values} 个值都符合 | all fit{example}"
            continue
        if len(formats) > 1:
            yield f"# {name}：从内容看不出是哪一种，请选一行 | its values do not tell which, choose one{example}"
        for form in formats:
            yield f"# {name} = {_quoted(form)}"


def _units(feed: Feed, table: TableReport) -> Iterator[str]:
    yield "[units]  # 文件中的单位（或换算系数）；不写则用表头里的，再不然即所示单位"
    yield "# the file's unit, or a factor; unless stated the one in the header, else the one shown"
    names = [column.field or (column.suggestion.field if column.suggestion else "") for column in table.columns]
    for name in dict.fromkeys(names):
        field: Field | None = feed.field(name) if name else None
        if field is not None and field.unit and field.unit != "1":
            yield f"# {name} = {_quoted(field.unit)}"


def _more(feed: Feed, table: TableReport) -> Iterator[str]:
    yield "[joined]  # 几列合成一个字段，如日期与时间 | several columns make one field, such as a day and a time"
    for name, parts in table.joined.items():
        yield f"{name} = [{', '.join(map(_quoted, parts))}]"
    for name, parts in table.suggested_joins.items():
        yield f"# {name} = [{', '.join(map(_quoted, parts))}]  # {feed.field(name).text.zh} | suggested"
    if not table.suggested_joins:
        yield '# departed_at = ["日期", "出厂时间"]'
    yield ""
    yield "[skip]  # 不要的行：表头 = [文字]，计入跳过 | rows left out: header = [texts]; they count as skipped"
    for header, texts in table.skip.items():
        yield f"{_quoted(header)} = [{', '.join(map(_quoted, texts))}]"
    yield '# "表头 header" = ["文字 text"]'


def _examples(column: ColumnReport) -> str:
    shown = " / ".join(column.examples)
    return f"：{_line(shown)}" if shown else ""


def _line(text: str) -> str:
    """A text as it can stand in a comment."""
    return "".join(character if character.isprintable() else " " for character in text)[:_COMMENT_CHARACTERS]


def _quoted(text: str) -> str:
    """A TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _shell(name: str) -> str:
    return name if all(character.isalnum() or character in "._-" for character in name) else f"'{_line(name)}'"
