"""The home folder: every path that Tongmai reads or writes, named once.

Belongs here: paths. Does not belong here: what the files hold.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
REFERENCE = REPOSITORY / "data" / "reference"

WAREHOUSE_FILE = "warehouse.duckdb"  # views carry the catalog name, so the basename never changes
LIVE_FILE = "live.duckdb"
MODELS_PAGE = "models.html"  # beside each published warehouse file


@dataclass(frozen=True)
class Home:
    """A data home. `Home.default()` is TONGMAI_HOME, else `data/` of the repository."""

    root: Path

    @classmethod
    def default(cls) -> Home:
        return cls.at(os.environ.get("TONGMAI_HOME") or REPOSITORY / "data")

    @classmethod
    def at(cls, root: str | Path) -> Home:
        return cls(Path(root).expanduser().resolve())

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def mappings(self) -> Path:
        return self.root / "mappings"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def rejected(self) -> Path:
        return self.landing / "_rejected"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / WAREHOUSE_FILE

    @property
    def dbt_target(self) -> Path:
        return self.root / "warehouse" / "dbt"

    @property
    def models_page(self) -> Path:
        """Where dbt writes its page of all models."""
        return self.dbt_target / "static_index.html"

    @property
    def versions(self) -> Path:
        return self.root / "published" / "versions"

    @property
    def current(self) -> Path:
        """The symlink to the newest published version; resolve it before opening the file."""
        return self.root / "published" / "current"

    @property
    def published(self) -> Path:
        """The real path of the newest published warehouse file (it may not exist yet)."""
        return self.current.resolve() / WAREHOUSE_FILE

    @property
    def live(self) -> Path:
        return self.root / "live" / LIVE_FILE

    @property
    def live_versions(self) -> Path:
        return self.root / "published" / "live" / "versions"

    @property
    def live_current(self) -> Path:
        return self.root / "published" / "live" / "current"

    @property
    def live_published(self) -> Path:
        return self.live_current.resolve() / LIVE_FILE

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def truth(self) -> Path:
        """What the virtual city injected, row by row; absent in a real city's home."""
        return self.root / "truth.json"

    @property
    def key(self) -> Path:
        """The home's secret key: driver ids are HMACed with it at landing. Mode 0600, never committed."""
        return self.root / "home.key"
