"""Corrected rejects of several files in one workbook: each sheet is read as its file was, and none is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from intake_files import put, query, without_beam
from rejects_book import drop, export

from pipelines.ingest import FileReport, ingest
from pipelines.mapping import fingerprint
from pipelines.rejects.listing import read_rejects
from store.home import Home

OWN = "permit_no,district_code,issued_on,合同价格"
FIRST_CITY, SECOND_CITY = "No,When,Where", "Permit,Issued"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


def mapping(header: str, rest: str) -> str:
    return f'header = "{fingerprint(header.split(","))}"\n{rest}'


def put_mapping(home: Home, name: str, text: str) -> Path:
    path = home.mappings / "permits" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


FIRST = mapping(
    FIRST_CITY,
    '[columns]\nNo = "permit_no"\nWhen = "issued_on"\nWhere = "district_code"\n[constants]\ncurrency = "USD"\n'
    '[formats]\nissued_on = "%m/%d/%Y"\n',
)
SECOND = mapping(
    SECOND_CITY,
    '[columns]\nPermit = "permit_no"\nIssued = "issued_on"\n[constants]\ndistrict_code = "520103"\ncurrency = "CAD"\n'
    '[formats]\nissued_on = "%d/%m/%Y"\n',
)


def corrected(home: Home, tmp_path: Path, changes: dict[str, str]) -> FileReport:
    """The rejects as a clerk sends them back."""
    sheets = {
        name: [[changes.get(cell, cell) for cell in row] for row in rows]
        for name, rows in export(home, tmp_path).items()
    }
    return drop(home, "permits", "back.xlsx", sheets)


CHANGES = {"99/99/2025": "03/04/2025", "soon": "2025-03-04"}


def test_each_sheet_is_read_with_the_mapping_of_its_file_and_the_plain_one_with_none(
    home: Home, tmp_path: Path
) -> None:
    put_mapping(home, "first.toml", FIRST)
    put_mapping(home, "second.toml", SECOND)
    put(home, "permits", "a.csv", f"{FIRST_CITY}\nA,99/99/2025,520103\n")
    put(home, "permits", "b.csv", f"{SECOND_CITY}\nB,99/99/2025\n")
    put(home, "permits", "c.csv", f"{OWN}\nC,520103,soon,7\n")
    ingest(home)
    file = corrected(home, tmp_path, CHANGES)
    assert (file.loaded, file.skipped) == (3, 0)
    assert query(home, "SELECT permit_no, issued_on::VARCHAR, currency FROM raw.permits ORDER BY 1") == [
        ("A", "2025-03-04", "USD"),
        ("B", "2025-04-03", "CAD"),
        ("C", "2025-03-04", "CNY"),
    ]
    assert read_rejects(home).rows == ()


def test_corrected_rows_whose_mapping_is_not_at_home_are_never_skipped(home: Home, tmp_path: Path) -> None:
    put_mapping(home, "first.toml", FIRST)
    put(home, "permits", "a.csv", f"{FIRST_CITY}\nA,99/99/2025,520103\n")
    named = put_mapping(home, "second.toml", SECOND).rename(tmp_path / "second.toml")
    ingest(home)
    outside = tmp_path / "b.csv"
    outside.write_text(f"{SECOND_CITY}\nB,99/99/2025\n", encoding="utf-8")
    ingest(home, [("permits", outside)], named)
    file = corrected(home, tmp_path, CHANGES)
    assert (file.status, file.reasons) == ("failed", {"lost_mapping": 1})
    assert "b.csv" in (file.message_en or "")
    put_mapping(home, "second.toml", SECOND)
    again = next(file for file in ingest(home).files if file.file == "back.xlsx")
    assert (again.status, again.loaded) == ("loaded", 2)
    assert read_rejects(home).rows == ()


JOINED = 'updated_at = ["D", "T"]'
LOCATED = "POINT (106.71 26.58)"
FILES = {  # name -> the file's header, its first city's mapping beyond that header, its text
    "joined.csv": ("Permit,Issued,D,T", f"[joined]\n{JOINED}\n", "Permit,Issued,D,T\nB,99/99/2025,2025-03-01,08:00\n"),
    "located.csv": ("Permit,Issued,location", "", f"Permit,Issued,location\nB,99/99/2025,{LOCATED}\n"),
    "unnamed.csv": ("Permit,Issued,,note,note", "", "Permit,Issued,,note,note\nB,99/99/2025,x,y,z\n"),
    "parted.jsonl": (
        "Permit,Issued,use,工程用途",
        "",
        '{"Permit":"B","Issued":"99/99/2025","use":"residential"}\n{"Permit":"C","Issued":"03/04/2025","工程用途":"住宅"}\n',
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "beside another"])
def test_columns_that_reading_made_or_parted_do_not_lose_the_mapping(
    home: Home, tmp_path: Path, name: str, is_alone: bool
) -> None:
    header, rest, text = FILES[name]
    put_mapping(home, "second.toml", mapping(header, SECOND.partition("\n")[2] + rest))
    put(home, "permits", name, text)
    if not is_alone:
        put_mapping(home, "first.toml", FIRST)
        put(home, "permits", "a.csv", f"{FIRST_CITY}\nA,99/99/2025,520103\n")
    ingest(home)
    file = corrected(home, tmp_path, CHANGES)
    assert (file.status, file.loaded) == ("loaded", 1 if is_alone else 2)
    found = query(
        home,
        "SELECT issued_on::VARCHAR, currency, site_lon, strftime(updated_at, '%d %H:%M') FROM raw.permits "
        "WHERE permit_no = 'B'",
    )
    lon, updated = (106.71 if name.startswith("located") else None), "01 08:00" if name.startswith("joined") else None
    assert found == [("2025-04-03", "CAD", lon, updated)]
    assert read_rejects(home).rows == ()
