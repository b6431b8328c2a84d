"""How `tongmai run` leaves: files that could not be taken are told to the scheduler after everything else is done."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.commands import stages
from store.home import Home


def reports(*statuses: str) -> dict[str, Any]:
    return {"raw": {"files": [{"status": status} for status in statuses]}, "publish": {}}


@pytest.mark.parametrize(
    ("statuses", "code"), [((), 0), (("loaded", "waiting", "already_loaded"), 0), (("loaded", "failed", "failed"), 1)]
)
def test_files_left_out_are_the_exit_code(
    home: Home, monkeypatch: pytest.MonkeyPatch, statuses: tuple[str, ...], code: int
) -> None:
    asked: list[float] = []

    def run_all(_: Home, as_json: bool, *, wait_s: float) -> dict[str, Any]:
        asked.append(wait_s)
        return reports(*statuses)

    monkeypatch.setattr(stages, "run_all", run_all)
    done = CliRunner().invoke(stages.commands, ["run", "--wait", "5", "--home", str(home.root)])
    assert (done.exit_code, asked) == (code, [5.0])
    assert ("2" in done.stderr) == bool(code)


def test_reports_without_an_intake_leave_nothing_out() -> None:
    assert stages.files_left_out({}) == 0
    assert stages.files_left_out({"raw": {}}) == 0
