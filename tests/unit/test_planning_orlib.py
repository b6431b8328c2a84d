"""OR-Library files: read whatever their line breaks, solved to published optima, refused in a sentence."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from orchestration.cli import run_command
from planning.orlib import Answer, read, solve
from store.home import REPOSITORY
from store.messages import EXIT_FAILED, EXIT_USAGE, TongmaiError

FILES = REPOSITORY / "data" / "samples" / "orlib"
SMALL = "2 3\n10 100\n10 50\n4 8 20\n5 25 5\n6 6 12\n"
SMALL_OPTIMUM = 100 + 50 + 8 + 5 + 6  # 15 in all exceed one warehouse's 10, so both open and each serves its nearest
QUICK = ("cap41", "cap63", "cap71", "cap82", "cap101", "cap122", "cap131")


def optimum(name: str) -> float:
    with (FILES / "optima.csv").open(encoding="utf-8") as file:
        return next(float(row["optimum"]) for row in csv.DictReader(file) if row["instance"] == name)


def recomputed(path: Path, answer: Answer, capacity: float | None = None) -> float:
    """The objective from the answer's own open warehouses and shares, all constraints checked."""
    given = read(path, capacity)
    share = np.zeros(given.cost.shape)
    for warehouse, customer, part in answer.served:
        share[warehouse - 1, customer - 1] = part
    is_open = np.isin(np.arange(len(given.fixed)) + 1, answer.open)
    assert np.allclose(share.sum(axis=0), 1)
    assert not share[~is_open].any()
    assert (share @ given.demand <= given.capacity * (1 + 1e-6)).all()
    return float(given.fixed @ is_open + (given.cost * share).sum())


@pytest.mark.parametrize("name", QUICK)
def test_the_published_optimum_is_found_and_proven(name: str) -> None:
    answer = solve(FILES / f"{name}.txt", seconds=60.0)
    assert answer.status == "proven" and answer.gap <= 1e-6
    assert answer.objective == pytest.approx(optimum(name), rel=1e-6)
    assert recomputed(FILES / f"{name}.txt", answer) == pytest.approx(answer.objective, rel=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        SMALL.replace("\n", " "),
        "\ufeff" + SMALL.replace(" ", "\r\n\t"),
        SMALL.replace("10 ", "1.0E1 ") + "\n\n\x1a",
        SMALL.replace(" ", " +").replace("\n", ".\r\n"),
        SMALL.replace("2 3", "2.0 3e0"),
    ],
)
def test_line_breaks_and_spellings_of_numbers_mean_nothing(text: str, tmp_path: Path) -> None:
    file = tmp_path / "small.txt"
    file.write_text(text, encoding="utf-8")
    assert solve(file, seconds=10.0).objective == pytest.approx(SMALL_OPTIMUM, rel=1e-9)


def test_a_capacity_word_asks_for_the_option_and_takes_it(tmp_path: Path) -> None:
    file = tmp_path / "capx.txt"
    file.write_text(SMALL.replace("10 100", "capacity 100").replace("10 50", "capacity 50"), encoding="utf-8")
    with pytest.raises(TongmaiError, match="capacity_needed"):
        solve(file, seconds=10.0)
    assert solve(file, seconds=10.0, capacity=10).objective == pytest.approx(SMALL_OPTIMUM)
    assert solve(file, seconds=10.0, capacity=15).objective == pytest.approx(50 + 20 + 5 + 12)
    file.write_text(SMALL, encoding="utf-8")
    with pytest.raises(TongmaiError, match="capacity_given_twice"):
        solve(file, seconds=10.0, capacity=10)


def test_a_file_without_any_demand_is_uncapacitated(tmp_path: Path) -> None:
    file = tmp_path / "ufl.txt"
    file.write_text("2 2 0 10 0 11 0 1 9 0 9 1", encoding="utf-8")
    answer = solve(file, seconds=10.0)
    assert answer.objective == pytest.approx(10 + 1 + 9) and answer.open == (1,)


@pytest.mark.parametrize("is_single_source", [False, True])
def test_a_customer_without_demand_pays_its_cost_and_takes_no_room(is_single_source: bool, tmp_path: Path) -> None:
    file = tmp_path / "idle.txt"
    # either warehouse holds the first customer exactly; the second, without demand, decides which one opens
    file.write_text("2 2\n5 10\n5 11\n5 9 9\n0 4 1\n", encoding="utf-8")
    one = solve(file, seconds=10.0, is_single_source=is_single_source)
    assert one.open == (2,) and one.objective == pytest.approx(11 + 9 + 1, rel=1e-9) and one.status == "proven"
    file.write_text("2 2\n5 10\n0 11\n5 9 9\n0 40 1\n", encoding="utf-8")  # worth a warehouse that holds nothing
    two = solve(file, seconds=10.0, is_single_source=is_single_source)
    assert two.open == (1, 2) and two.objective == pytest.approx(10 + 11 + 9 + 1, rel=1e-9)
    assert {(2, 2, 1.0), (1, 1, 1.0)} == set(two.served) and two.status == "proven"


def test_single_source_takes_every_customer_whole(tmp_path: Path) -> None:
    file = tmp_path / "whole.txt"
    file.write_text("2 3\n10 1\n10 1\n6 6 60\n5 5 50\n3 3 30\n", encoding="utf-8")
    split, whole = solve(file, seconds=10.0), solve(file, seconds=10.0, is_single_source=True)
    assert {share for _, _, share in whole.served} == {1.0}
    assert split.objective == pytest.approx(2 + 10 + 40) and whole.objective == pytest.approx(2 + 6 + 3 + 50)
    assert whole.status == "proven" and recomputed(file, whole) == pytest.approx(whole.objective)
    file.write_text("2 2\n10 1\n10 1\n12 6 60\n6 6 60\n", encoding="utf-8")
    assert solve(file, seconds=10.0).status == "proven"
    with pytest.raises(TongmaiError, match="no_feasible_plan"):
        solve(file, seconds=10.0, is_single_source=True)


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("1 1 10 5 4 1", 5 + 1),
        ("2 1 10 5 10 6 8 1 1.5", 5 + 1),
        ("1 2 10 5 4 1 4 2", 5 + 1 + 2),
        ("3 2 0 5 10 6 0 0 4 1 9 1 4 2 8 3", 6 + 9 + 8),  # warehouses that hold nothing
        ("2 2 10 0 10 0 4 1 9 4 2 8", 1 + 2),
        ("2 2 10 0 10 0 4 0 0 4 0 0", 0),
        ("2 2 4 5 4 7 4 3 2 4 1 9", 5 + 7 + 2 + 1),  # capacity is exactly the demand
        (SMALL.replace("10 100", "10 1e12").replace("10 50", "10 1e12"), 2e12 + 8 + 5 + 6),  # two, however dear
        (SMALL.replace("10 100", "1e99 100").replace("10 50", "1e12 50"), 50 + 20 + 5 + 12),
    ],
)
@pytest.mark.parametrize("is_single_source", [False, True])
def test_extreme_files_are_solved_like_any_other(
    text: str, objective: float, is_single_source: bool, tmp_path: Path
) -> None:
    file = tmp_path / "extreme.txt"
    file.write_text(text, encoding="utf-8")
    answer = solve(file, seconds=10.0, is_single_source=is_single_source)
    assert answer.status == "proven" and answer.objective == pytest.approx(objective, rel=1e-9)
    assert recomputed(file, answer) == pytest.approx(answer.objective, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "bad_orlib"),
        ("two 3", "bad_orlib"),
        ("0 3", "bad_orlib"),
        (SMALL + "7", "bad_orlib"),
        (SMALL[:-3], "bad_orlib"),
        (SMALL.replace("25", "n/a"), "bad_orlib"),
        (SMALL.replace("25", "-25"), "bad_orlib"),
        (SMALL.replace("25", "capacity"), "bad_orlib"),
        (SMALL.replace("25", "inf"), "bad_orlib"),
        (SMALL.replace("25", "1e101"), "bad_orlib"),
        ("2.5 3 1", "bad_orlib"),
        ("999999999 999999999 1", "bad_orlib"),
        (SMALL.replace("4 8 20", "40 8 20"), "no_feasible_plan"),
    ],
)
def test_bad_files_are_refused_with_a_reason(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TongmaiError, match=reason) as told:
        solve(file, seconds=10.0)
    assert told.value.text.zh and told.value.text.en


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--orlib", "F", "--min-utilisation", "40%", "--close", "P001"], "--min-utilisation, --close"),
        (["--orlib", "F", "--max-closures", "0", "--carbon-price", "0"], "--max-closures, --carbon-price"),
        (["--orlib", "F", "--front", "--regrets", "--flips"], "--front, --regrets, --flips"),
        (["--capacity", "0", "--single-source"], "--capacity, --single-source"),
    ],
)
def test_options_of_the_city_and_of_a_file_do_not_mix(
    options: list[str], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["plan", "--json", *options]) == EXIT_USAGE
    shown = capfd.readouterr()
    error = json.loads(shown.out)["error"]
    assert error["reason"] == "contradictory_options" and all(error[lang].startswith(told) for lang in ("zh", "en"))
    assert told in shown.err


@pytest.mark.parametrize(
    "options", [["--capacity", "nan"], ["--capacity", "-1"], ["--time-limit", "inf"], ["--nonsense"]]
)
def test_a_wrong_usage_is_one_json_object_too(options: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plan", "--orlib", str(FILES / "cap71.txt"), "--json", *options]) == EXIT_USAGE
    shown = capfd.readouterr()
    assert json.loads(shown.out)["error"]["reason"] == "usage" and options[0] in shown.err


def test_the_command_writes_json_and_leaves_with_its_code(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plan", "--orlib", str(FILES / "cap71.txt"), "--json", "--time-limit", "60"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["objective"] == pytest.approx(932615.75) and found["gap"] <= 1e-6 and found["bound"] <= 932615.7501
    assert run_command(["plan", "--orlib", str(tmp_path / "none.txt"), "--json"]) == EXIT_USAGE
    assert json.loads(capfd.readouterr().out)["error"]["reason"] == "no_file"
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x9c\x00")
    assert run_command(["plan", "--orlib", str(tmp_path / "binary.txt")]) == EXIT_FAILED


def test_a_time_limit_gives_the_best_plan_so_far_with_its_gap() -> None:
    file = FILES / "cap113.txt"
    answer = solve(file, seconds=0.1)
    assert answer.status in {"timed_out", "proven"} and 0 <= answer.gap <= 1
    assert answer.bound <= optimum("cap113") * (1 + 1e-9) <= recomputed(file, answer) * (1 + 2e-9)
