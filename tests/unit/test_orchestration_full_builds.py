"""When a build makes everything anew, and when it keeps what stands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestration import warehouse
from orchestration.project_version import built_from, project_version
from store.home import Home
from store.messages import TongmaiError


class Dbt:
    """Stands in for dbt: remembers how it was asked, and answers with one model of this status."""

    def __init__(self) -> None:
        self.status = "success"
        self.was_full: list[bool] = []

    def __call__(self, home: Home, *command: str) -> Any:
        self.was_full.append("--full-refresh" in command)
        node = SimpleNamespace(unique_id="model.tongmai.fct_batches", resource_type="model")
        result = SimpleNamespace(node=node, status=self.status, execution_time=0.0, failures=0, message="")
        return SimpleNamespace(result=SimpleNamespace(results=[result]))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Dbt:
    dbt = Dbt()
    monkeypatch.setattr(warehouse, "_invoke", dbt)
    monkeypatch.setattr(warehouse, "_holds_data", lambda home: True)
    monkeypatch.setattr(warehouse, "_describe", lambda home: None)
    return dbt


def test_the_first_build_is_full_and_the_next_ones_keep_what_stands(home: Home, asked: Dbt) -> None:
    for _ in range(3):
        warehouse.build(home)
    assert asked.was_full == [True, False, False]
    assert built_from(home) == project_version()


def test_everything_is_made_anew_when_asked_or_when_the_project_changed(
    home: Home, asked: Dbt, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.build(home)
    warehouse.build(home, is_full=True)
    monkeypatch.setattr(warehouse, "project_version", lambda: "another model")
    warehouse.build(home)
    warehouse.build(home)
    assert asked.was_full == [True, True, True, False]


def test_a_full_build_that_failed_is_repeated_in_full(home: Home, asked: Dbt) -> None:
    warehouse.build(home)
    asked.status = "error"
    with pytest.raises(TongmaiError):
        warehouse.build(home, is_full=True)
    asked.status = "success"
    warehouse.build(home)
    assert asked.was_full == [True, True, True]


def test_after_a_build_that_failed_all_rows_are_made_and_tested_anew(home: Home, asked: Dbt) -> None:
    warehouse.build(home)
    asked.status = "fail"
    with pytest.raises(TongmaiError):
        warehouse.build(home)
    asked.status = "success"
    warehouse.build(home)
    warehouse.build(home)
    assert asked.was_full == [True, False, True, False]
