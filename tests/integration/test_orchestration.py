"""The job around the stages: triggers, one run at a time, and the mending of a killed run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

from orchestration.definitions import definitions_for
from orchestration.instance import Platform, open_instance
from orchestration.warehouse import manifest
from store.home import MODELS_PAGE, Home
from store.locks import hold

# A job of the same shape as the nightly one: the platform's lock, a step in the writer's pool.
JOB = """
import sys, time
import dagster as dg
from orchestration.instance import Platform, open_instance
from store.home import Home

@dg.op(pool="warehouse")
def step(platform: Platform):
    print("in the step", flush=True)
    time.sleep(float(sys.argv[2]))

@dg.job
def shaped():
    step()

home = Home.at(sys.argv[1])
with open_instance(home) as instance:
    result = shaped.execute_in_process(instance=instance, resources={"platform": Platform(root=str(home.root))})
    print("success" if result.success else "failure", flush=True)
"""


def start(home: Home, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", JOB, str(home.root), str(seconds)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=Path(__file__).parents[2]
    )


def tongmai(home: Home, *arguments: str, is_closed: bool = False) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; with `is_closed` it has no output at all."""
    command = [sys.executable, "-m", "orchestration", *arguments, "--home", str(home.root)]
    if is_closed:
        command = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
    out = subprocess.DEVNULL if is_closed else subprocess.PIPE
    return subprocess.run(
        command, stdout=out, stderr=out, text=True, timeout=400, cwd=Path(__file__).parents[2], check=False
    )


@pytest.mark.slow
def test_a_failing_run_without_an_output_ends(home: Home) -> None:
    assert tongmai(home, "run", is_closed=True).returncode == 1
    with open_instance(home) as instance:
        assert isinstance(instance.compute_log_manager, NoOpComputeLogManager)
        assert [record.dagster_run.status.value for record in instance.get_run_records()] == ["FAILURE"]


@pytest.mark.slow
def test_a_city_with_permits_only_is_published(home: Home) -> None:
    folder = home.inbox / "permits"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text(
        "施工许可证编号,区县,建筑面积,发证日期\nG1,云岩区,1200,2025-03-05\n", encoding="utf-8"
    )
    run = tongmai(home, "run", "--json")
    assert run.returncode == 0, run.stderr
    reports = json.loads(run.stdout)
    assert [reports[stage]["skipped"] for stage in ("forecast", "plan")] == ["no_history", "no_forecast"]
    query = "SELECT count(*) AS permits, (SELECT count(*) FROM forecast.runs) AS runs FROM marts.fct_permits"
    assert json.loads(tongmai(home, "sql", query, "--json").stdout) == [{"permits": 1, "runs": 0}]
    models = (home.current / MODELS_PAGE).read_text(encoding="utf-8")
    assert "model.tongmai.fct_permits" in models
    assert "<script src" not in models, "the page is whole in one file"


@pytest.mark.slow
def test_a_killed_run_is_failed_and_gives_its_slot_back(home: Home) -> None:
    killed = start(home, 60)
    assert killed.stdout is not None
    assert killed.stdout.readline().strip() == "in the step"
    killed.kill()
    killed.communicate()

    output, _ = start(home, 0).communicate(timeout=60)

    assert output.split("\n")[-2] == "success"
    with open_instance(home) as instance:
        statuses = [record.dagster_run.status for record in instance.get_run_records()]
    assert sorted(status.value for status in statuses) == ["FAILURE", "SUCCESS"]


def test_a_second_run_waits_and_then_says_who_is_running(home: Home) -> None:
    @dg.op
    def step(platform: Platform) -> None:
        raise AssertionError("the lock is held")

    @dg.job
    def shaped() -> None:
        step()

    with open_instance(home) as instance, hold(home, "run"):
        platform = Platform(root=str(home.root), wait_s=0.0)
        result = shaped.execute_in_process(instance=instance, resources={"platform": platform}, raise_on_error=False)
    assert not result.success


def test_the_inbox_sensor_asks_once_per_state_of_the_inbox(home: Home) -> None:
    sensor = definitions_for(home).get_repository_def().get_sensor_def("inbox")

    def evaluate() -> dg.RunRequest | dg.SkipReason:
        with dg.build_sensor_context() as context:
            outcome = sensor(context)
        assert isinstance(outcome, dg.RunRequest | dg.SkipReason)
        return outcome

    assert isinstance(evaluate(), dg.SkipReason)
    folder = home.inbox / "orders"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("x")
    first, again = evaluate(), evaluate()
    (folder / "b.csv").write_text("y")
    later = evaluate()
    assert isinstance(first, dg.RunRequest)
    assert isinstance(again, dg.RunRequest)
    assert isinstance(later, dg.RunRequest)
    assert first.run_key == again.run_key != later.run_key


def test_a_half_written_manifest_is_parsed_again(home: Home) -> None:
    path = manifest(home)
    whole = json.loads(path.read_bytes())["nodes"].keys()
    path.write_bytes(path.read_bytes()[:1000])
    (home.dbt_target / "partial_parse.msgpack").write_bytes(b"half")
    assert json.loads(manifest(home).read_bytes())["nodes"].keys() == whole


def test_the_schedule_runs_the_whole_job_at_night_in_the_city(home: Home) -> None:
    schedule = definitions_for(home).get_repository_def().get_schedule_def("every_night")
    assert (schedule.job_name, schedule.cron_schedule) == ("nightly", "0 1 * * *")
    assert schedule.execution_timezone == "Asia/Shanghai"


def test_nothing_phones_home(home: Home) -> None:
    with open_instance(home) as instance:
        assert instance.telemetry_enabled is False
