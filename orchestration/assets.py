"""The assets, from the inbox to the published version, in the river's order.

Belongs here: for every stage a key, a docstring, one call, metadata. Does not belong here: how a
stage works, or when it runs (`orchestration.definitions`). An asset's group is its stage.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets

from forecasting.drift import SIGNALS
from forecasting.run import forecast
from forecasting.tables import TABLES as FORECAST_TABLES
from orchestration.instance import Platform
from orchestration.warehouse import BuildReport, build
from pipelines.feeds import FEEDS
from pipelines.ingest import ingest
from planning.run import plan
from planning.tables import TABLES as PLAN_TABLES
from store.home import Home
from store.messages import TongmaiError, progress
from store.publish import PUBLISHED_SCHEMAS, publish

WRITER_POOL = "warehouse"  # one slot: the writer's file has one writer
REPORT = "report"

FORECAST_INPUTS = ["demand_weekly_revisions", "permit_pipeline_weekly", "dim_districts", "dim_grades", "dim_dates"]
FORECAST_INPUTS += ["submission_calendar_daily"]
DEMAND_KEY = ["forecast", "demand"]
PLAN_INPUTS = [
    "dim_districts",
    "dim_demand_cells",
    "dim_plants",
    "dim_grades",
    "dim_dates",
    "haul_matrix",
    "plant_reach",
]
PLAN_INPUTS += ["capacity_weekly", "fct_deliveries"]


def inbox_assets() -> list[dg.AssetSpec]:
    """The feeds' folders in the inbox: what plants and the bureau drop there."""
    return [dg.AssetSpec(["inbox", feed], group_name="inbox", description=f"Files in inbox/{feed}/") for feed in FEEDS]


def _report_of(report: Any) -> dict[str, dg.MetadataValue]:
    return {REPORT: dg.MetadataValue.json(report.to_dict())}


def _report_unless(reason: str, stage: Callable[[Home], Any], home: Home) -> dict[str, dg.MetadataValue]:
    """The stage's report; or, when it stops for `reason`, that it was skipped and why: the rest is published still.

    The gate asks for a forecast and a plan as soon as there is something to forecast.
    """
    try:
        return _report_of(stage(home))
    except TongmaiError as error:
        if error.reason != reason:
            raise
        progress("run", f"跳过：{error.text.zh}", f"skipped: {error.text.en}")
        return {REPORT: dg.MetadataValue.json({"skipped": reason, **error.text._asdict()})}


@dg.multi_asset(
    name="ingest",
    specs=[
        dg.AssetSpec(["raw", feed], deps=[["inbox", feed]], group_name="landing", kinds={"duckdb"}) for feed in FEEDS
    ],
    check_specs=[dg.AssetCheckSpec("ledger_adds_up", asset=["raw", feed]) for feed in FEEDS],
    pool=WRITER_POOL,
)
def ingested(platform: Platform) -> Iterator[Any]:
    """Load whatever lies in the inbox into `raw`, through Beam and the one loader."""
    report = ingest(platform.home)
    whole_report = _report_of(report)
    for feed in FEEDS:
        files = [file for file in report.files if file.feed == feed]
        read = sum(file.read for file in files)
        kept = sum(file.loaded + file.duplicate + file.rejected for file in files)
        metadata: dict[str, Any] = {"files": len(files), "rows_read": read, **whole_report}
        yield dg.MaterializeResult(asset_key=["raw", feed], metadata=metadata)
        yield dg.AssetCheckResult(
            asset_key=["raw", feed], check_name="ledger_adds_up", passed=read == kept, metadata={"rows_kept": kept}
        )


class _ModelPath(DagsterDbtTranslator):
    """A model's asset key is schema and name; all of dbt is the stage `warehouse`."""

    def get_asset_key(self, dbt_resource_props: Any) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return super().get_asset_key(dbt_resource_props)
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Any) -> str:
        return "warehouse"


def warehouse_assets(manifest: Path) -> dg.AssetsDefinition:
    """The dbt models of the project as assets, its tests as their checks; needs the parsed manifest."""

    @dbt_assets(manifest=manifest, name="warehouse", dagster_dbt_translator=_ModelPath(), pool=WRITER_POOL)
    def warehouse(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[Any]:
        """Build and test the warehouse from `raw`."""
        yield from _dbt_events(context.assets_def, build(platform.home))

    return warehouse


def _dbt_events(assets: dg.AssetsDefinition, report: BuildReport) -> Iterator[Any]:
    """Dagster's events for what dbt did, in its order: a materialization per model or seed, a result per test."""
    unique_id = "dagster_dbt/unique_id"
    keys = {spec.metadata[unique_id]: spec.key for spec in assets.specs}
    checks = {(check.metadata or {})[unique_id]: check for check in assets.check_specs}
    for node in report.nodes:
        if node.unique_id in keys:
            yield dg.MaterializeResult(asset_key=keys[node.unique_id], metadata={"seconds": node.seconds})
        elif node.unique_id in checks:
            check = checks[node.unique_id]
            yield dg.AssetCheckResult(
                asset_key=check.asset_key,
                check_name=check.name,
                passed=node.status == "pass",
                severity=dg.AssetCheckSeverity.ERROR if node.has_failed else dg.AssetCheckSeverity.WARN,
                metadata={"failures": node.failures, "message": node.message},
            )


@dg.multi_asset(
    name="forecast",
    specs=[
        dg.AssetSpec(
            [table.schema, table.name], deps=[["marts", model] for model in FORECAST_INPUTS], group_name="forecast"
        )
        for table in FORECAST_TABLES
    ],
    check_specs=[dg.AssetCheckSpec(f"{signal}_does_not_drift", asset=DEMAND_KEY) for signal in SIGNALS],
    pool=WRITER_POOL,
)
def forecasted(platform: Platform) -> Iterator[Any]:
    """Forecast every district and grade class from what is known now; a city without deliveries has none."""
    metadata = _report_unless("no_history", forecast, platform.home)
    for table in FORECAST_TABLES:
        yield dg.MaterializeResult(asset_key=[table.schema, table.name], metadata=metadata)
    report: Any = metadata[REPORT].value
    for signal in SIGNALS:
        yield dg.AssetCheckResult(
            asset_key=DEMAND_KEY,
            check_name=f"{signal}_does_not_drift",
            passed=not report.get("drift", {}).get(signal, False),
            severity=dg.AssetCheckSeverity.WARN,
        )


@dg.multi_asset(
    name="plan",
    specs=[
        dg.AssetSpec(
            [table.schema, table.name],
            deps=[["forecast", "paths"], ["forecast", "demand"], *(["marts", model] for model in PLAN_INPUTS)],
            group_name="plan",
        )
        for table in PLAN_TABLES
    ],
    pool=WRITER_POOL,
)
def planned(platform: Platform) -> Iterator[Any]:
    """Allocate the forecast to plants, and consolidate them; without a forecast there is no plan."""
    metadata = _report_unless("no_forecast", plan, platform.home)
    for table in PLAN_TABLES:
        yield dg.MaterializeResult(asset_key=[table.schema, table.name], metadata=metadata)


def published_asset(upstream: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """The published version; `upstream` are the keys of everything that it holds."""

    @dg.asset(
        key=["published", "warehouse"],
        deps=[key for key in upstream if key.path[0] in PUBLISHED_SCHEMAS],
        group_name="published",
        pool=WRITER_POOL,
    )
    def published(platform: Platform) -> Any:
        """Audit the writer's file and swap in a new read-only version."""
        return dg.MaterializeResult(metadata=_report_of(publish(platform.home)))

    return published
