"""Templates: an empty XLSX per feed that a plant can fill in and drop into its inbox folder.

Belongs here: the workbook made of a contract. Does not belong here: reading it back, which needs nothing special:
its headers are the contract's own aliases. The same contract gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from pipelines.faults import limits
from pipelines.feeds import FEEDS, Feed
from pipelines.feeds.contract import Field, Kind
from pipelines.layout import aliases, normalise
from pipelines.targets import check_target
from store.messages import EXIT_USAGE, Lang, Text, TongmaiError

ROWS = 2_000
_ANY_OTHER = "other"
_CREATED = datetime(2026, 1, 1)  # a workbook's bytes must not depend on the day it was made
_FIRST, _LAST = datetime(1991, 9, 15), datetime(2099, 12, 31)
_LIST_CHARACTERS = 255  # what Excel allows in a list
_DAYS = {Kind.DAY: "yyyy-mm-dd", Kind.INSTANT: "yyyy-mm-dd hh:mm", Kind.MONTH: "yyyy-mm"}
_TYPED = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.MONEY, *_DAYS})
_EXAMPLES = {
    Kind.TEXT: "A-001", Kind.PROSE: "某工程", Kind.NUMBER: "12.5", Kind.INTEGER: "180", Kind.MONEY: "1250000.00",
    Kind.INSTANT: "2026-03-05 14:30", Kind.DAY: "2026-03-05", Kind.MONTH: "2026-03", Kind.BOOLEAN: "是",
    Kind.GRADE: "C30P6", Kind.DISTRICT: "520103", Kind.PERSON: "D007",
}  # fmt: skip


@dataclass(frozen=True)
class TemplateColumn:
    """One column of the sheet to fill: the header that landing recognises, and the field it feeds."""

    header: str
    field: Field
    required: bool


def template_columns(feed: Feed, lang: Lang) -> list[TemplateColumn]:
    """The columns to fill in, in the contract's order; a list has its columns per element."""
    columns: list[TemplateColumn] = []
    for field in feed.fields:
        if field.kind is Kind.LIST:
            columns += _list_columns(field, lang)
        else:
            columns.append(TemplateColumn(_header(feed, field, lang), field, field.required))
    return columns


def _list_columns(field: Field, lang: Lang) -> Iterator[TemplateColumn]:
    """One column per element and member (水泥设定(kg)); what a record does not have stays empty."""
    naming, *members = field.members
    for code, texts in naming.codes.items():
        for member in members if code != _ANY_OTHER else []:
            chinese = next((alias for alias in member.aliases if not alias.isascii()), member.name)
            text = f"{texts[0]}{chinese}" if lang == "zh" else f"{code}_{member.name}"
            yield TemplateColumn(f"{text}({member.unit})" if member.unit else text, member, False)


def write_template(feed_name: str, path: Path, lang: Lang, *, is_forced: bool = False) -> None:
    """Write the feed's template. Raises TongmaiError: `unknown_feed`, `file_exists`, `cannot_write`."""
    if feed_name not in FEEDS:
        known = ", ".join(FEEDS)
        raise TongmaiError(
            "unknown_feed",
            f"没有数据源“{feed_name}”。可用：{known}。",
            f"No feed '{feed_name}'. Feeds: {known}.",
            EXIT_USAGE,
        )
    check_target(path, is_forced=is_forced)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(FEEDS[feed_name], path, lang)
    except (OSError, xlsxwriter.exceptions.FileCreateError) as error:
        raise TongmaiError("cannot_write", f"写不了 {path}：{error}。", f"Cannot write {path}: {error}.") from error


def _write(feed: Feed, path: Path, lang: Lang) -> None:
    with xlsxwriter.Workbook(path) as book:
        book.set_properties({"title": f"{feed.text.zh} {feed.name}", "author": "Tongmai", "created": _CREATED})
        columns = template_columns(feed, lang)
        head = book.add_format({"bold": True, "bg_color": "#DDE7F0", "border": 1, "text_wrap": True})
        required = book.add_format({"bold": True, "bg_color": "#F6D9C9", "border": 1, "text_wrap": True})
        sheet = book.add_worksheet((feed.text.zh if lang == "zh" else feed.name)[:31])
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            sheet.write_string(0, place, column.header, required if column.required else head)
            form = book.add_format({"num_format": _number_format(column.field)})
            sheet.set_column(place, place, max(12, min(28, 2 * len(column.header))), form)
            _validate(sheet, place, column.field, lang)
        _explain(book.add_worksheet("填写说明" if lang == "zh" else "how to fill in"), feed, columns, lang, head)


def _number_format(field: Field) -> str:
    """Text for whatever is an id, so that Excel keeps every digit and every leading zero."""
    if field.kind in _DAYS:
        return _DAYS[field.kind]
    return "General" if field.kind in _TYPED else "@"


def _validate(sheet: Worksheet, place: int, field: Field, lang: Lang) -> None:
    rule: dict[str, object] | None = None
    if field.kind in (Kind.CODE, Kind.BOOLEAN):
        texts = code_texts(field, lang)
        if len(",".join(texts)) <= _LIST_CHARACTERS:
            rule = {"validate": "list", "source": texts}
    elif field.kind in _DAYS:
        rule = {"validate": "date", "criteria": "between", "minimum": _FIRST, "maximum": _LAST}
    elif field.kind in _TYPED and (field.low, field.above, field.high) != (None, None, None):
        rule = _bounds(field)
    if rule is None:
        return
    title = "取值不对" if lang == "zh" else "not valid"
    told = {"error_type": "warning", "error_title": title, "error_message": limits(field)[:255] or title}
    sheet.data_validation(1, place, ROWS, place, {**rule, "ignore_blank": True, **told})


def _bounds(field: Field) -> dict[str, object]:
    low = field.low if field.above is None else field.above
    if low is None:
        return {"validate": "decimal", "criteria": "<=", "value": field.high}
    if field.high is None:
        return {"validate": "decimal", "criteria": ">" if field.above is not None else ">=", "value": low}
    return {"validate": "decimal", "criteria": "between", "minimum": low, "maximum": field.high}


def code_texts(field: Field, lang: Lang) -> list[str]:
    """What to write for each code: its first Chinese text, or the code itself."""
    if field.kind is Kind.BOOLEAN:
        return ["是", "否"] if lang == "zh" else ["yes", "no"]
    return [texts[0] if lang == "zh" and texts else code for code, texts in field.codes.items()]


def _header(feed: Feed, field: Field, lang: Lang) -> str:
    """A header that landing recognises as that field and no other, with the unit kept."""
    known = aliases(feed)
    chinese = (alias for alias in field.aliases if not alias.isascii() and known[normalise(alias)] is field)
    text = next(chinese, field.name) if lang == "zh" else field.name
    return f"{text}({field.unit})" if field.unit and field.unit != "1" else text


def _explain(sheet: Worksheet, feed: Feed, columns: list[TemplateColumn], lang: Lang, head: Format) -> None:
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 5, 34)
    for row, cells in enumerate(_explanation(feed, columns, lang)):
        for place, text in enumerate(cells):
            sheet.write_string(row, place, text, *([head] if row == _HEAD_ROW else []))


_HEAD_ROW = 3


def _explanation(feed: Feed, columns: list[TemplateColumn], lang: Lang) -> Iterator[tuple[str, ...]]:
    zh = lang == "zh"
    key = ", ".join(feed.key)
    yield (f"{feed.text.zh} | {feed.text.en} ({feed.name})",)
    yield (
        f"在第一张表中每行填一条，存盘后放入 inbox/{feed.name}/。主键：{key}。橙色列必填。"
        if zh
        else f"One record per row of the first sheet; drop it into inbox/{feed.name}/. Key: {key}. Orange: required.",
    )
    yield ("本页仅作说明和示例，不会被读取。" if zh else "This sheet only explains; it is never loaded.",)
    titles = Text("列 必填 含义 取值 写法 示例", "column required meaning values codes example")
    yield tuple((titles.zh if zh else titles.en).split())
    for column in columns:
        field = column.field
        yield (
            f"“{column.header}”",
            ("必填" if zh else "required") if column.required else "",
            field.text.zh if zh else field.text.en,
            limits(field),
            "、".join(code_texts(field, lang)) if field.codes else "",
            code_texts(field, lang)[0] if field.codes else _EXAMPLES.get(field.kind, ""),
        )
