"""The command `tongmai`: languages, exit codes, JSON on stdout, no traceback for a user."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration import cli
from orchestration.doctor import examine
from store.home import Home
from store.messages import EXIT_FAILED, EXIT_QUALITY_GATE, EXIT_USAGE, TongmaiError

COMMANDS = [
    "demo",
    "simulate",
    "ingest",
    "template",
    "build",
    "forecast",
    "plan",
    "publish",
    "run",
    "live",
    "serve",
    "status",
    "sql",
    "trace",
    "doctor",
]


def tongmai(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: its language is chosen once, when it starts."""
    return subprocess.run(
        [sys.executable, "-m", "orchestration", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "HOME": "/", **environment},
        cwd=Path(__file__).parents[2],
    )


def publish_something(home: Home) -> None:
    folder = home.versions / "1"
    folder.mkdir(parents=True)
    connection = duckdb.connect(str(folder / "warehouse.duckdb"))
    connection.execute("CREATE SCHEMA marts")
    connection.execute("CREATE TABLE marts.dim AS SELECT 1 AS id, '南明' AS name UNION ALL SELECT 2, '云岩'")
    connection.close()
    home.current.symlink_to(folder)


def test_help_speaks_the_language_of_the_locale_or_of_the_option() -> None:
    english, chinese = tongmai("--help", LANG="en_US.UTF-8"), tongmai("--help", LANG="zh_CN.UTF-8")
    assert "Watch the inbox" in english.stdout
    assert "盯住收件箱" in chinese.stdout
    assert tongmai("--lang", "zh", "--help", LANG="en_US.UTF-8").stdout == chinese.stdout
    assert tongmai("sql", "--help", "--lang=zh", LANG="C").stdout != tongmai("sql", "--help", LANG="C").stdout
    for command in COMMANDS:
        assert f"  {command} " in english.stdout


def test_an_unknown_language_or_command_is_a_usage_error() -> None:
    assert tongmai("--lang", "fr", "status").returncode == EXIT_USAGE
    unknown = tongmai("nonsense")
    assert unknown.returncode == EXIT_USAGE
    assert "nonsense" in unknown.stderr


def test_sql_reads_the_published_version(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    publish_something(home)
    assert cli.run_command(["sql", "SELECT id, name FROM marts.dim ORDER BY id", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"id": 1, "name": "南明"}, {"id": 2, "name": "云岩"}]


def test_a_row_too_wide_for_a_table_is_shown_line_by_line(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    publish_something(home)
    names = [f"a_rather_long_name_{number}" for number in range(40)]
    assert cli.run_command(["sql", "SELECT " + ", ".join(f"{n} AS {name}" for n, name in enumerate(names))]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:40] == [f"{name}: {number}" for number, name in enumerate(names)]


def test_sql_cannot_write(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    publish_something(home)
    assert cli.run_command(["sql", "DROP TABLE marts.dim"]) == EXIT_USAGE
    assert "read-only" in capsys.readouterr().err


def test_failures_are_sentences_and_json(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["sql", "SELECT 1", "--json"]) == EXIT_FAILED
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["reason"] == "not_published"
    assert "make demo" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (TongmaiError("quality_gate", "未过", "gate", EXIT_QUALITY_GATE), EXIT_QUALITY_GATE, "quality_gate"),
        (OSError(28, "No space left on device"), EXIT_FAILED, "disk_full"),
        (RuntimeError("surprise"), EXIT_FAILED, "unexpected"),
        (KeyboardInterrupt(), cli.INTERRUPTED, "Interrupted"),
    ],
)
def test_no_traceback_reaches_a_user(
    error: BaseException,
    code: int,
    reason: str,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: Home) -> None:
        raise error

    monkeypatch.setattr("store.publish.publish", fail)
    assert cli.run_command(["publish"]) == code
    told = capsys.readouterr().err
    assert reason in told
    assert "Traceback" not in told
    logs = list((home.root / "logs").glob("*.log")) if reason == "unexpected" else []
    assert all("surprise" in log.read_text() for log in logs)


def test_a_ring_of_causes_is_told_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first

    def fail(_: Home) -> None:
        raise first

    monkeypatch.setattr("store.publish.publish", fail)
    assert cli.run_command(["publish"]) == EXIT_FAILED
    assert "first" in capsys.readouterr().err


def test_doctor_says_what_to_do(home: Home) -> None:
    findings = {finding.check: finding for finding in examine(home)}
    assert findings["python"].status == "ok"
    assert findings["published"].status == "warn"
    assert "make demo" in findings["published"].text.en
    publish_something(home)
    assert {finding.check: finding.status for finding in examine(home)}["published"] == "ok"


def test_status_of_an_empty_home(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["published"] is None
    assert status["inbox_files"] == 0


def test_a_past_day_of_an_empty_home_says_that_nothing_was_loaded(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["build", "--as-of", "2025-01-31"]) == 1
    assert "nothing" in capsys.readouterr().err.lower()
    assert not home.warehouse.exists()
