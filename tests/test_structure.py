"""The shape of the repository: who may import whom, what must be documented, which assets exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from store.home import REPOSITORY, Home

PACKAGES = ("store", "pipelines", "forecasting", "planning", "simulation", "dashboard", "orchestration")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "store": (),
    "pipelines": ("store",),
    "forecasting": ("store",),
    "planning": ("store", "forecasting.tables"),
    "simulation": ("store", "pipelines.feeds"),
    "dashboard": ("store", "pipelines.feeds"),
    "orchestration": ("store", "pipelines", "forecasting", "planning", "simulation", "dashboard"),
}
HEAVY = ("apache_beam", "dagster", "dagster_dbt", "dbt", "prophet", "highspy", "pandas", "scipy", "uvicorn", "fastapi")
FORBIDDEN_NAMES = ("utils", "helpers", "common", "misc")
BILINGUAL = re.compile(r"[一-鿿].* \| .*[A-Za-z]", re.DOTALL)


def modules(package: str) -> Iterator[Path]:
    return (path for path in sorted((REPOSITORY / package).rglob("*.py")))


def imported(path: Path) -> Iterator[str]:
    """Every absolute module name that the file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_downstream_only(package: str) -> None:
    allowed = (package, *MAY_IMPORT[package])
    for path in modules(package):
        for name in imported(path):
            if name.split(".")[0] in PACKAGES:
                fits = any(name == prefix or name.startswith(prefix + ".") for prefix in allowed)
                assert fits, f"{path.relative_to(REPOSITORY)} imports {name}; {package} may import {allowed}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_belongs_in_it(package: str) -> None:
    for path in modules(package):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        where = path.relative_to(REPOSITORY)
        assert "Belongs here" in docstring, f"{where}: the first lines say what belongs here and what does not"
        assert path.stem not in FORBIDDEN_NAMES, f"{where}: name it after what it holds"
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{where} has {lines} lines; split it by noun"


def test_the_dbt_folder_is_no_package() -> None:
    assert not (REPOSITORY / "dbt" / "__init__.py").exists(), "it would shadow the installed dbt"
    assert not [path for package in PACKAGES for path in modules(package) if path.stem.startswith("dbt_")]


def test_the_command_and_the_page_pay_for_no_heavy_library() -> None:
    commands = sorted((REPOSITORY / "orchestration" / "commands").glob("*.py"))
    for path in (REPOSITORY / "orchestration" / "cli.py", REPOSITORY / "orchestration" / "doctor.py", *commands):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        at_the_top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name.split(".")[0] for node in at_the_top for alias in node.names}
        names |= {(node.module or "").split(".")[0] for node in at_the_top if isinstance(node, ast.ImportFrom)}
        assert not names & set(HEAVY), f"{path.name} imports {names & set(HEAVY)} at the top"


def model_files() -> list[Path]:
    return sorted((REPOSITORY / "dbt" / "models").rglob("*.sql"))


@pytest.mark.parametrize("model", model_files(), ids=lambda path: path.stem)
def test_every_model_is_documented_beside_its_sql(model: Path) -> None:
    beside = model.with_suffix(".yml")
    assert beside.exists(), f"{beside.relative_to(REPOSITORY)} is missing"
    described = {entry["name"]: entry for entry in yaml.safe_load(beside.read_text(encoding="utf-8"))["models"]}
    entry = described[model.stem]
    assert BILINGUAL.search(entry["description"]), f"{model.stem}: its description is not in both languages"
    if "marts" in model.parts:
        assert entry["config"]["contract"]["enforced"] is True, f"{model.stem}: its contract is not enforced"
        for column in entry["columns"]:
            text = column.get("description", "")
            is_described = BILINGUAL.search(text) or text.startswith("{{ doc(")
            assert is_described, f"{model.stem}.{column['name']}: its description is not in both languages"


def test_every_recurring_column_is_described_in_both_languages() -> None:
    blocks = [
        (name, text)
        for path in sorted((REPOSITORY / "dbt" / "models").rglob("*.md"))
        for name, text in re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", path.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert blocks
    assert [name for name, text in blocks if not BILINGUAL.search(text)] == []
    assert len({name for name, _ in blocks}) == len(blocks), "a column is described once"


def test_declared_tables_speak_both_languages() -> None:
    from forecasting.tables import TABLES as FORECAST_TABLES
    from pipelines.live.tables import STORE_TABLES
    from planning.tables import TABLES as PLAN_TABLES
    from store.tables import OPS_TABLES, comment

    for table in (*OPS_TABLES, *FORECAST_TABLES, *PLAN_TABLES, *STORE_TABLES):
        for text in (table.text, *(column.text for column in table.columns)):
            assert BILINGUAL.search(comment(text)), f"{table.qualified}: {text}"


def test_every_stage_has_its_assets(home: Home) -> None:
    from forecasting.tables import TABLES as FORECAST_TABLES
    from orchestration.definitions import NIGHTLY, definitions_for
    from pipelines.feeds import FEEDS
    from planning.tables import TABLES as PLAN_TABLES

    job = definitions_for(home).resolve_job_def(NIGHTLY.name)
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    expected = {f"raw/{feed}" for feed in FEEDS}
    expected |= {f"marts/{path.stem}" for path in model_files() if "marts" in path.parts}
    expected |= {f"{table.schema}/{table.name}" for table in (*FORECAST_TABLES, *PLAN_TABLES)}
    expected |= {"published/warehouse"}
    assert expected <= keys, f"without an asset: {sorted(expected - keys)}"
