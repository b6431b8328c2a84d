"""The Dagster instance of a home, and the mending of what a killed run leaves behind.

Belongs here: opening the instance, failing dead runs. Does not belong here: assets, jobs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from store.home import Home
from store.locks import hold

SETTINGS = Path(__file__).with_name("dagster.yaml")
UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]


def open_instance(home: Home) -> dg.DagsterInstance:
    """The instance whose runs and events lie in the home; nothing of it phones home."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SETTINGS, home.dagster / "dagster.yaml")
    return dg.DagsterInstance.from_config(str(home.dagster))


def fail_dead_runs(instance: dg.DagsterInstance, living_run_id: str) -> list[str]:
    """Fail every unfinished run but `living_run_id` and free its pool slots; returns their ids.

    Call this only while holding the home's `run` lock: a run that still counts as started although its
    lock is free has been killed, and would otherwise keep the pool's slot for ever.
    """
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
        if run.run_id != living_run_id and "tongmai/held" in run.tags
    ]
    for run in dead:
        instance.report_run_failed(run, "The process of this run was killed; its lock is free again.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return [run.run_id for run in dead]


class Platform(dg.ConfigurableResource[Any]):
    """The data home, held for the life of one run: one run at a time, and dead ones mended first."""

    root: str
    wait_s: float = 3600.0

    @property
    def home(self) -> Home:
        return Home.at(self.root)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Any]:
        with hold(self.home, "run", wait_s=self.wait_s):
            if context.instance is not None and context.run_id is not None:
                context.instance.add_run_tags(context.run_id, {"tongmai/held": "true"})
                fail_dead_runs(context.instance, context.run_id)
            yield self
