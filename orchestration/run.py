"""Running the nightly job, or some of its stages, in this process.

Belongs here: the call into Dagster and the reading of what came of it. Does not belong here: stages.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from orchestration.assets import REPORT
from orchestration.definitions import NIGHTLY, definitions_for
from orchestration.instance import open_instance
from store.home import Home
from store.messages import TongmaiError

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run(home: Home, *, wait_s: float = 60.0) -> dict[str, Any]:
    """Run every stage once on whatever lies in the home's inbox; returns each stage's report.

    Waits up to `wait_s` seconds for another run to end. Raises TongmaiError(`locked`) when it has not ended then,
    the TongmaiError of the stage that failed, and KeyboardInterrupt as it came.
    """
    job = definitions_for(home, wait_s).resolve_job_def(NIGHTLY.name)
    with open_instance(home) as instance:
        try:
            result = job.execute_in_process(instance=instance, run_config=QUIET)
        except dg.DagsterError as error:
            raise _root_of(error) from error
        except DagsterExecutionInterruptedError as error:
            raise KeyboardInterrupt from error
    return _reports(result)


def _root_of(error: BaseException) -> BaseException:
    """The TongmaiError or the interrupt behind an error that Dagster wrapped, else the error itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TongmaiError | KeyboardInterrupt):
            return cause
        cause = cause.__cause__ or cause.__context__
    return error


def _reports(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The report that each stage attached to its assets, by stage."""
    reports: dict[str, Any] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            report = materialization.metadata.get(REPORT)
            if report is not None:
                reports.setdefault(materialization.asset_key.path[0], report.value)
    return reports
