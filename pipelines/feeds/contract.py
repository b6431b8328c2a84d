"""The vocabulary in which a feed is declared: fields, rules, flags, feed.

Belongs here: what can be said about a feed. Does not belong here: any particular feed, nor how a
declaration is executed (`pipelines.checks`). A feed's module is the only place that lists its columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from store.messages import Text


class Kind(StrEnum):
    """What a field holds, and so how its text is read and as which SQL type it is kept."""

    TEXT = "text"
    PROSE = "prose"  # what people type freely: phone numbers in it are masked
    NUMBER = "number"
    INTEGER = "integer"
    MONEY = "money"
    INSTANT = "instant"
    DAY = "day"
    MONTH = "month"  # kept as its first day
    CODE = "code"
    BOOLEAN = "boolean"
    GRADE = "grade"
    DISTRICT = "district"
    PERSON = "person"
    GEOMETRY = "geometry"
    LIST = "list"  # elements with members; `Field.sql_type` is a list of structs

    @property
    def sql_type(self) -> str:
        return _SQL_TYPES.get(self, "VARCHAR")


_SQL_TYPES: Mapping[Kind, str] = {
    Kind.NUMBER: "DOUBLE",
    Kind.INTEGER: "INTEGER",
    Kind.MONEY: "DECIMAL(18,2)",
    Kind.INSTANT: "TIMESTAMPTZ",
    Kind.DAY: "DATE",
    Kind.MONTH: "DATE",
    Kind.BOOLEAN: "BOOLEAN",
}


@dataclass(frozen=True, eq=False)  # as a feed: what is compiled from a field is kept under it
class Field:
    """One column of a feed.

    `aliases` are header texts (compared after `pipelines.layout.normalise`); `unit` is the unit kept;
    `low`/`high` bound the value (`above` is an exclusive lower bound); `codes` maps a code to the texts
    that mean it, and `other` is the code of any other text (flagged `other_<name>`) instead of a reject, while
    `is_open` keeps any other text as its own code; `around` is a pattern of what may stand around a code's
    text and `uncoded` are names that headers may hold although no code is theirs; `is_private` masks the
    value wherever a row's text is kept. `members` are the fields of a list's elements: the first one says
    which element it is (a material), and `member_of_bare` is the member that a column named after an element
    alone holds. `has_unit_column`: a column 单位 beside it states each row's unit.
    """

    name: str
    kind: Kind
    text: Text
    aliases: tuple[str, ...] = ()
    required: bool = False
    unit: str | None = None
    low: float | None = None
    above: float | None = None
    high: float | None = None
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    other: str | None = None
    default: str | None = None
    pattern: str | None = None
    is_open: bool = False
    around: str | None = None
    uncoded: tuple[str, ...] = ()
    is_private: bool = False
    members: tuple[Field, ...] = ()
    member_of_bare: str | None = None
    has_unit_column: bool = False

    @property
    def sql_type(self) -> str:
        if self.kind is Kind.LIST:
            return f"STRUCT({', '.join(f'{member.name} {member.sql_type}' for member in self.members)})[]"
        return self.kind.sql_type

    def member(self, name: str) -> Field:
        """The member called `name`; raises KeyError when there is none."""
        for member in self.members:
            if member.name == name:
                return member
        raise KeyError(name)


@dataclass(frozen=True)
class Rule:
    """A row-wise rule: when `violated` (SQL over the feed's columns) is true the row is rejected."""

    reason: str
    column: str
    violated: str
    text: Text


@dataclass(frozen=True)
class Flag:
    """A row-wise remark: when `holds` (SQL over the feed's columns) is true the row is kept and flagged."""

    name: str
    holds: str
    text: Text


UPDATED_AT = Field(
    "updated_at",
    Kind.INSTANT,
    Text("来源系统的更新时间，决定同一主键各版本的先后", "the source's update time; orders the versions of a key"),
    ("更新时间", "修改时间", "最后更新时间"),
)
KNOWN_AT = Field(
    "known_at",
    Kind.INSTANT,
    Text("本版本为我们所知的时间（补录时由映射给出）", "when this version became known to us (mapped in backfills)"),
    ("获知时间",),
)
LINEAGE: Mapping[str, str] = {
    "updated_at": "TIMESTAMPTZ",
    "known_at": "TIMESTAMPTZ",
    "_version_at": "TIMESTAMPTZ",
    "_content_hash": "VARCHAR",
    "_segment_id": "VARCHAR",
    "_source_file": "VARCHAR",
    "_source_row": "BIGINT",
    "_flags": "VARCHAR[]",
    "_extra": "JSON",
}


@dataclass(frozen=True, eq=False)  # one object per feed: identity is equality
class Feed:
    """A feed's contract.

    `version` counts changes that alter what a file loads as; `event_time` is the field that says when
    the thing happened; `merge` says how versions of a key make one row: the newest row, or the newest
    non-null value per column; `coordinates` are the longitude/latitude pairs that a mapping's coordinate
    system applies to; `partial_without` are required columns that an *event* lacks together: a row that says
    something about a key which another row introduces, and so needs its key and one optional value only.
    """

    name: str
    version: int
    text: Text
    key: tuple[str, ...]
    event_time: str | None
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()
    flags: tuple[Flag, ...] = ()
    merge: Literal["row", "column"] = "row"
    coordinates: tuple[tuple[str, str], ...] = ()
    partial_without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := set(self.key) - {column.name for column in self.fields}:
            raise ValueError(f"feed {self.name}: key columns without a field: {sorted(unknown)}")

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """The feed's fields, then the two that every feed accepts."""
        return (*self.fields, UPDATED_AT, KNOWN_AT)

    @property
    def raw_columns(self) -> dict[str, str]:
        """Columns of `raw.<feed>_versions` in order, with their SQL types."""
        return {column.name: column.sql_type for column in self.fields} | dict(LINEAGE)

    @property
    def lists(self) -> tuple[Field, ...]:
        """The fields that hold lists."""
        return tuple(column for column in self.fields if column.kind is Kind.LIST)

    def field(self, name: str) -> Field:
        """The field called `name`, or the member that `<list>.<member>` or `<list>.<element>.<number>.<member>` names.

        Raises KeyError when there is none.
        """
        own, _, path = name.partition(".")
        for column in self.all_fields:
            if column.name == own:
                return column.member(path.rpartition(".")[2]) if path else column
        raise KeyError(name)

    @property
    def event_values(self) -> tuple[Field, ...]:
        """The fields of which an event holds at least one."""
        return tuple(column for column in self.fields if not column.required)
