"""Wrong entries in the reference files are told by file, line and column before anything is built.

Belongs here: what `check_reference` says. Does not belong here: the repository's figures (test_warehouse_reference).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestration.reference import check_reference
from store.home import REFERENCE
from store.messages import EXIT_QUALITY_GATE, TongmaiError

SCORES = "lab_id,quarter_start,score,inspected_on,source"
VISIT = "L01,2025-07-01,88,2025-08-20,quality station"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REFERENCE, tmp_path / "reference"))


def refusal(folder: Path) -> TongmaiError:
    with pytest.raises(TongmaiError) as failure:
        check_reference(folder)
    assert failure.value.reason == "bad_reference"
    assert failure.value.exit_code == EXIT_QUALITY_GATE
    return failure.value


def test_the_repositorys_own_files_are_right() -> None:
    check_reference()


def test_scores_are_taken_as_excel_saves_them(folder: Path) -> None:
    lines = [SCORES, VISIT, "", "JC01,2025-7-1,90.5,,"]
    (folder / "lab_site_scores.csv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    check_reference(folder)


@pytest.mark.parametrize(
    ("lines", "chinese", "english"),
    [
        (
            ["L01,2025-07-01,eighty,,"],
            "第 2 行 score 为“eighty”，应为数字",
            "line 2: score is 'eighty', it must be a number",
        ),
        (["L01,2025-07-01,880,,"], "应为 0 至 100", "score is '880', it must be between 0 and 100"),
        (["L01,2025-07-01,,,"], "score 为“”，应为非空", "score is '', it must be filled in"),
        (
            ["L01,2025-08-20,88,,"],
            "季度的第一天",
            "quarter_start is '2025-08-20', it must be the first day of a quarter",
        ),
        (["L01,2025/7/1,88,,"], "应为日期（如 2026-07-01）", "quarter_start is '2025/7/1', it must be a day"),
        (["L01,2025-07-01,88"], "有 3 格，应为 5 格", "line 2 has 3 cells instead of 5"),
        (
            [VISIT, VISIT],
            "第 3 行与第 2 行的 lab_id, quarter_start 相同",
            "line 3 has the same lab_id, quarter_start as line 2",
        ),
    ],
)
def test_a_wrong_score_is_told_by_its_line(folder: Path, lines: list[str], chinese: str, english: str) -> None:
    (folder / "lab_site_scores.csv").write_text("\n".join([SCORES, *lines]), encoding="utf-8")
    error = refusal(folder)
    assert chinese in error.text.zh
    assert english in error.text.en
    assert "lab_site_scores.csv" in error.text.zh
    assert "lab_site_scores.csv" in error.text.en


def test_a_file_in_another_encoding_is_told(folder: Path) -> None:
    (folder / "lab_site_scores.csv").write_bytes(f"{SCORES}\nL01,2025-07-01,88,,质量站".encode("gb18030"))
    assert "is not UTF-8" in refusal(folder).text.en


def test_a_group_standard_must_name_what_is_looked_at_and_its_day_once(folder: Path) -> None:
    with (folder / "standard_limits.csv").open("a", encoding="utf-8") as file:
        file.write("discharge_min,75,min,association,5.2,T/EXAMPLE 1-2025,2025-06-01,unverified\n")
        for minutes in (75, 80):
            file.write(f"batched_to_discharged_min,{minutes},min,association,5.2,T/EXAMPLE 1,2025-06-01,unverified\n")
    message = refusal(folder).text.en
    assert "name is 'discharge_min', it must be one of batched_to_discharged_min," in message
    assert "has the same name, valid_from as line" in message


def test_a_missing_file_and_a_missing_column_are_told(folder: Path) -> None:
    (folder / "currencies.csv").unlink()
    (folder / "lab_site_scores.csv").write_text("lab_id,score\n", encoding="utf-8")
    message = refusal(folder).text.en
    assert "currencies.csv is missing" in message
    assert "lab_site_scores.csv lacks the columns quarter_start, inspected_on, source" in message


def test_of_many_mistakes_the_first_are_told(folder: Path) -> None:
    (folder / "lab_site_scores.csv").write_text(SCORES + "\nL01,soon,high,," * 6, encoding="utf-8")
    message = refusal(folder).text.en
    assert message.count("lab_site_scores.csv line") == 5
    assert "more" in message
