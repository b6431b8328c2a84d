"""Which project a warehouse was last built from as a whole: models, reference files, dbt and DuckDB.

Belongs here: its hash, and where the warehouse keeps it. Does not belong here: running dbt (warehouse.py). What a model
keeps from build to build (dbt/macros/incremental.sql) it keeps only while this stays the same.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from store.connections import writer
from store.home import REFERENCE, REPOSITORY, Home
from store.messages import Text
from store.tables import Column, Table

PROJECT = REPOSITORY / "dbt"
ENGINES = ("dbt-core", "dbt-duckdb", "duckdb")  # DuckDB's hash may change with its version

BUILT_FROM = Table(
    "intermediate",
    "built_from",
    (),
    Text("上次整体建库所依据的项目", "The project from which all was last built"),
    (
        Column(
            "project_version",
            "VARCHAR",
            "模型、参照文件与引擎版本的哈希",
            "hash of models, references, engines",
        ),
    ),
)


def project_files() -> list[Path]:
    """Every file that decides what the warehouse says, in a fixed order."""
    folders = (*(PROJECT / name for name in ("models", "macros", "tests")), REFERENCE)
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sorted([*found, *PROJECT.glob("*.yml")])


def project_version() -> str:
    """Hash of the project's files and of the engines' versions."""
    digest = hashlib.sha256(repr([(name, version(name)) for name in ENGINES]).encode())
    for path in project_files():
        digest.update(f"{path.relative_to(REPOSITORY)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def built_from(home: Home) -> str | None:
    """The version of the project from which the home's whole warehouse was built; None where that is not known."""
    with writer(home) as connection:
        BUILT_FROM.create(connection)
        row = connection.execute(f"FROM {BUILT_FROM.qualified}").fetchone()
    return str(row[0]) if row else None


def note_built_from(home: Home, project: str | None) -> None:
    """Note it; None: nobody knows any more."""
    with writer(home) as connection:
        BUILT_FROM.create(connection)
        connection.execute("BEGIN")
        connection.execute(f"DELETE FROM {BUILT_FROM.qualified}")
        if project is not None:
            connection.execute(f"INSERT INTO {BUILT_FROM.qualified} VALUES (?)", [project])
        connection.execute("COMMIT")
