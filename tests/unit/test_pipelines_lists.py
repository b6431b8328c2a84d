"""Lists: one batch gives one list, whatever layout its materials came in; and the feeds that came with them."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import gathering
from pipelines.blocks import Batch, FileTask
from pipelines.checks import Checker
from pipelines.faults import FILE_REASONS
from pipelines.feeds import FEEDS
from pipelines.feeds.materials import MATERIALS
from pipelines.layout import resolve
from pipelines.list_headers import elements_column
from pipelines.mapping import NO_MAPPING, FieldMapping
from pipelines.mapping_files import read_mapping
from pipelines.reading import read_blocks

BATCHES, MIXES = FEEDS["batches"], FEEDS["mixes"]
HEAD, CELLS = "盘号,站点编号,小票号,搅拌时间,盘方量", "P1,T1,2025-03-06 08:00,2"
MATERIALS_OF_B1: list[dict[str, Any]] = [
    {"material": "cement", "lot_no": "L1", "target_kg": 400.0, "actual_kg": 402.5},
    {"material": "cement", "lot_no": "L2", "target_kg": 300.0, "actual_kg": 299.0},
    {"material": "sand", "lot_no": None, "target_kg": 1500.0, "actual_kg": 1510.0},
    {"material": "stone", "lot_no": None, "target_kg": 2200.0, "actual_kg": 2190.5},
    {"material": "water", "lot_no": None, "target_kg": None, "actual_kg": 320.0},
]
WIDE = (
    f"{HEAD},水泥1设定(kg),水泥1实际(kg),水泥1批号,水泥2设定(t),水泥2实际(t),水泥2批号,"
    "石子1(5-10mm)设定,石子1(5-10mm)实际,实际值 河砂,设定值 河砂,水实际kg,粉煤灰设定,粉煤灰实际\n"
    f"B1,{CELLS},400,402.5,L1,0.3,0.299,L2,2200,2190.5,1510,1500,320,,-\n"
)
LONG = (
    f"{HEAD},材料名称,批号,设定值(kg),称量值(kg)\n"
    f"B1,{CELLS},水泥1,L1,400,402.5\n,,,,,水泥P.O42.5,L2,300,299\n,,,,,中砂,,1500,1510\n"
    f"B1,{CELLS},清水,,,320\n,,,,,石子(10-20mm),,2200,2190.5\n"
)


def check(path: Path, feed: str = "batches", mapping: FieldMapping = NO_MAPPING) -> tuple[list[Any], list[Any]]:
    """The file's typed rows and rejects, in order of their rows."""
    received_at = datetime(2025, 3, 7, tzinfo=UTC)
    task = FileTask(feed, path, path.name, "0" * 64, path.stat().st_size, 0, received_at, "segment", mapping)
    checker = Checker(b"key")
    checked = [checker.check(block) for block in read_blocks(Batch("batch", feed, (task,)))]
    checker.close()
    assert [fault for each in checked for fault in each.faults] == []
    good = [row for each in checked if each.rows for row in each.rows.to_pylist()]
    rejects = [row for each in checked if each.rejects for row in each.rejects.to_pylist()]
    tallies = [tally for each in checked for tally in each.tallies.values()]
    assert sum(tally.rows_good for tally in tallies) == len(good)
    assert sum(tally.rows_rejected for tally in tallies) == len(rejects)
    return sorted(good, key=lambda row: row["_source_row"]), sorted(rejects, key=lambda row: row["source_row"])


def check_text(tmp_path: Path, text: str, feed: str = "batches", **named: Any) -> tuple[list[Any], list[Any]]:
    path = tmp_path / ("file.jsonl" if text.startswith("{") else "file.csv")
    path.write_text(text, encoding="utf-8")
    return check(path, feed, **named)


def nested(tmp_path: Path, suffix: str) -> Path:
    path = tmp_path / f"nested.{suffix}"
    row = {"batch_id": "B1", "plant_id": "P1", "ticket_id": "T1", "mixed_at": "2025-03-06 08:00", "batch_m3": "2"}
    if suffix == "parquet":
        kinds = {"material": pa.string(), "lot_no": pa.string(), "target_kg": pa.float64(), "actual_kg": pa.float32()}
        lists = pa.array([MATERIALS_OF_B1[::-1]], pa.list_(pa.struct(kinds)))
        pq.write_table(pa.table({name: [value] for name, value in row.items()} | {"materials": lists}), path)
    elif suffix == "csv":
        text = json.dumps([{**each, "actual_kg": str(each["actual_kg"])} for each in MATERIALS_OF_B1[::-1]])
        path.write_text(f'{",".join(row)},materials\n{",".join(row.values())},"{text.replace(chr(34), chr(34) * 2)}"\n')
    else:
        path.write_text(json.dumps(row | {"materials": MATERIALS_OF_B1[::-1]}))
    return path


def test_nested_wide_and_long_of_one_batch_are_one_version(tmp_path: Path) -> None:
    results = [check(nested(tmp_path, suffix)) for suffix in ("jsonl", "csv", "parquet")]
    results += [check_text(tmp_path, text) for text in (WIDE, LONG)]
    assert [rejects for _, rejects in results] == [[]] * 5
    assert [row["materials"] for (row,), _ in results] == [MATERIALS_OF_B1] * 5
    assert len({row["_content_hash"] for (row,), _ in results}) == 1
    assert {tuple(row["_flags"]) for (row,), _ in results} == {()}


def test_long_lines_are_gathered_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weighings = [(f"B{n}", material, n + i) for n in range(50) for i, material in enumerate(("水泥", "砂", "水"), 1)]
    head = f"{HEAD},材料,实际值\n"

    def text(order: list[tuple[str, str, int]]) -> str:
        return head + "".join(f"{key},{CELLS},{material},{weight}\n" for key, material, weight in order)

    together, rejects = check_text(tmp_path, text(weighings))
    assert (len(together), rejects) == (50, [])
    assert all(len(row["materials"]) == 3 for row in together)
    monkeypatch.setattr(gathering, "_LINES", 7)
    shuffled = random.Random(7).sample(weighings, len(weighings))
    apart, _ = check_text(tmp_path, text(shuffled))
    assert {row["_content_hash"] for row in apart} == {row["_content_hash"] for row in together}
    first_lines = {key: number for number, (key, _, _) in reversed(list(enumerate(shuffled, 2)))}
    assert {row["batch_id"]: row["_source_row"] for row in apart} == first_lines


def test_lines_that_disagree_and_totals_are_told(tmp_path: Path) -> None:
    lines = (
        f"B1,{CELLS},砂,1500,1\n",
        "B1,P1,T2,2025-03-06 08:00,2,水,300,2\n",
        "合计,,,,,,1800,\n",
        f"B2,{CELLS},砂,1800,\n",
    )
    good, rejects = check_text(tmp_path, f"{HEAD},材料,实际值,序号\n{''.join(lines)}")
    assert [(row["reason"], row["column_name"], row["source_row"]) for row in rejects] == [
        ("lines_disagree", "ticket_id", 2)
    ]
    assert [(row["batch_id"], row["_extra"]) for row in good] == [("B2", None)]


def test_a_rejects_text_does_not_tell_how_its_cells_were_typed(tmp_path: Path) -> None:
    columns = {"盘号": ["B1"] * 2, "站点编号": ["P1"] * 2, "小票号": ["T1", "T2"], "搅拌时间": ["2025-03-06"] * 2}
    columns |= {"盘方量": ["2"] * 2, "材料": ["砂", "水"]}
    texts = set()
    for weights in ([1500.0, 300.5], ["1500", "300.5"]):
        pq.write_table(pa.table(columns | {"实际值": weights}), tmp_path / "long.parquet")
        _, (reject,) = check(tmp_path / "long.parquet")
        texts.add(reject["raw_text"])
    assert len(texts) == 1


def test_versions_of_one_key_in_one_long_file_are_two_records(tmp_path: Path) -> None:
    head = f"{HEAD},材料,实际值,更新时间\n"
    old, new, newer = "2025-03-06 09:00", "2025-03-06 10:00", "2025-03-06 11:00"
    lines = [f"B1,{CELLS},砂,1500,{old}", f"B1,{CELLS},水,300,{old}", f"B1,{CELLS},砂,1510,{new}"]
    lines += [f"B1,{CELLS},水,300,{new}", f"B1,{CELLS},砂 ,1510,{newer}", f"B1,{CELLS},水,310,{newer}"]
    lines += [f"B1,{CELLS},水泥,700,{newer}"]
    good, rejects = check_text(tmp_path, head + "\n".join(random.Random(1).sample(lines, len(lines))) + "\n")
    assert rejects == []
    found = {f"{row['updated_at']:%H:%M}": [each["actual_kg"] for each in row["materials"]] for row in good}
    assert found == {"09:00": [1500.0, 300.0], "10:00": [1510.0, 300.0], "11:00": [700.0, 1510.0, 310.0]}


@pytest.mark.parametrize("times", [("09:00", "09:01", "09:02"), ("09:00", "09:01", "")])
def test_lines_of_one_record_with_times_of_their_own_are_no_versions(tmp_path: Path, times: tuple[str, ...]) -> None:
    cells = zip(("砂,1500", "水,300", "水,700"), (time and f"2025-03-06 {time}" for time in times), strict=True)
    lines = (f"B1,{CELLS},{weighed},{time}\n" for weighed, time in cells)
    good, rejects = check_text(tmp_path, f"{HEAD},材料,实际值,更新时间\n{''.join(lines)}")
    assert good == []
    assert [(row["reason"], row["column_name"]) for row in rejects] == [("lines_disagree", "updated_at")]


def test_what_differs_from_line_to_line_is_kept(tmp_path: Path) -> None:
    text = f"{HEAD},材料,实际值,误差,班次\nB1,{CELLS},砂,1500,0.1,早\nB1,{CELLS},水,300,-0.2,早\n"
    ((row,), _) = check_text(tmp_path, text)
    assert json.loads(row["_extra"]) == {"误差": "0.1 | -0.2", "班次": "早"}


def test_a_wrong_element_is_named_in_its_sentence(tmp_path: Path) -> None:
    good, (reject,) = check_text(tmp_path, WIDE + f"B2,{CELLS},400,many,L1,,,,,,,,,,\n")
    assert len(good) == 1
    assert (reject["reason"], reject["column_name"]) == ("bad_number", "materials")
    assert reject["sentence_zh"].startswith("水泥1：actual_kg")
    assert json.loads(reject["raw_text"])["水泥1实际(kg)"] == "many"


def test_a_material_without_a_code_is_kept_by_name(tmp_path: Path) -> None:
    wide, _ = check_text(tmp_path, f"{HEAD},水泥实际,硅灰实际\nB1,{CELLS},1200,90\n")
    long, _ = check_text(tmp_path, f"{HEAD},材料,实际值\nB1,{CELLS},硅灰,90\nB1,{CELLS},水泥,1200\n")
    assert [each["material"] for each in wide[0]["materials"]] == ["cement", "other"]
    assert wide[0]["_flags"] == ["other_materials"]
    assert json.loads(wide[0]["_extra"]) == {"materials": "硅灰"}
    assert wide[0]["_content_hash"] == long[0]["_content_hash"]


def test_members_that_no_contract_knows_are_kept(tmp_path: Path) -> None:
    row = {"batch_id": "B1", "plant_id": "P1", "ticket_id": "T1", "mixed_at": "2025-03-06 08:00", "batch_m3": "2"}
    elements = [{"材料": "水泥", "实际值": 1300, "误差": 0.2}]
    ((good,), _) = check_text(tmp_path, json.dumps(row | {"materials": elements}, ensure_ascii=False))
    assert good["materials"] == [{"material": "cement", "lot_no": None, "target_kg": None, "actual_kg": 1300.0}]
    assert json.loads(json.loads(good["_extra"])["materials"]) == elements


@pytest.mark.parametrize(
    ("header", "path", "factor"),
    [
        ("水泥1设定(kg)", "materials.水泥1.target_kg", 1),
        ("水泥1 设定", "materials.水泥1.target_kg", 1),
        ("水泥1(设定)", "materials.水泥1.target_kg", 1),
        ("水泥1_实际（t）", "materials.水泥1.actual_kg", 1_000),
        ("水泥1实际kg", "materials.水泥1.actual_kg", 1),
        ("实际值-水泥1", "materials.水泥1.actual_kg", 1),
        ("水泥", "materials.水泥.actual_kg", 1),
        ("水泥批号", "materials.水泥.lot_no", 1),
        ("水泥P.O42.5设定值", "materials.水泥p·o42·5.target_kg", 1),
        ("1#水泥配方值", "materials.1#水泥.target_kg", 1),
        ("石子1(5-10mm)实际", "materials.石子15-10mm.actual_kg", 1),
        ("人工砂设定", "materials.人工砂.target_kg", 1),
        ("矿渣粉实际", "materials.矿渣粉.actual_kg", 1),
        ("减水剂称量值(千克)", "materials.减水剂.actual_kg", 1),
        ("回收水实际", "materials.回收水.actual_kg", 1),
        ("cement_1_target_kg", "materials.cement1.target_kg", 1),
        ("Cement 1 Actual (kg)", "materials.cement1.actual_kg", 1),
        ("材料名称", "materials.material", 1),
        ("设定值(吨)", "materials.target_kg", 1_000),
        ("水泥设定kg/盘", "materials.水泥.target_kg", 1),
    ],
)
def test_headers_of_weighings(header: str, path: str, factor: float) -> None:
    assert elements_column(BATCHES, header) == (path, factor)


@pytest.mark.parametrize("header", ["搅拌时间设定", "坍落度实际", "水泥误差", "备注", "设备", "水温", "砂率", "1", ""])
def test_headers_that_are_no_weighings(header: str) -> None:
    assert elements_column(BATCHES, header) is None


def test_a_mix_is_a_column_per_material(tmp_path: Path) -> None:
    text = (
        "配合比编号,站点编号,强度等级,砂率(%),水胶比,水泥(kg/m³),粉煤灰,机制砂,天然砂,碎石,水,外加剂用量,状态\n"
        "M1,P1,C30,42,0.45,280,60,400,400,1050,165,6.8,启用\n"
    )
    ((row,), rejects) = check_text(tmp_path, text, "mixes")
    assert rejects == []
    assert row["sand_ratio"] == 0.42
    assert [each["material"] for each in row["materials"]] == [
        "admixture", "cement", "fly_ash", "manufactured_sand", "sand", "stone", "water",
    ]  # fmt: skip
    assert sum(each["kg_per_m3"] for each in row["materials"]) == pytest.approx(2361.8)


def test_a_mapping_names_members(tmp_path: Path) -> None:
    path = tmp_path / "controller.toml"
    path.write_text(
        '[columns]\n"C1_SET" = "materials.cement.1.target_kg"\n"C1_ACT" = "materials.cement.1.actual_kg"\n'
        '"W" = "materials.water.1.actual_kg"\n[units]\nmaterials.target_kg = "t"\n',
        encoding="utf-8",
    )
    mapping = read_mapping(path, BATCHES)
    ((row,), _) = check_text(tmp_path, f"{HEAD},C1_SET,C1_ACT,W\nB1,{CELLS},1.3,1295,300\n", mapping=mapping)
    assert [tuple(each.values()) for each in row["materials"]] == [
        ("cement", None, 1300.0, 1295.0),
        ("water", None, None, 300.0),
    ]
    path.write_text(
        '[columns]\n"MAT" = "materials.material"\n"KG" = "materials.actual_kg"\n'
        '[values.materials.material]\n"C" = "cement"\n',
        encoding="utf-8",
    )
    mapping = read_mapping(path, BATCHES)
    ((row,), _) = check_text(tmp_path, f"{HEAD},MAT,KG\nB1,{CELLS},C,1295\n", mapping=mapping)
    assert row["materials"][0]["material"] == "cement"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("P.O42.5水泥", "cement"), ("水泥2", "cement"), ("F类Ⅱ级粉煤灰", "fly_ash"), ("粉煤灰(Ⅱ级)", "fly_ash"),
        ("Ⅱ级粉煤灰", "fly_ash"), ("S95矿粉", "slag"), ("1#砂", "sand"), ("机制砂", "manufactured_sand"),
        ("碎石5-25mm", "stone"), ("再生骨料", "recycled_aggregate"), ("聚羧酸减水剂", "admixture"), ("回收水", "water"),
        ("膨润土", "other"), ("FLY ASH", "fly_ash"),
    ],
)  # fmt: skip
def test_materials_as_they_are_written(tmp_path: Path, text: str, code: str) -> None:
    row = {
        "receipt_id": "R1",
        "plant_id": "P1",
        "material": text,
        "lot_no": "L1",
        "received_at": "2025-03-01",
        "净重": "35200kg",
    }
    ((good,), _) = check_text(tmp_path, json.dumps(row, ensure_ascii=False), "material_receipts")
    assert (good["material"], good["net_t"]) == (code, pytest.approx(35.2))
    assert good["_flags"] == (["other_material"] if code == "other" else [])


def test_there_are_ten_materials() -> None:
    assert len(MATERIALS) == 10


@pytest.mark.parametrize(
    "text", ["2025-03", "2025年3月", "202503", "2025/3/17", "2025.03", "2025年03月份", "45730", "2025-3"]
)
def test_months(tmp_path: Path, text: str) -> None:
    ((row,), _) = check_text(
        tmp_path, f"站点编号,月份,强度等级,供应方量(万方),销售额(万元)\nP1,{text},C30,1.2,500\n", "statements"
    )
    assert (row["month"], row["m3_delivered"], float(row["cny_sales"])) == (date(2025, 3, 1), 12_000, 5_000_000)


@pytest.mark.parametrize(
    "text", ["2025-10", "2025年10月", "202510", "2025/10/17", "2025.10", "2025年10月份", "2025-10-31"]
)
def test_the_last_months_are_not_january(tmp_path: Path, text: str) -> None:
    header = "站点编号,月份,强度等级,供应方量"
    ((row,), _) = check_text(tmp_path, f"{header}\nP1,{text},C30,1\n", "statements")
    assert row["month"] == date(2025, 10, 1)
    rows, _ = check_text(tmp_path, f"{header}\nP1,{text.replace('10', '12')},C30,1\n", "statements")
    assert rows[0]["month"] == date(2025, 12, 1)


def test_a_month_that_may_be_october_is_rejected(tmp_path: Path) -> None:
    (rows, _) = check_text(tmp_path, "站点编号,月份,强度等级,供应方量\nP1,2025.1,C30,1\n", "statements")
    assert rows == []


def test_three_columns_of_one_name_are_three_cubes(tmp_path: Path) -> None:
    text = (
        "试件编号,站点编号,检测机构,强度等级,成型日期,试压日期,龄期(d),单块强度(MPa),单块强度(MPa),单块强度(MPa),试件尺寸\n"
        "S1,P1,L1,C30,2025-03-06,2025-04-03,28天,34.1,35.2N/mm²,36.3,100*100*100\n"
        "S2,P1,L1,C30,2025-03-06,2025-04-13,14,34.1,35.2,36.3,15cm\n"
    )
    (first, second), rejects = check_text(tmp_path, text, "strength_tests")
    assert rejects == []
    assert [first[f"cube_{n}_mpa"] for n in (1, 2, 3)] == [34.1, 35.2, 36.3]
    assert (first["age_d"], first["size_mm"], first["_flags"]) == (28, 100, [])
    assert (second["size_mm"], second["_flags"]) == (150, ["age_differs", "age_unusual"])


def test_numbered_cubes_and_bracketed_numbers() -> None:
    header = ["试件编号", "站点编号", "试验室", "设计强度", "成型日期", "试压日期", "龄期"]
    for cubes in (
        ["强度(1)", "强度(2)", "强度(3)"],
        ["1#试块", "2#试块", "3#试块"],
        ["单块强度①", "单块强度②", "单块强度③"],
    ):
        bound = {binding.name: binding.index for binding in resolve(FEEDS["strength_tests"], header + cubes).bindings}
        assert [bound[f"cube_{n}_mpa"] for n in (1, 2, 3)] == [7, 8, 9]


def test_a_code_without_a_first_day_is_valid_since_ever(tmp_path: Path) -> None:
    text = "类型,系统,编码,统一编码\n搅拌站,ERP,A07,P001\n试验室,市质检平台,77,L01\n"
    (plant, lab), rejects = check_text(tmp_path, text, "crosswalk")
    assert rejects == []
    assert (plant["kind"], plant["system"], plant["valid_from"]) == ("plant", "erp", date(1950, 1, 1))
    assert plant["_flags"] == ["valid_from_is_assumed"]
    assert (lab["kind"], lab["system"]) == ("lab", "市质检平台")


def test_the_sentence_about_feeds_lists_them_all() -> None:
    assert all(name in FILE_REASONS["unknown_feed"].en for name in FEEDS)
    assert len(FEEDS) == 11


def test_a_column_of_units_is_heeded(tmp_path: Path) -> None:
    head = "进场单号,站点编号,材料,批号,进场时间,进场数量,单位\n"
    rows = "R1,P1,外加剂,L1,2025-03-04,8500,kg\nR2,P1,水泥,L1,2025-03-04,32.5,吨\nR3,P1,水泥,L1,2025-03-04,32.5,\n"
    good, rejects = check_text(tmp_path, f"{head}{rows}R4,P1,水泥,L1,2025-03-04,2,车\n", "material_receipts")
    assert [row["net_t"] for row in good] == [8.5, 32.5, 32.5]
    assert [row["reason"] for row in rejects] == ["bad_number"]
    lines = f"{HEAD},材料名称,单位,称量值\nB1,{CELLS},水泥,t,0.7\nB1,{CELLS},石,公斤,2000\n"
    ((batch,), _) = check_text(tmp_path, lines)
    assert [part["actual_kg"] for part in batch["materials"]] == [700.0, 2000.0]
