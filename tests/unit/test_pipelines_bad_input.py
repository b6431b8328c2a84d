"""Bad input: each kind ends in one clear sentence with its reason, nothing is lost, and the next run goes on."""

from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path

import pytest
from intake_files import land_without_beam, order, orders, put, query, without_beam

from pipelines import landing, staging
from pipelines.ingest import FileReport, ingest
from store.home import Home
from store.locks import hold
from store.messages import TongmaiError


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_beam(monkeypatch)


def only(home: Home) -> FileReport:
    (file,) = ingest(home).files
    return file


@pytest.mark.parametrize(
    ("place", "content", "reason"),
    [
        ("stray.csv", b"a,b\n", "no_feed_folder"),
        ("nofeed/a.csv", b"a,b\n", "unknown_feed"),
        ("orders/a.pdf", b"%PDF-1.4", "unknown_file_type"),
        ("orders/a.exe", b"MZ\0\0", "unknown_file_type"),
        ("orders/empty.csv", b"", "empty_file"),
        ("orders/cut.csv.gz", gzip.compress(orders(order("O1")).encode() * 99)[:80], "truncated_file"),
        ("orders/cut.xlsx", b"PK\x03\x04cut", "truncated_file"),
        ("orders/cut.parquet", b"PAR1cut", "truncated_file"),
        ("orders/other.csv", b"alpha,beta\n1,2\n", "unknown_layout"),
        ("orders/lacks.csv", "委托单号,强度等级\nO1,C30\n".encode(), "missing_columns"),
    ],
)
def test_a_file_that_cannot_be_taken(home: Home, place: str, content: bytes, reason: str) -> None:
    path = home.inbox / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    put(home, "orders", "good.csv", orders(order("O1")))
    files = {file.file: file for file in ingest(home).files}
    failed = files.pop(path.name)
    assert (failed.status, failed.reasons) == ("failed", {reason: 1})
    assert failed.message_zh
    assert failed.message_en
    assert files["good.csv"].loaded == 1
    assert path.read_bytes() == content  # it stays where it was
    assert only(home).reasons == {reason: 1}  # and is told again


def test_a_failed_file_is_read_again_only_when_it_has_changed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(home, "orders", "a.csv", "alpha,beta\n1,2\n", mtime=1_700_000_000)
    assert only(home).status == "failed"
    with monkeypatch.context() as patch:
        patch.setattr(staging, "_beam", lambda: pytest.fail("an unchanged file was read again"))
        assert only(home).status == "failed"
    path.write_text(orders(order("O1")), encoding="utf-8")
    assert only(home).loaded == 1


def test_a_new_mapping_gives_a_failed_file_another_chance(home: Home) -> None:
    put(home, "orders", "a.csv", orders(order("O1"), header="No,P,区县,G,S,V,placed_at,pour_from_at,状态,U"))
    assert only(home).reasons == {"missing_columns": 1}
    mapping = home.mappings / "orders" / "erp.toml"
    mapping.parent.mkdir(parents=True)
    mapping.write_text('[columns]\nNo = "order_id"\nG = "grade"\nV = "ordered_m3"\n', encoding="utf-8")
    assert only(home).loaded == 1


def test_a_line_cut_in_half_is_one_reject(home: Home) -> None:
    put(home, "orders", "a.csv", orders(order("O1"), order("O2"))[:-60])
    file = only(home)
    assert (file.read, file.loaded, file.reasons) == (2, 1, {"wrong_field_count": 1})
    assert query(home, "SELECT source_row, raw_text FROM ops.rejects")[0][0] == 3


@pytest.mark.parametrize("name", ["a.csv.tmp", "a.csv.part", ".hidden.csv", "~$a.xlsx"])
def test_unfinished_and_hidden_files_are_left_alone(home: Home, name: str) -> None:
    path = put(home, "orders", name, orders(order("O1")))
    assert ingest(home).files == ()
    assert path.exists()


def test_a_file_that_is_still_being_written_waits(home: Home) -> None:
    path = put(home, "orders", "a.csv", orders(order("O1")))
    with path.open("a", encoding="utf-8") as writing:
        assert (only(home).status, only(home).reasons) == ("waiting", {"still_writing": 1})
        writing.write(order("O2") + "\n")
    assert only(home).loaded == 2


def test_a_file_that_changes_while_it_is_read_stays_and_is_taken_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(home, "orders", "a.csv", orders(order("O1")))

    def land(place: Home, batches: object) -> None:
        land_without_beam(place, batches)  # type: ignore[arg-type]
        path.write_text(orders(order("O1"), order("O2")), encoding="utf-8")

    with monkeypatch.context() as patch:
        patch.setattr(staging, "_beam", lambda: land)
        assert only(home).loaded == 1
    file = only(home)
    assert (file.read, file.loaded, file.duplicate) == (2, 1, 1)
    assert not path.exists()


def test_a_full_disk_loses_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(home, "orders", "a.csv", orders(order("O1")))

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(landing, "_write_parquet", fill)
        with pytest.raises(TongmaiError) as caught:
            ingest(home)
    assert caught.value.reason == "disk_full"
    assert path.exists()
    assert only(home).loaded == 1


def test_an_interrupted_run_goes_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home, "orders", "a.csv", orders(order("O1")))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(landing, "_write_parquet", interrupt)
        with pytest.raises(TongmaiError) as caught:
            ingest(home)
    assert caught.value.reason == "interrupted"
    assert only(home).loaded == 1


def test_a_second_run_waits_and_leaves_with_a_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "LOCK_WAIT_S", 0.0)
    with hold(home, "ingest"), pytest.raises(TongmaiError) as caught:
        ingest(home)
    assert caught.value.reason == "locked"


@pytest.mark.parametrize(("feed", "reason"), [("nofeed", "unknown_feed"), ("orders", "no_such_file")])
def test_wrong_arguments(home: Home, tmp_path: Path, feed: str, reason: str) -> None:
    with pytest.raises(TongmaiError) as caught:
        ingest(home, [(feed, tmp_path / "absent.csv")])
    assert (caught.value.reason, caught.value.exit_code) == (reason, 2)
