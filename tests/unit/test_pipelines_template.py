"""Templates: what a plant fills in loads as it stands."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from intake_files import query, without_beam
from python_calamine import CalamineWorkbook

from pipelines.feeds import FEEDS, Feed
from pipelines.feeds.contract import Field, Kind
from pipelines.ingest import ingest
from pipelines.layout import resolve
from pipelines.template import code_texts, template_columns, write_template
from store.home import Home
from store.messages import EXIT_USAGE, Lang, TongmaiError

VALUES: dict[Kind, Any] = {
    Kind.TEXT: "007", Kind.PROSE: "甲工程", Kind.NUMBER: 1.0, Kind.INTEGER: 1, Kind.MONEY: 12.5,
    Kind.DAY: date(2025, 3, 5), Kind.MONTH: date(2025, 3, 1),
    Kind.INSTANT: datetime(2025, 3, 5, 8, 0), Kind.BOOLEAN: "是", Kind.GRADE: "C30", Kind.DISTRICT: "520103",
    Kind.PERSON: "D007", Kind.GEOMETRY: '{"type":"Polygon","coordinates":[[[106,26],[107,26],[107,27],[106,26]]]}',
}  # fmt: skip


def fitting(field: Field, lang: Lang) -> Any:
    """A value that the contract accepts."""
    if field.codes:
        return code_texts(field, lang)[0]
    if field.kind is Kind.NUMBER and field.low is not None:
        return max(field.low, 1.0) if field.high is None or field.high >= 1 else field.high
    if field.kind is Kind.INTEGER and field.low is not None:
        return max(int(field.low), 1)
    return "CNY" if field.pattern else VALUES[field.kind]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("feed", FEEDS.values(), ids=lambda feed: feed.name)
def test_a_filled_template_loads(home: Home, feed: Feed, lang: Lang, monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)
    path = home.root.parent / "empty.xlsx"
    write_template(feed.name, path, lang)
    sheets = CalamineWorkbook.from_path(str(path))
    header, explained = (sheets.get_sheet_by_index(index).to_python() for index in range(2))
    columns = template_columns(feed, lang)
    assert header == [[column.header for column in columns]]
    assert len(explained) == len(columns) + 4
    assert resolve(feed, header[0]).extras == ()
    target = home.inbox / feed.name / "filled.xlsx"
    target.parent.mkdir(parents=True)
    with xlsxwriter.Workbook(target, {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
        sheet, second = book.add_worksheet(), book.add_worksheet()
        sheet.write_row(0, 0, header[0])
        sheet.write_row(1, 0, [fitting(column.field, lang) for column in columns])
        for row, cells in enumerate(explained):
            second.write_row(row, 0, cells)
    (file,) = ingest(home).files
    assert (file.status, file.read, file.loaded, file.reasons) == ("loaded", 1, 1, {})
    ids = [name for name in feed.key if feed.field(name).kind is Kind.TEXT]
    row = query(home, f"SELECT {', '.join([*ids, '_source_row', '_extra'])} FROM raw.{feed.name}")
    assert row == [(*("007" for _ in ids), 2, None)]


def test_the_same_contract_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        write_template("orders", tmp_path / name, "zh")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_ids_are_text_codes_are_lists_and_days_are_dates(tmp_path: Path) -> None:
    write_template("orders", tmp_path / "a.xlsx", "zh")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as package:
        sheet, styles = (package.read(f"xl/{part}.xml").decode() for part in ("worksheets/sheet1", "styles"))
    assert 'formatCode="@"' in styles or 'numFmtId="49"' in styles  # text
    assert "yyyy\\-mm\\-dd" in styles or "yyyy-mm-dd" in styles
    assert "泵送,自卸,其他" in sheet
    assert 'type="date"' in sheet
    assert 'type="decimal"' in sheet


def test_a_template_is_not_written_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("mine")
    with pytest.raises(TongmaiError) as caught:
        write_template("orders", tmp_path / "a.xlsx", "zh")
    assert (caught.value.reason, caught.value.exit_code) == ("file_exists", EXIT_USAGE)
    with pytest.raises(TongmaiError) as caught:
        write_template("order", tmp_path / "b.xlsx", "zh")
    assert caught.value.reason == "unknown_feed"


def test_a_unit_with_a_slash_in_a_lists_header() -> None:
    header = ["配合比编号", "搅拌站", "强度等级", "水泥(kg/m³)", "水（kg/m3）"]
    bound = {binding.name for binding in resolve(FEEDS["mixes"], header).bindings}
    assert {"materials.水泥.kg_per_m3", "materials.水.kg_per_m3"} <= bound
