"""Tables brought up to their declaration: made when absent, brought up to date when an older version made them.

Belongs here: the DDL from what a table is to what it is declared to be. Does not belong here: declarations
(`store.tables`, the feeds' contracts).

Columns that are new stand behind the others, so rows are written by name and never by place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb


def evolve(
    connection: duckdb.DuckDBPyConnection, qualified: str, columns: Mapping[str, str], key: Sequence[str] = ()
) -> None:
    """Make `qualified` (schema.table) have these columns (name -> SQL type) and this primary key.

    A column that is missing is added, empty. Another key, or another type of a column, makes the table anew with
    the rows it has, in one transaction; columns that are declared no more go then. Call it outside a transaction.
    """
    shape = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
    constraint = f", PRIMARY KEY ({', '.join(key)})" if key else ""
    connection.execute(f"CREATE TABLE IF NOT EXISTS {qualified} ({shape}{constraint})")
    found = connection.execute(f"PRAGMA table_info('{qualified}')").fetchall()
    types = {name: type_ for _, name, type_, *_ in found}
    kept = {name: type_ for name, type_ in columns.items() if name in types}
    key_found = {name for _, name, _, _, _, is_key in found if is_key}
    if key_found != set(key) or _types(connection, kept) != [types[name] for name in kept]:
        _make_anew(connection, qualified, f"{shape}{constraint}", list(kept))
        return
    for name, type_ in columns.items():
        if name not in types:
            connection.execute(f'ALTER TABLE {qualified} ADD COLUMN "{name}" {type_}')


def _types(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, str]) -> list[str]:
    """The columns' types as DuckDB itself names them."""
    types = ", ".join(f"typeof(CAST(NULL AS {type_}))" for type_ in columns.values())
    row = connection.execute(f"SELECT {types}").fetchone() if columns else None
    return list(row or ())


def _make_anew(connection: duckdb.DuckDBPyConnection, qualified: str, shape: str, kept: Sequence[str]) -> None:
    names = ", ".join(f'"{name}"' for name in kept)
    before = f"{qualified}_before"
    connection.execute("BEGIN")
    try:
        connection.execute(f"ALTER TABLE {qualified} RENAME TO {before.rpartition('.')[2]}")
        connection.execute(f"CREATE TABLE {qualified} ({shape})")
        connection.execute(f"INSERT INTO {qualified} BY NAME SELECT {names} FROM {before}")
        connection.execute(f"DROP TABLE {before}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
