"""What a run is: the hash of everything that decides its numbers.

Belongs here: the run's identity and the code's version. Does not belong here: the wall clock, but as a value to store.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from forecasting.events import Scenario
from store.tables import data_version


@dataclass(frozen=True)
class Run:
    """A run's identity; `run_id` is a hash of everything that decides its numbers, and of nothing else."""

    cutoff: date
    data_version: str
    code_version: str
    config_hash: str
    input_hash: str
    seed: int
    scenario: Scenario
    as_of: date
    horizon_weeks: int

    @property
    def run_id(self) -> str:
        parts = (
            str(self.cutoff),
            self.data_version,
            self.code_version,
            self.config_hash,
            self.input_hash,
            str(self.seed),
        )
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]

    def row(self, created_at: datetime) -> dict[str, Any]:
        """Its row of forecast.runs, not yet promoted; `created_at` is the only value the wall clock decides."""
        names = ("cutoff", "data_version", "code_version", "config_hash", "seed", "as_of", "horizon_weeks")
        row = {"run_id": self.run_id, "created_at": created_at, "status": "stored"}
        row |= {"scenario": self.scenario.name, "supposed": self.scenario.recorded()}
        return row | {name: getattr(self, name) for name in names}


def code_version() -> str:
    """Hash of this package's source and of Prophet's version: 12 hex digits."""
    digest = hashlib.sha256(version("prophet").encode())
    for module in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(module.name.encode() + module.read_bytes())
    return digest.hexdigest()[:12]


def version_of_data(connection: duckdb.DuckDBPyConnection, input_hash: str) -> str:
    """The ledger's data version; the hash of the history itself where no ledger is kept."""
    has_ledger = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'ops' AND table_name = 'ingest_ledger'"
    ).fetchone()
    return data_version(connection) if has_ledger else input_hash
