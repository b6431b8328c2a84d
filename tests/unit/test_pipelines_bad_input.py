"""Bad input: each kind ends in one clear sentence with its reason, nothing is lost, and the next run goes on."""

from __future__ import annotations

import errno
import gzip
import os
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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


@pytest.mark.parametrize(
    "text", ["[]", '{"received_at": "yesterday"}', '{"received_at": 5}', "{", '{"source_file": 7}']
)
def test_a_bad_sidecar_fails_its_file_only(home: Home, text: str) -> None:
    put(home, "orders", "a.csv", orders(order("O1")), mtime=1_741_000_000)
    put(home, "orders", "a.csv.sidecar.json", text)
    put(home, "orders", "b.csv", orders(order("O2")), mtime=1_741_000_000)
    assert [(file.status, *file.reasons) for file in ingest(home).files] == [("failed", "bad_sidecar"), ("loaded",)]


def test_a_sidecars_time_without_an_offset_is_shanghais(home: Home) -> None:
    put(home, "orders", "a.csv", orders(order("O1")), mtime=1_741_000_000)
    put(home, "orders", "a.csv.sidecar.json", '{"received_at": "2025-03-05 08:00"}')
    ingest(home)
    assert query(home, "SELECT strftime(known_at, '%H:%M') FROM raw.orders") == [("08:00",)]


@pytest.mark.parametrize(
    "name", ["订单 'a' \"b\"\n.csv".encode(), "订单.csv".encode("gb18030"), ("好" * 80).encode() + b".csv"]
)
def test_any_file_name_is_taken_and_archived(home: Home, name: bytes) -> None:
    put(home, "orders", "a.csv", orders(order("O1")), mtime=1_741_000_000)
    folder = os.fsencode(home.inbox / "orders")
    os.rename(folder + b"/a.csv", folder + b"/" + name)  # noqa: PTH104 (a name in another encoding is no Path's text)
    assert only(home).status == "loaded"
    assert not list((home.inbox / "orders").iterdir())
    assert len(list((home.archive / "orders").glob("*.csv"))) == 1


def test_of_a_link_the_content_is_archived(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.csv"
    target.write_text(orders(order("O1")), encoding="utf-8")
    (home.inbox / "orders").mkdir(parents=True)
    (home.inbox / "orders" / "a.csv").symlink_to(target)
    os.utime(target, (1_741_000_000, 1_741_000_000))
    assert only(home).status == "loaded"
    (archived,) = (home.archive / "orders").glob("*.csv")
    assert not archived.is_symlink()
    assert archived.read_text(encoding="utf-8") == target.read_text(encoding="utf-8")
    assert not list((home.inbox / "orders").iterdir())


def test_numbers_and_times_beyond_all_bounds_reject_their_row(home: Home) -> None:
    cells = {
        "order_id": ["O1", "O2", "O3"], "district_code": ["520103"] * 3, "grade": ["C30"] * 3, "ordered_m3": [1.0] * 3,
        "status": ["placed"] * 3, "pour_from_at": ["2025-03-06"] * 3,
        "slump_mm": [180, 10**12, 180],
        "placed_at": pa.array([1_741_140_000_000_000] * 2 + [2**62], pa.timestamp("us")),
    }  # fmt: skip
    path = put(home, "orders", "a.parquet", b"", mtime=1_741_000_000)
    pq.write_table(pa.table(cells), path)
    os.utime(path, (1_741_000_000, 1_741_000_000))
    report = only(home)
    assert (report.loaded, report.reasons) == (1, {"bad_number": 1, "bad_timestamp": 1})


def test_of_two_given_files_of_one_name_the_good_one_loads(home: Home, tmp_path: Path) -> None:
    for folder, content in (("a", orders(order("O1"))), ("b", "x,y\n1,2\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.csv").write_text(content, encoding="utf-8")
    files = [("orders", tmp_path / folder / "same.csv") for folder in "ab"]
    assert sorted(file.status for file in ingest(home, files).files) == ["failed", "loaded"]
    assert sorted(file.status for file in ingest(home, files).files) == ["already_loaded", "failed"]


def test_a_message_names_nobody(home: Home) -> None:
    put(home, "orders", "a.csv", "张三,13812345678,贵A12345\n", mtime=1_741_000_000)
    message = only(home).message_en or ""
    assert not any(private in message for private in ("张三", "1381234", "A12345"))


def test_ctrl_c_is_told_as_an_interrupt_whatever_wraps_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def land(_home: Home, _batches: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise RuntimeError("Query interrupted") from error

    put(home, "orders", "a.csv", orders(order("O1")), mtime=1_741_000_000)
    monkeypatch.setattr(staging, "_beam", lambda: land)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(TongmaiError) as caught:
        ingest(home)
    assert caught.value.reason == "interrupted"
    assert signal.getsignal(signal.SIGINT) is before
    without_beam(monkeypatch)
    assert only(home).loaded == 1
