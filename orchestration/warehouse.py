"""Running dbt: parse the project, build the warehouse, describe its models, hand back what each node did.

Belongs here: the invocation. Does not belong here: models, tests (`dbt/`). dbt runs inside this
process, so that a killed run leaves no orphan writing to the warehouse (docs/decisions/0005).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from orchestration.project_version import PROJECT, built_from, note_built_from, project_files, project_version
from orchestration.reference import check_reference
from store.connections import reader
from store.home import Home
from store.locks import hold
from store.messages import EXIT_QUALITY_GATE, TongmaiError, progress

FULL = ("--full-refresh",)
# while the project stays the same, its unit tests have passed and its reference files are loaded
ONLY_CHANGED = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "seed")
FAILED = ("error", "fail", "runtime error")


@dataclass(frozen=True)
class NodeResult:
    """One dbt node of a build: a model, seed, test or unit test."""

    unique_id: str
    kind: str
    status: str
    seconds: float
    failures: int
    message: str

    @property
    def has_failed(self) -> bool:
        return self.status in FAILED


@dataclass(frozen=True)
class BuildReport:
    """What a build did: models built, tests passed, tests that warn."""

    models: int
    tests: int
    warnings: list[str]
    seconds: float
    nodes: list[NodeResult] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "nodes"}


def build(home: Home, is_full: bool = False) -> BuildReport:
    """Build and test the warehouse from `raw`: what changed of the large tables, everything where the project changed.

    `is_full` makes every table anew. The result is the same (docs/decisions/0016).

    Raises TongmaiError(`build_failed`, exit code 3) naming the models or tests that failed.
    """
    with hold(home, "warehouse", wait_s=600.0):
        if not _holds_data(home):
            raise TongmaiError(
                "nothing_loaded",
                "仓库里还没有数据；请先把文件放进 inbox/ 并运行 tongmai ingest。",
                "The warehouse holds nothing yet; put files into inbox/ and run tongmai ingest first.",
            )
        check_reference()
        progress("build", "dbt 建库并检查……", "dbt builds and tests the warehouse …")
        is_full = is_full or built_from(home) != project_version()
        note_built_from(home, None)  # killed or failed from here on, the next build is a full one: it tests all rows
        nodes = _nodes(_invoke(home, "build", *(FULL if is_full else ONLY_CHANGED)).result)
        failed = [node for node in nodes if node.has_failed]
        if failed:
            names = "; ".join(f"{node.unique_id.split('.')[2]}: {node.message.strip()}" for node in failed[:5])
            raise TongmaiError(
                "build_failed",
                f"建库有 {len(failed)} 项未通过：{names}。已发布的版本不受影响。",
                f"{len(failed)} models or tests failed: {names}. The published version is untouched.",
                EXIT_QUALITY_GATE,
            )
        note_built_from(home, project_version())
        _describe(home)
    models = sum(node.kind == "model" for node in nodes)
    tests = sum(node.kind in ("test", "unit_test") for node in nodes)
    warnings = [f"{node.unique_id.split('.')[2]}: {node.message}" for node in nodes if node.status == "warn"]
    seconds = round(sum(node.seconds for node in nodes), 1)
    progress(
        "build",
        f"{models} 个模型，{tests} 项检查，{len(warnings)} 项提醒",
        f"{models} models, {tests} tests, {len(warnings)} warnings",
    )
    return BuildReport(models, tests, warnings, seconds, nodes)


def _describe(home: Home) -> None:
    """The page of all models with their columns, SQL and lineage (dbt docs), anew when the project changed since.

    It shows the build's own manifest and the warehouse's catalog: compiling once more would replace the results of the
    build, which the gate reads.
    """
    page = home.models_page
    if page.exists() and page.stat().st_mtime >= _project_changed_at():
        return
    if not _invoke(home, "docs", "generate", "--static", "--no-compile").success:
        raise TongmaiError("dbt_docs_failed", "模型说明页未能生成。", "The page of the models could not be made.")


def _holds_data(home: Home) -> bool:
    """Whether anything has ever been loaded."""
    if not home.warehouse.exists():
        return False
    with reader(home.warehouse) as connection:
        try:
            return connection.execute("FROM ops.ingest_ledger LIMIT 1").fetchone() is not None
        except duckdb.CatalogException:
            return False


def manifest(home: Home) -> Path:
    """The project's manifest, parsed anew when the project changed since (Dagster reads the lineage from it)."""
    path = home.dbt_target / "manifest.json"
    if not _is_whole(path):  # dbt writes it in place: a full disk or a kill leaves half of it
        path.unlink(missing_ok=True)
        (home.dbt_target / "partial_parse.msgpack").unlink(missing_ok=True)
    is_stale = not path.exists() or path.stat().st_mtime < _project_changed_at()
    if is_stale and not _invoke(home, "parse").success:
        raise TongmaiError("dbt_parse_failed", "dbt 项目解析失败。", "The dbt project does not parse.")
    return path


def _is_whole(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return True


def _project_changed_at() -> float:
    return max(path.stat().st_mtime for path in project_files())


def _invoke(home: Home, *command: str) -> Any:
    """Run one dbt command in this process and let go of the warehouse file afterwards."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    environment: Mapping[str, str] = {"TONGMAI_WAREHOUSE": str(home.warehouse)}
    os.environ.update(environment)
    home.dbt_target.mkdir(parents=True, exist_ok=True)
    arguments = [*command, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    arguments += ["--target-path", str(home.dbt_target), "--log-path", str(home.dbt_target)]
    arguments += [
        "--quiet",
        "--log-level-file",
        "none",
        "--no-use-colors",
        "--no-send-anonymous-usage-stats",
        "--no-version-check",
    ]
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # what went wrong is told below, and stdout is for results
            outcome = dbtRunner().invoke(arguments)
    finally:
        DuckDBConnectionManager.close_all_connections()
    if outcome.exception is not None and not isinstance(outcome.exception, Exception):
        raise KeyboardInterrupt from outcome.exception  # Ctrl-C, or what Dagster makes of it
    if outcome.exception is not None:
        raise TongmaiError(
            "dbt_failed",
            f"dbt {command[0]} 失败：{outcome.exception}",
            f"dbt {command[0]} failed: {outcome.exception}",
        ) from outcome.exception
    return outcome


def _nodes(outcome: Any) -> list[NodeResult]:
    return [
        NodeResult(
            unique_id=result.node.unique_id,
            kind=str(result.node.resource_type),
            status=str(result.status),
            seconds=float(result.execution_time),
            failures=int(result.failures or 0),
            message=str(result.message or ""),
        )
        for result in outcome.results
    ]
