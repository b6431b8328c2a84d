"""Declared tables: name, key, columns with type and description, in both languages.

Belongs here: the declaration, its DDL, and appending rows to it. The tables of a schema that no dbt model
makes (`ops`, `forecast`, `plan`) are declared beside the code that writes them, and nowhere else.
Does not belong here: any particular table but those of `ops`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from store.evolution import evolve
from store.messages import Text


@dataclass(frozen=True)
class Column:
    """One column: SQL type and meaning (with unit)."""

    name: str
    type: str
    zh: str
    en: str

    @property
    def text(self) -> Text:
        return Text(self.zh, self.en)


@dataclass(frozen=True)
class Table:
    """One table of schema `schema`; `key` names the columns that identify a row."""

    schema: str
    name: str
    key: tuple[str, ...]
    text: Text
    columns: tuple[Column, ...]

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    def create(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Create the table when it is absent, bring an older one up to this declaration, and write its comments.

        Not to be called within a transaction.
        """
        evolve(connection, self.qualified, {column.name: column.type for column in self.columns}, self.key)
        connection.execute(f"COMMENT ON TABLE {self.qualified} IS {literal(comment(self.text))}")
        for column in self.columns:
            described = literal(comment(column.text))
            connection.execute(f'COMMENT ON COLUMN {self.qualified}."{column.name}" IS {described}')


def append(connection: duckdb.DuckDBPyConnection, table: Table, columns: Mapping[str, Any]) -> None:
    """Append rows: column -> its values (list or array), all of one length; every declared column, by name."""
    import pyarrow as pa

    rows = pa.table({name: columns[name] for name in table.column_names})
    if rows.num_rows:
        connection.register("appended", rows)
        connection.execute(f"INSERT INTO {table.qualified} BY NAME SELECT * FROM appended")
        connection.unregister("appended")


def comment(text: Text) -> str:
    """How a bilingual description stands in a COMMENT and in a dbt `description`."""
    return f"{text.zh} | {text.en}"


def literal(text: str) -> str:
    """A SQL string literal, for the statements that take no parameters (COMMENT, ATTACH)."""
    return "'" + text.replace("'", "''") + "'"


def split_comment(text: str) -> Text:
    """The inverse of `comment`; a description in one language serves for both."""
    zh, separator, en = text.partition(" | ")
    return Text(zh.strip(), en.strip()) if separator else Text(text.strip(), text.strip())


def _columns(*columns: tuple[str, str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*column) for column in columns)


INGEST_LEDGER = Table(
    "ops",
    "ingest_ledger",
    ("segment_id",),
    Text(
        "入库台账：每个文件（分段）一行，读入＝装载＋重复＋拒收",
        "Ingest ledger: one row per file (segment); read = loaded + duplicate + rejected",
    ),
    _columns(
        ("segment_id", "VARCHAR", "分段号：文件、映射与契约版本的哈希", "hash of file, mapping and contract version"),
        ("feed", "VARCHAR", "数据源", "feed"),
        ("source_file", "VARCHAR", "来源文件名", "source file name"),
        ("sha256", "VARCHAR", "文件内容哈希", "hash of the file's content"),
        ("mapping_hash", "VARCHAR", "映射哈希", "hash of the mapping in force"),
        ("contract_version", "INTEGER", "契约版本", "version of the feed's contract"),
        ("rows_read", "BIGINT", "读入行数", "rows read"),
        ("rows_loaded", "BIGINT", "装载行数", "rows loaded as a new version"),
        ("rows_duplicate", "BIGINT", "重复行数（该版本已有）", "rows whose version was already there"),
        ("rows_rejected", "BIGINT", "拒收行数", "rows rejected"),
        (
            "rows_skipped",
            "BIGINT",
            "跳过的标题、空白与合计行（不计入读入）",
            "title, blank and totals lines, outside rows read",
        ),
        ("reasons", "JSON", "拒收原因及行数", "reject reasons with their counts"),
        ("received_at", "TIMESTAMPTZ", "收到文件的时间", "when the file was received"),
        ("committed_at", "TIMESTAMPTZ", "入库提交时间", "when the segment was committed"),
        ("units", "JSON", "已做的单位换算：字段与系数", "units converted: field and factor"),
        (
            "superseded_by",
            "VARCHAR",
            "取代本分段的分段（同一内容按另一映射或契约重读）；为空即有效",
            "the segment that reads the same content in its place; null while this one is in force",
        ),
        ("rows_resolved", "BIGINT", "拒收行中已解决的行数", "rejected rows that have been resolved since"),
    ),
)

SIGHTINGS = Table(
    "ops",
    "sightings",
    (),  # one row per row of a file in force; an index would cost more than the rows, and the loader writes them once
    Text(
        "同一版本的各次出现（只记出现过不止一次的版本）；版本表取其中最早者",
        "Where versions that were seen more than once were seen; the version table takes the earliest",
    ),
    _columns(
        ("feed", "VARCHAR", "数据源", "feed"),
        ("content_hash", "VARCHAR", "版本的内容哈希", "hash of the version's content"),
        ("segment_id", "VARCHAR", "分段号", "segment"),
        ("source_file", "VARCHAR", "来源文件名", "source file name"),
        ("source_row", "BIGINT", "文件中的行号", "line in the file, the first line being 1"),
        ("known_at", "TIMESTAMPTZ", "由此次出现而为我们所知的时间", "when it became known by this sighting"),
        ("flags", "VARCHAR[]", "此次出现的标记", "the flags of this sighting"),
    ),
)

REJECTS = Table(
    "ops",
    "rejects",
    ("segment_id", "source_file", "source_row", "reason"),
    Text(
        "拒收行：原文（已脱敏）、位置、原因与中英文说明",
        "Rejected rows: redacted text, place, reason and a sentence in both languages",
    ),
    _columns(
        ("segment_id", "VARCHAR", "分段号", "segment"),
        ("feed", "VARCHAR", "数据源", "feed"),
        ("source_file", "VARCHAR", "来源文件名", "source file name"),
        ("source_row", "BIGINT", "文件中的行号", "line in the file, the first line being 1"),
        ("reason", "VARCHAR", "原因代码", "reason code"),
        ("column_name", "VARCHAR", "出错的字段", "the column at fault"),
        ("sentence_zh", "VARCHAR", "中文说明", "what is wrong and what to do, in Chinese"),
        ("sentence_en", "VARCHAR", "英文说明", "what is wrong and what to do, in English"),
        ("raw_text", "VARCHAR", "原文（已脱敏）", "the row as it came, redacted"),
        ("reject_id", "VARCHAR", "拒收编号：内容与行号的哈希", "the reject's number: hash of content and line"),
        ("row_key", "JSON", "主键（读得出时）", "the row's key, when it could be read"),
        ("header", "JSON", "来源文件的表头", "the headers of its file, in order"),
        ("corrects", "VARCHAR", "本行原为改正哪条拒收", "the reject that this row was sent to correct"),
        ("resolved_at", "TIMESTAMPTZ", "解决时间；为空即未解决", "when it was resolved; null while it is open"),
    ),
)

REJECT_RESOLUTIONS = Table(
    "ops",
    "reject_resolutions",
    (),  # as with sightings: written once per row of a segment in force
    Text("拒收行由哪一行解决", "Which row resolves which reject"),
    _columns(
        ("reject_id", "VARCHAR", "拒收编号", "the reject's number"),
        ("feed", "VARCHAR", "数据源", "feed"),
        ("segment_id", "VARCHAR", "解决它的分段", "the segment that resolves it"),
        ("source_file", "VARCHAR", "来源文件名", "source file name"),
        ("source_row", "BIGINT", "文件中的行号", "line in the file, the first line being 1"),
        ("resolved_at", "TIMESTAMPTZ", "解决时间（该分段入库时间）", "when that segment was committed"),
        (
            "how",
            "VARCHAR",
            "corrected 改正后重发；newer_version 同一主键后来收到有效版本",
            "corrected: sent again, corrected; newer_version: a valid version of its key was received later",
        ),
    ),
)

PUBLISHED_VERSIONS = Table(
    "ops",
    "published_versions",
    ("version",),
    Text("已发布版本及其检查结果", "Published versions and what their gate found"),
    _columns(
        ("version", "VARCHAR", "版本号", "version"),
        ("data_version", "VARCHAR", "数据版本：已入库分段的哈希", "data version: hash of the committed segments"),
        (
            "content_version",
            "VARCHAR",
            "内容版本：数据、模型、预测与规划的哈希",
            "hash of data, models, forecast and plan",
        ),
        ("published_at", "TIMESTAMPTZ", "发布时间", "when it was published"),
        ("checks_passed", "INTEGER", "通过的检查数", "number of checks passed"),
    ),
)

OPS_TABLES: Sequence[Table] = (INGEST_LEDGER, SIGHTINGS, REJECTS, REJECT_RESOLUTIONS, PUBLISHED_VERSIONS)


# Of the ledger `ledger`; asked in this way, because a version published before this column existed lacks it.
IN_FORCE = "(to_json(ledger) ->> 'superseded_by') IS NULL"
DATA_VERSION = f"""
    SELECT md5(coalesce(string_agg(concat(segment_id, ' ', epoch_us(received_at)), ',' ORDER BY segment_id), ''))[1:12]
    FROM ops.ingest_ledger AS ledger WHERE {IN_FORCE}
"""


def data_version(connection: duckdb.DuckDBPyConnection) -> str:
    """A short hash of the segments in force and of when they were received: equal data, equal version, whatever the
    order of loading.
    """
    row = connection.execute(DATA_VERSION).fetchone()
    assert row is not None
    return str(row[0])
