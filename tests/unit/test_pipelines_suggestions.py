"""What an explanation proposes for headers that no contract knows: only what the columns can be read as."""

from __future__ import annotations

import tomllib

import pytest

from pipelines.explain import explain
from pipelines.explain.draft import mapping_text
from pipelines.explain.report import Explanation
from pipelines.explain.suggestions import similarity
from pipelines.faults import FileError
from pipelines.feeds import FEEDS
from pipelines.layout import resolve
from pipelines.mapping import FieldMapping
from store.home import Home


def told(home: Home, feed: str, *lines: str) -> Explanation:
    path = home.root.parent / "export.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return explain(home, feed, path)


def proposed(report: Explanation) -> dict[str, str]:
    return {column.header: column.suggestion.field for column in report.tables[0].columns if column.suggestion}


# Headers as Seattle, New York, Chicago, Austin and others publish them; what stands beside them must not be proposed.
CITIES: list[tuple[str, list[str], dict[str, str]]] = [
    (
        "permitnum,estprojectcost,issueddate,buildingtype,appliedaddress",
        ["6700-CN,1021000.0,2023-02-03,House,1 PINE ST", "6701-CN,99000.0,2023-02-04,Office,2 PINE ST"],
        {
            "permitnum": "permit_no",
            "estprojectcost": "contract_value",
            "issueddate": "issued_on",
            "buildingtype": "use",
        },
    ),
    (
        "Permit Date,Permit Number,Building Type,Expiration Date,Census Tract,Street Name",
        ["01/15/2023,1001,House,01/15/2024,91,CLARK ST", "02/25/2023,1002,Office,02/25/2024,92,MAIN ST"],
        {"Permit Date": "issued_on", "Permit Number": "permit_no", "Building Type": "use"},
    ),
    (
        "PERMIT#,ISSUE_DATE,REPORTED_COST,STREET_NUMBER,PROCESSING_TIME",
        ['100,01/12/2023,"$1,162,000.00",12,9', '101,01/13/2023,"$99,000.00",14,8'],
        {"PERMIT#": "permit_no", "ISSUE_DATE": "issued_on", "REPORTED_COST": "contract_value"},
    ),
    (
        "permit_number,applieddate,issue_date,total_job_valuation,total_new_add_sqft,contractor_company",
        ["2023-1 BP,2023-01-03,2023-01-13,100000,1800,ACME INC", "2023-2 BP,2023-01-04,2023-01-14,200000,900,ACME INC"],
        {
            "permit_number": "permit_no",
            "issue_date": "issued_on",
            "total_job_valuation": "contract_value",
            "total_new_add_sqft": "floor_area_m2",
            "contractor_company": "contractor",
        },
    ),
]


@pytest.mark.parametrize(("header", "rows", "expected"), CITIES)
def test_other_cities_headers_are_proposed_by_their_words_and_what_stands_below(
    home: Home, header: str, rows: list[str], expected: dict[str, str]
) -> None:
    assert proposed(told(home, "permits", header, *rows)) == expected


def test_letters_that_two_english_words_share_are_no_likeness() -> None:
    assert similarity("estprojectcost", "district_code") == 0
    assert similarity("street_num", "site_lon") == 0
    assert similarity("issueddate", "issued_on") == 1
    assert similarity("contract_valeu", "contract_value") > 0.85


def test_a_day_and_its_time_are_proposed_as_one_field(home: Home) -> None:
    header = "运单号,委托单号,搅拌站,强度等级,方量,日期,出厂时间,到达时间"
    rows = [f"T{n},O1,P1,C30,8,2025-03-0{n},08:0{n},09:1{n}" for n in (1, 2, 3)]
    report = told(home, "deliveries", header, *rows)
    assert report.tables[0].suggested_joins == {
        "departed_at": ("日期", "出厂时间"),
        "arrived_at": ("日期", "到达时间"),
    }
    draft = mapping_text(report, "m.toml")
    for line in ('departed_at = ["日期", "出厂时间"]', 'arrived_at = ["日期", "到达时间"]'):
        assert f"# {line}" in draft
        draft = draft.replace(f"# {line}", line)
    mapping = home.root.parent / "m.toml"
    mapping.write_text(draft, encoding="utf-8")
    after = explain(home, "deliveries", home.root.parent / "export.csv", mapping)
    assert (after.rows.would_load, after.tables[0].suggested_joins) == (3, {})


def test_unknown_halves_of_a_time_are_proposed_for_the_events_time(home: Home) -> None:
    header = "Batch No,plant_id,ticket_id,batch_m3,Date,Time,Cement"
    rows = [f"B{n},P1,T1,2,2025-03-05,07:1{n}:10,600" for n in (1, 2)]
    report = told(home, "batches", header, *rows)
    assert report.tables[0].suggested_joins == {"mixed_at": ("Date", "Time")}
    assert "Date" not in proposed(report)


def test_whole_times_and_days_that_fields_need_are_not_joined(home: Home) -> None:
    header = "permit_no,district_code,issued_on,planned_start_on,班次"
    assert told(home, "permits", header, "A,520103,2025-03-05,2025-03-06,08:00").tables[0].suggested_joins == {}


def test_one_odd_day_does_not_hide_how_the_others_are_written(home: Home) -> None:
    days = [f"01/{day}/2025" for day in range(13, 28)]
    rows = [f"A{place},520103,{day}" for place, day in enumerate([*days, "13/45/2025"])]
    report = told(home, "permits", "permit_no,district_code,issued_on", *rows)
    found = report.tables[0].columns[2].time_format
    assert found is not None
    assert (found.formats, found.unfitting, found.examples) == (("%m/%d/%Y",), 1, ("13/45/2025",))
    draft = mapping_text(report, "m.toml")
    assert tomllib.loads(draft)["formats"] == {}
    assert '# issued_on = "%m/%d/%Y"' in draft
    assert "13/45/2025" in draft


@pytest.mark.parametrize(
    ("feed", "header", "name", "factor"),
    [
        ("permits", "total_new_add_sqft", "floor_area_m2", 0.09290304),
        ("permits", "size", "floor_area_m2", 1.0),
        ("batches", "Wasser Soll l", "materials.water.target_kg", 1.0),
        ("batches", "Zement Soll t", "materials.cement.target_kg", 1000.0),
    ],
)
def test_the_unit_that_a_mapped_header_ends_with_counts(feed: str, header: str, name: str, factor: float) -> None:
    mapping = FieldMapping(columns=((header, name),), is_probe=True)
    (binding,) = resolve(FEEDS[feed], (header,), mapping).bindings
    assert binding.factor == factor


def test_litres_at_the_end_of_an_admixtures_header_are_asked_about() -> None:
    header = ("batch_id", "plant_id", "ticket_id", "mixed_at", "batch_m3", "FM Soll l")
    mapping = FieldMapping(columns=(("FM Soll l", "materials.admixture.target_kg"),))
    with pytest.raises(FileError, match="unknown_unit"):
        resolve(FEEDS["batches"], header, mapping)
