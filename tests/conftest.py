"""What all tests share: a home of their own, and CI's refusal of skips."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.home import Home


@pytest.fixture(autouse=True, scope="session")
def _english() -> Iterator[None]:
    """Sentences come in English, whatever the machine's locale, unless a test asks otherwise."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TONGMAI_LANG", "en")
    yield
    patch.undo()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home that is also the default one."""
    place = Home.at(tmp_path / "home")
    monkeypatch.setenv("TONGMAI_HOME", str(place.root))
    return place


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test fails the run: what a user's machine has must have been tested."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("CI") == "true" and skipped:
        reporter.write_line(f"CI allows no skip, {len(skipped)} found: {[report.nodeid for report in skipped]}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
