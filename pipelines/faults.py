"""What can be wrong with a row or a file: reason codes with their sentence in both languages.

Belongs here: reasons that no single feed owns. Does not belong here: a feed's own rules (its contract).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pipelines.feeds import FEEDS
from pipelines.feeds.contract import Field, Kind
from store.messages import Text

# Reasons of rows. {zh}/{en} are the column's meaning, {column} its name, {limits} its bounds.
ROW_REASONS: Mapping[str, Text] = {
    "bad_encoding": Text(
        "这一行含有无法解码的字节。请用 UTF-8 或 GB18030 重新导出。",
        "This line holds bytes that cannot be decoded. Export it again as UTF-8 or GB18030.",
    ),
    "wrong_field_count": Text(
        "这一行的字段数与表头不符（可能被截断，或引号、分隔符有误）。",
        "This line has another number of fields than the header (cut off, or a stray quote or delimiter).",
    ),
    "bad_json": Text("这一行不是有效的 JSON 对象。", "This line is not a valid JSON object."),
    "missing_required": Text(
        "缺少必填字段 {column}（{zh}）。请补填。", "Required {column} ({en}) is missing. Fill it in."
    ),
    "bad_number": Text("{column}（{zh}）不是数字。", "{column} ({en}) is not a number."),
    "bad_timestamp": Text("{column}（{zh}）不是可识别的时间。", "{column} ({en}) is not a recognisable time."),
    "bad_date": Text("{column}（{zh}）不是可识别的日期。", "{column} ({en}) is not a recognisable day."),
    "unclear_date": Text(
        "{column}（{zh}）写作“日/月/年”或“月/日/年”，无法判断先后。请在映射文件的 [formats] 中写明，例如 %m/%d/%Y。",
        "{column} ({en}): which of its numbers is the month cannot be told. State it under [formats] in a mapping "
        "file, such as %m/%d/%Y.",
    ),
    "unclear_month": Text(
        "{column}（{zh}）可能是 1 月，也可能是 10 月（电子表格把 2025.10 存成了 2025.1）。请写成 2025-01 或 2025-10。",
        "{column} ({en}) may be January or October (a spreadsheet keeps 2025.10 as 2025.1). Write 2025-01 or 2025-10.",
    ),
    "bad_code": Text("{column}（{zh}）不在允许的取值中：{limits}。", "{column} ({en}) is none of: {limits}."),
    "digits_lost": Text(
        "{column}（{zh}）是被电子表格改成科学计数的编号，末位已丢失。请把该列设为文本后重新导出。",
        "{column} ({en}) was turned into a rounded number by a spreadsheet. Format the column as text, export again.",
    ),
    "bad_grade": Text(
        "{column}（{zh}）应为 C10 至 C100 之间的一个等级。", "{column} ({en}) must be one grade from C10 to C100."
    ),
    "unknown_district": Text(
        "{column}（{zh}）既不是六位代码，也不是已知区县名。",
        "{column} ({en}) is neither a six-digit code nor a known district's name.",
    ),
    "bad_list": Text(
        "{column}（{zh}）应为 JSON 对象的列表，如 {example}。",
        "{column} ({en}) must be a JSON list of objects, such as {example}.",
    ),
    "lines_disagree": Text(
        "同一主键的各行给出了不同的 {column}（{zh}）。请核对，各行应一致或只填首行。",
        "The lines of one key give different values of {column} ({en}). Make them agree, or fill in the first only.",
    ),
    "bad_geometry": Text("{column} 应为 GeoJSON 多边形。", "{column} must be a GeoJSON polygon."),
    "out_of_range": Text("{column}（{zh}）超出允许范围 {limits}。", "{column} ({en}) lies outside {limits}."),
}

UNREADABLE: Mapping[Kind, str] = {
    Kind.NUMBER: "bad_number",
    Kind.INTEGER: "bad_number",
    Kind.MONEY: "bad_number",
    Kind.INSTANT: "bad_timestamp",
    Kind.DAY: "bad_date",
    Kind.CODE: "bad_code",
    Kind.BOOLEAN: "bad_code",
    Kind.TEXT: "digits_lost",
    Kind.GRADE: "bad_grade",
    Kind.DISTRICT: "unknown_district",
    Kind.GEOMETRY: "bad_geometry",
    Kind.MONTH: "bad_date",
}

# Reasons of whole files.
FILE_REASONS: Mapping[str, Text] = {
    "no_feed_folder": Text(
        "文件直接放在 inbox/ 下。请放入对应数据源的目录，如 inbox/orders/。",
        "The file lies directly in inbox/. Move it into its feed's folder, such as inbox/orders/.",
    ),
    "unknown_feed": Text(
        f"没有这个数据源的目录。可用的有：{'、'.join(FEEDS)}。",
        f"There is no such feed. Feeds are: {', '.join(FEEDS)}.",
    ),
    "unknown_file_type": Text(
        "不认识的文件类型。请用 CSV、XLSX、JSON Lines、Parquet 或 GeoJSON（可用 gzip 或 zip 压缩）。",
        "Unknown file type. Use CSV, XLSX, JSON Lines, Parquet or GeoJSON (gzip and zip allowed).",
    ),
    "broken_link": Text(
        "这是一个符号链接，它指向的文件不存在。请放入文件本身。",
        "This is a symbolic link to a file that does not exist. Put the file itself here.",
    ),
    "encrypted_file": Text(
        "文件有密码保护。请去掉密码后重新发送。", "The file is protected by a password. Remove it and send it again."
    ),
    "nested_archive": Text(
        "压缩包里还有压缩包。请解开内层，把数据文件直接放进一个压缩包。",
        "The archive holds another archive. Unpack the inner one and put its data files into a single archive.",
    ),
    "archive_too_large": Text(
        "压缩内容展开后过大（最多 1000 个文件、4 GB、压缩比 200 倍）。请分成几个文件发送。",
        "The compressed content expands too far (at most 1,000 members, 4 GB, 200 times). Send it in several files.",
    ),
    "sheet_too_large": Text(
        "工作表过大（连同其间的空格最多 2000 万格，文本最多 1 GB）。请删去远处的零散单元格，或改用 CSV。",
        "The sheet is too large (at most 20 million cells, empty ones between included, and 1 GB of text). "
        "Remove stray cells or use CSV.",
    ),
    "field_too_large": Text(
        "有一行或一个值超过上限（一行 64 MB，一个值 16 MB）。请检查引号与换行后重新导出。",
        "A line or a value is larger than allowed (64 MB, 16 MB). Check quotes and line ends, and export it again.",
    ),
    "empty_file": Text("文件是空的。请重新导出。", "The file is empty. Export it again."),
    "truncated_file": Text(
        "文件不完整（传输中断或损坏）。请重新发送。", "The file is cut off or damaged. Send it again."
    ),
    "wrong_encoding": Text(
        "无法判断文件的编码。请用 UTF-8 或 GB18030 重新导出。",
        "The file's encoding cannot be told. Export it again as UTF-8 or GB18030.",
    ),
    "cannot_process": Text(
        "程序处理这个文件时出错，已将它单独留下，其他文件不受影响。请把文件和括号中的说明交给技术人员；"
        "程序修好后更新一下文件的时间（touch），即会重读。",
        "The program failed on this file and left it aside; no other file is affected. Give the file and the words in "
        "brackets to whoever maintains the platform; once mended, touch the file and it is read again.",
    ),
    "still_writing": Text(
        "文件还在写入；写完后的下一次运行会处理它。", "The file is still being written; the next run takes it."
    ),
    "unknown_layout": Text(
        "找不到可识别的表头。请提供映射文件（mappings/<数据源>/*.toml）。",
        "No recognisable header row. Provide a mapping file (mappings/<feed>/*.toml).",
    ),
    "missing_columns": Text(
        "缺少必填列。请补上，或在映射文件中指明。",
        "Required columns are missing. Add them, or name them in a mapping file.",
    ),
    "lost_mapping": Text(
        "这些改正的行要用读入原文件时的映射文件。请把它放进 mappings/<数据源>/，下一次运行会重读。",
        "These corrected rows need the mapping file that their source was read with. Put it into mappings/<feed>/; "
        "the next run reads them again.",
    ),
    "unknown_unit": Text(
        "表头中的单位无法换算。请在映射文件的 [units] 中写明单位或换算系数。",
        "The unit in a header cannot be converted. State a unit or a factor under [units] in a mapping file.",
    ),
    "bad_sidecar": Text(
        "附带的 .sidecar.json 无效（received_at 应为 ISO 时间）。", "Its .sidecar.json is not valid (see received_at)."
    ),
    "unreadable_file": Text("没有权限读取文件，或读取出错。", "The file cannot be read (permission or device error)."),
    "no_rows": Text("文件有表头但没有数据行。", "The file has a header but no rows."),
}


_UNCLEAR_DATE = re.compile(r"\s*\d{1,2}([/.-])\d{1,2}\1(\d{2}|\d{4})(?!\d).*")
_UNCLEAR_MONTH = re.compile(r"\s*\d{4}\.1\s*")


def refined(reason: str, text: object, *, is_stated: bool = False) -> str:
    """A time's reason; `unclear_…` when it is written with the day or the month first (03/04/2025), or as 2025.1.

    `is_stated`: a mapping says how such times are written, so that another text is wrong and not unclear.
    """
    if is_stated or reason not in (UNREADABLE[Kind.DAY], UNREADABLE[Kind.INSTANT]) or not isinstance(text, str):
        return reason
    if _UNCLEAR_MONTH.fullmatch(text):
        return "unclear_month"
    return "unclear_date" if _UNCLEAR_DATE.fullmatch(text) else reason


class FileError(Exception):
    """A file that cannot be taken as a whole; `reason` is a key of FILE_REASONS, `detail` names particulars."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    @property
    def text(self) -> Text:
        """The sentence, with the particulars."""
        base, particulars = FILE_REASONS[self.reason], f" ({self.detail})" if self.detail else ""
        return Text(base.zh + particulars, base.en + particulars)


def row_sentence(reason: str, column: Field | None) -> Text:
    """The sentence of a row's reason, about that column."""
    template = ROW_REASONS[reason]
    if column is None:
        return template
    words = {"column": column.name, "limits": limits(column), "example": _example(column)}
    return Text(
        template.zh.format(zh=column.text.zh, en=column.text.en, **words),
        template.en.format(zh=column.text.zh, en=column.text.en, **words),
    )


def _example(column: Field) -> str:
    """A list as JSON, with one element."""
    values = {
        member.name: 1 if member.kind is Kind.NUMBER else next(iter(member.codes), "1") for member in column.members
    }
    return json.dumps([values], ensure_ascii=False)


def limits(column: Field) -> str:
    """What a field's values may be, as text; empty when anything goes."""
    if column.kind is Kind.CODE:
        return ", ".join(column.codes)
    if column.kind is Kind.BOOLEAN:
        return "是, 否, true, false"
    if column.pattern:
        return column.pattern
    if (column.low, column.above, column.high) == (None, None, None):
        return ""
    low = f"({column.above:g}" if column.above is not None else f"[{column.low:g}" if column.low is not None else "(-∞"
    high = f"{column.high:g}]" if column.high is not None else "∞)"
    return f"{low}, {high}"
