"""dbt for the warehouse's tests: a process of its own, so that no test leaves a connection open.

Belongs here: the invocation. Does not belong here: what is built from (warehouse_raw, the virtual city).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from store.home import REPOSITORY

WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


def dbt(path: Path, *options: str, project: Path = REPOSITORY / "dbt") -> None:
    """Build the warehouse in the file at `path`; a failed model or test fails here."""
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build", *options]
    command += ["--project-dir", project, "--profiles-dir", project, "--target-path", path.parent / "target"]
    command += ["--log-path", path.parent / "logs", "--no-version-check"]
    environment = {**os.environ, "TONGMAI_WAREHOUSE": str(path)}
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout[-4000:]
