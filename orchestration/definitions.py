"""When the river runs: the nightly job, its schedule, the inbox's sensor.

Belongs here: jobs, triggers, and the wiring of assets into one `Definitions`. Does not belong here:
what an asset does (`orchestration.assets`). `make ui` opens this module.
"""

from __future__ import annotations

import hashlib
from typing import Any

import dagster as dg

from orchestration import assets
from orchestration.instance import Platform
from orchestration.warehouse import manifest
from store.connections import BUSINESS_TIME_ZONE
from store.home import Home

NIGHTLY = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="Inbox to published version: ingest, build, forecast, plan, publish.",
)


@dg.definitions
def definitions() -> dg.Definitions:
    """The definitions for the default home (TONGMAI_HOME)."""
    return definitions_for(Home.default())


def definitions_for(home: Home, wait_s: float = 3600.0) -> dg.Definitions:
    """Assets, the nightly job, the schedule at 01:00 city time, and the inbox's sensor for this home.

    A run waits up to `wait_s` seconds for another one to end.
    """
    stages = [
        assets.ingested,
        assets.warehouse_assets(manifest(home)),
        assets.forecasted,
        assets.planned,
    ]
    keys = [key for stage in stages for key in stage.keys]
    return dg.Definitions(
        assets=[*assets.inbox_assets(), *stages, assets.published_asset(keys)],
        jobs=[NIGHTLY],
        schedules=[
            dg.ScheduleDefinition(
                name="every_night",
                job=NIGHTLY,
                cron_schedule="0 1 * * *",
                execution_timezone=BUSINESS_TIME_ZONE,
                default_status=dg.DefaultScheduleStatus.RUNNING,
            )
        ],
        sensors=[_inbox_sensor(home)],
        resources={"platform": Platform(root=str(home.root), wait_s=wait_s)},
    )


def _inbox_sensor(home: Home) -> dg.SensorDefinition:
    @dg.sensor(
        name="inbox",
        job=NIGHTLY,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs the job when files lie in the inbox that no run was asked for yet.",
    )
    def inbox(_: dg.SensorEvaluationContext) -> Any:
        listing = sorted(
            f"{path.relative_to(home.inbox)}:{path.stat().st_size}:{path.stat().st_mtime_ns}"
            for path in home.inbox.rglob("*")
            if path.is_file()
        )
        if not listing:
            return dg.SkipReason("The inbox is empty.")
        return dg.RunRequest(run_key=hashlib.sha256("\n".join(listing).encode()).hexdigest())

    return inbox
