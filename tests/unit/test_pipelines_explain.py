"""Explanations: what a file would do, told without doing it; and mapping files that a person can finish."""

from __future__ import annotations

import gzip
import json
import tomllib
import zipfile

import pytest
import xlsxwriter
from intake_files import ORDERS_HEADER, order, orders, put, query, without_beam

from orchestration import cli
from pipelines.explain import Explanation, explain
from pipelines.explain.draft import mapping_text
from pipelines.explain.profile import Column
from pipelines.explain.suggestions import nearest_code, similarity
from pipelines.feeds import FEEDS
from pipelines.ingest import ingest
from store.home import Home
from store.locks import hold
from store.messages import EXIT_USAGE

FOREIGN = "Permit#,Issuance Date,Reported Cost,Work Use,Applicant Name,Permit Status\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


def told(home: Home, feed: str, content: str | bytes, name: str = "a.csv") -> Explanation:
    path = home.root.parent / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return explain(home, feed, path)


def foreign(days: list[str]) -> str:
    uses = ("Dwelling", "Office Uses", "Zoo")
    lines = (f"B{n},{day},{n}.50,{uses[n % 3]},Jane Doe,Issued" for n, day in enumerate(days))
    return FOREIGN + "\n".join(lines) + "\n"


def test_it_says_what_ingest_then_does_and_writes_nothing(home: Home) -> None:
    bad = order("O3", grade="C300")
    text = orders(order("O1"), order("O1"), order("O2"), bad, "合计,,,,,3,,,,")
    report = told(home, "orders", text)
    assert not home.root.exists()
    rows = report.rows
    assert (rows.read, rows.would_load, rows.duplicate, rows.rejected, rows.skipped) == (4, 2, 1, 1, 1)
    assert rows.duplicate_rows == (3,)
    ((reason, column, example),) = [(r.reason, r.column, r.examples[0]) for r in rows.rejects]
    assert (reason, column, example.row) == ("bad_grade", "grade", 5)
    (file,) = ingest(home, [("orders", home.root.parent / "a.csv")]).files
    assert (file.read, file.loaded, file.duplicate, file.rejected, file.skipped) == (4, 2, 1, 1, 1)
    assert explain(home, "orders", home.root.parent / "a.csv").is_already_loaded


def test_every_header_is_accounted_for(home: Home) -> None:
    home.root.mkdir(parents=True)
    (home.root / "feeds.toml").write_text('[orders.aliases]\nstructure_part = ["构件"]\n', encoding="utf-8")
    header = ORDERS_HEADER.replace("计划方量(m³)", "计划方量(万方)") + ",联系人,备用,构件,grade"
    text = f"{header}\n{order('O1', m3='0.01')},张三,x,梁,C40\n"
    (table,) = told(home, "orders", text).tables
    columns = {column.header: column for column in table.columns}
    assert len(columns) == len(header.split(","))
    assert (columns["委托单号"].field, columns["委托单号"].recognised_by) == ("order_id", "alias")
    assert (columns["计划方量(万方)"].factor, columns["计划方量(万方)"].unit_written) == (10_000, "万方")
    assert (columns["联系人"].use, columns["联系人"].examples) == ("personal", ("***",))
    assert columns["备用"].use == "extra"
    assert columns["构件"].recognised_by == "deployment_alias"
    assert (columns["grade"].use, columns["强度等级"].use) == ("field", "extra")
    assert "张三" not in json.dumps(told(home, "orders", text).to_dict(), ensure_ascii=False, default=str)


def test_people_and_plates_are_told_nowhere(home: Home) -> None:
    header = "运单号,委托单号,搅拌站,强度等级,方量,车牌号,司机编号,司机姓名"
    text = f"{header}\nT1,O1,P1,C30,8,贵A12345,D007,李四\nT2,O1,P1,C300,8,贵A12346,D008,王五\n"
    report = json.dumps(told(home, "deliveries", text).to_dict(), ensure_ascii=False, default=str)
    for secret in ("贵A1234", "D007", "D008", "李四", "王五"):
        assert secret not in report


def test_it_needs_no_lock(home: Home) -> None:
    with hold(home, "ingest", wait_s=0), hold(home, "warehouse", wait_s=0):
        before = sorted(path.relative_to(home.root) for path in home.root.rglob("*"))
        assert told(home, "orders", orders(order("O1"))).rows.would_load == 1
        assert sorted(path.relative_to(home.root) for path in home.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "a.csv", "empty_file"),
        (b"%PDF-1.7", "a.csv", "unknown_file_type"),
        (gzip.compress(orders(order("O1")).encode())[:-12], "a.csv.gz", "truncated_file"),
        (b"PK\x03\x04 broken", "a.xlsx", "truncated_file"),
        (b"alpha,beta\n1,2\n", "a.csv", "unknown_layout"),
        (orders(order("O1")).replace("区县", "片").encode(), "a.csv", "missing_columns"),
        (orders(order("O1")).replace("m³", "车").encode(), "a.csv", "unknown_unit"),
    ],
)
def test_what_cannot_be_taken_is_explained(home: Home, content: bytes, name: str, reason: str) -> None:
    report = told(home, "orders", content, name)
    assert report.fault is not None
    assert report.fault.reason == reason
    if reason in ("missing_columns", "unknown_unit"):
        assert "order_id" in {column.field for column in report.tables[0].columns}
    assert not home.root.exists()


def test_the_feed_that_fits_better_is_named(home: Home) -> None:
    report = told(home, "permits", orders(order("O1")))
    assert report.better_feed is not None
    assert report.better_feed.feed == "orders"
    assert told(home, "orders", orders(order("O1"))).better_feed is None


def test_the_first_rows_only(home: Home) -> None:
    report = told(home, "orders", orders(*(order(f"O{n}") for n in range(50))))
    assert report.rows.is_complete
    limited = explain(home, "orders", home.root.parent / "a.csv", rows=10)
    assert not limited.rows.is_complete


@pytest.mark.parametrize(
    ("days", "formats"),
    [
        (["03/04/2025", "12/31/2024"], ("%m/%d/%Y",)),
        (["03/04/2025", "31/12/2024"], ("%d/%m/%Y",)),
        (["03/04/2025", "05/06/2025"], ("%m/%d/%Y", "%d/%m/%Y")),
        (["03/04/2025 12:00:00 AM", "12/31/2024 01:30:00 PM"], ("%m/%d/%Y %I:%M:%S %p",)),
        (["5-Mar-2025"], ("%d-%b-%Y",)),
    ],
)
def test_how_days_are_written_is_evidence_or_a_question(home: Home, days: list[str], formats: tuple[str, ...]) -> None:
    report = told(home, "permits", foreign(days))
    column = next(column for column in report.tables[0].columns if column.header == "Issuance Date")
    assert column.time_format is not None
    assert column.time_format.formats == formats
    document = tomllib.loads(mapping_text(report, "m.toml"))
    assert document["formats"] == ({"issued_on": formats[0]} if len(formats) == 1 else {})


def test_a_foreign_export_loads_after_a_few_edits(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    source, mapping = home.root.parent / "export.csv", home.root.parent / "m.toml"
    source.write_text(foreign(["01/31/2025", "02/03/2025", "03/04/2025"]), encoding="utf-8")
    arguments = ["ingest", "permits", str(source), "--home", str(home.root)]
    assert cli.run_command([*arguments, "--write-mapping", str(mapping)]) == 0
    draft = mapping.read_text(encoding="utf-8")
    for commented, active in (
        ('# "Permit#" = "permit_no"', '"Permit#" = "permit_no"'),
        ('# "Issuance Date" = "issued_on"', '"Issuance Date" = "issued_on"'),
        ('# "Reported Cost" = "contract_value"', '"Reported Cost" = "contract_value"'),
        ('# "Work Use" = "use"', '"Work Use" = "use"'),
        ('# "Dwelling" = "residential"', '"Dwelling" = "residential"'),
        ('# "Office Uses" = "commercial"', '"Office Uses" = "commercial"'),
        ('# districts = ["my-city"]', 'districts = ["my-city"]'),
        ('# district_code = ""', 'district_code = "my-city"'),
    ):
        assert commented in draft
        draft = draft.replace(commented, active)
    assert "Jane" not in draft
    mapping.write_text(draft, encoding="utf-8")
    capsys.readouterr()
    assert cli.run_command([*arguments, "--explain", "--mapping", str(mapping), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["mapping_reason"], report["rows"]["would_load"], report["fault"]) == ("explicit", 3, None)
    assert cli.run_command([*arguments, "--mapping", str(mapping), "--json"]) == 0
    assert query(home, "SELECT use, issued_on::VARCHAR FROM raw.permits ORDER BY permit_no") == [
        ("residential", "2025-01-31"),
        ("commercial", "2025-02-03"),
        ("other", "2025-03-04"),
    ]
    target = home.mappings / "permits" / "m.toml"
    target.parent.mkdir(parents=True)
    mapping.rename(target)
    assert explain(home, "permits", source).mapping_reason == "fingerprint"
    put(home, "permits", "next.csv", foreign(["04/05/2025"]).replace("B0", "C0"))
    assert [file.loaded for file in ingest(home).files] == [1]


def test_an_existing_mapping_is_not_overwritten(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    source, mapping = home.root.parent / "a.csv", home.root.parent / "m.toml"
    source.write_text(orders(order("O1")), encoding="utf-8")
    mapping.write_text("mine", encoding="utf-8")
    arguments = ["ingest", "orders", str(source), "--write-mapping", str(mapping), "--home", str(home.root)]
    assert cli.run_command(arguments) == EXIT_USAGE
    assert mapping.read_text(encoding="utf-8") == "mine"
    assert "--force" in capsys.readouterr().err
    assert cli.run_command([*arguments, "--force"]) == 0
    assert tomllib.loads(mapping.read_text(encoding="utf-8"))["columns"]["委托单号"] == "order_id"
    assert not home.root.exists()


def test_odd_headers_make_valid_toml(home: Home) -> None:
    header = 'a"b,c\\d,,a"b,"line\nbreak",委托单号,状态\x7f'
    report = told(home, "orders", f"{header}\n1,2,3,4,5,6,7\n")
    assert tomllib.loads(mapping_text(report, "m.toml"))["columns"]["委托单号"] == "order_id"


def test_a_person_reads_it_in_both_languages(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = home.root.parent / "a.csv"
    source.write_text(orders(order("O1"), order("O2", grade="C300")), encoding="utf-8")
    for language, words in (
        ("zh", ("读 2 行", "拒收 1", "委托单号")),
        ("en", ("2 rows read", "rejected 1", "order_id")),
    ):
        monkeypatch.setenv("TONGMAI_LANG", language)
        assert cli.run_command(["ingest", "orders", str(source), "--explain", "--home", str(home.root)]) == 0
        shown = capsys.readouterr().out
        assert all(word in shown for word in words), shown
        assert max(len(line) for line in shown.splitlines()) <= 100


def test_similar_headers() -> None:
    assert similarity("permit_number", "permit_no") == 1.0
    assert similarity("IssuedDate", "issued_on") == 1.0
    assert similarity("许可证编码", "许可证编号") > 0.7
    assert similarity("weather", "permit_no") < 0.4
    assert nearest_code(FEEDS["permits"].field("use"), "Dwelling Uses") == "residential"
    assert nearest_code(FEEDS["permits"].field("use"), "Zoo") is None
    assert Column(1, 1, 1, (("a", 1),)).values == ["a"]


def test_a_workbook_with_a_cover_sheet(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    path = home.root.parent / "a.xlsx"
    cells = [cell.split(",") for cell in orders(order("O1")).splitlines()]
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("封面").write_row(2, 0, ["填表人：张三", "电话 13800138000"])
        for month in ("三月", "四月"):
            sheet = book.add_worksheet(month)
            sheet.write_row(0, 0, ["某站订单表"])
            for row, texts in enumerate(cells):
                sheet.write_row(row + 1, 0, texts)
    report = explain(home, "orders", path)
    assert [(table.sheet, table.fault is None) for table in report.tables] == [
        ("封面", False), ("三月", True), ("四月", True)
    ]  # fmt: skip
    assert (report.rows.would_load, report.rows.duplicate, report.tables[1].header_row) == (1, 1, 2)
    assert cli.run_command(["ingest", "orders", str(path), "--explain", "--home", str(home.root)]) == 0
    assert "张三" not in capsys.readouterr().out
    assert "13800138000" not in json.dumps(report.to_dict(), ensure_ascii=False, default=str)


def test_headers_that_could_be_names_keep_theirs(home: Home) -> None:
    path = put(
        home,
        "material_receipts",
        "a.csv",
        "磅单号,站点,材料,批号,毛重,净重,进场时间,单价(万元)\nW1,P1,水泥,L,4,3,2025-03-05,1\n",
    )
    report = explain(home, "material_receipts", path)
    draft = mapping_text(report, "m.toml")
    assert [column.header for column in report.tables[0].columns][4:6] == ["毛重", "净重"]
    assert "***" not in draft
    columns = told(home, "deliveries", "运单号,订单号,站点,强度等级,方量\nT1,O1,P1,C30,10\n").tables[0].columns
    assert (columns[4].header, columns[4].field) == ("方量", "load_m3")


def test_the_parts_of_a_list(home: Home) -> None:
    header = "盘号,站点编号,运单号,搅拌时间,盘方量(m³),水泥1设定(t),水泥1实际(kg)"
    report = told(home, "batches", f"{header}\n1,P1,T1,2025-03-05 08:00,2,0.6,602\n2,P1,T1,2025-03-05 08:02,2,x,602\n")
    columns = {column.header: column for column in report.tables[0].columns}
    target = columns["水泥1设定(t)"]
    assert (target.field, target.recognised_by) == ("materials.水泥1.target_kg", "list_part")
    assert (target.unit_kept, target.unit_written, target.factor) == ("kg", "t", 1000)
    assert report.rows.sample[0]["materials"][0]["target_kg"] == 600
    assert report.rows.rejects[0].column == "materials"


def test_a_script_sees_that_a_file_would_fail(home: Home) -> None:
    path = home.root.parent / "a.csv"
    path.write_text("甲,乙\n1,2\n", encoding="utf-8")
    assert cli.run_command(["ingest", "orders", str(path), "--explain", "--home", str(home.root)]) == 1


def test_a_rejected_row_is_told_with_its_archive_member(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    path = home.root.parent / "month.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", orders(order("O1")))
        archive.writestr("b.csv", orders(order("O2"), order("O3", grade="C300")))
    assert cli.run_command(["ingest", "orders", str(path), "--explain", "--home", str(home.root)]) == 0
    assert "3 (b.csv): " in capsys.readouterr().out
