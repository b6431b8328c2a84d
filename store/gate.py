"""The audit between write and publish: what must hold before readers see a version.

Belongs here: the checks, each a named question to the writer's file or to dbt's own results. Does not
belong here: tests of one model's arithmetic (those are dbt's).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb

from store.home import Home
from store.messages import Text
from store.tables import DATA_VERSION


@dataclass(frozen=True)
class Check:
    """`sql` returns one row: the number of violations. `text` says what a violation means.

    When `unless` (one row, a truth value) holds, the question does not arise.
    """

    name: str
    text: Text
    sql: str
    unless: str = ""


@dataclass(frozen=True)
class Failure:
    """One check that did not hold, with what was found."""

    name: str
    text: Text


# A city whose deliveries do not fill this many weeks, and that has no forecast, cannot have one: its newest week is not
# complete, and the reporting lag takes up to two more. Marts are published still.
_HISTORY_WEEKS = 4
_HAS_NO_HISTORY = f"""
    SELECT NOT EXISTS (FROM forecast.runs WHERE status = 'promoted')
        AND count(DISTINCT week_start) < {_HISTORY_WEEKS}
    FROM marts.demand_weekly WHERE is_complete AND tickets > 0
"""

CHECKS = (
    Check(
        "ledger_adds_up",
        Text(
            "台账不平：读入≠装载＋重复＋拒收的文件数", "files whose rows read differ from loaded + duplicate + rejected"
        ),
        """
        SELECT count(*) FROM ops.ingest_ledger
        WHERE rows_read <> rows_loaded + rows_duplicate + rows_rejected
        """,
    ),
    Check(
        "every_loaded_row_is_kept",
        Text(
            "运单装载行数与版本表不符的分段数",
            "segments of deliveries whose loaded rows are not all in the version table",
        ),
        """
        SELECT count(*) FROM (
            SELECT ledger.segment_id
            FROM ops.ingest_ledger AS ledger
            LEFT JOIN raw.deliveries_versions AS version ON version._segment_id = ledger.segment_id
            WHERE ledger.feed = 'deliveries'
            GROUP BY ledger.segment_id, ledger.rows_loaded
            HAVING count(version._segment_id) <> ledger.rows_loaded
        )
        """,
    ),
    Check(
        "volume_is_conserved",
        Text("周需求与运单方量之和不等", "weekly demand and delivered tickets differ in volume"),
        """
        SELECT CASE WHEN abs(
            (SELECT coalesce(sum(delivered_m3), 0) FROM marts.fct_deliveries)
            - (SELECT coalesce(sum(delivered_m3), 0) FROM marts.demand_weekly)
        ) < 1e-3 THEN 0 ELSE 1 END
        """,
    ),
    Check(
        "forecast_is_current",
        Text(
            "现用的预测不是用当前数据做的，也没有用当前数据做过而未采用的",
            "the forecast in use was not made from the data now loaded, nor was one that was made from it refused",
        ),
        f"""
        SELECT CASE WHEN bool_or(status = 'promoted') AND bool_or(
            status IN ('promoted', 'refused', 'withdrawn') AND data_version IS NOT DISTINCT FROM ({DATA_VERSION})
        ) THEN 0 ELSE 1 END
        FROM forecast.runs
        """,
        _HAS_NO_HISTORY,
    ),
    Check(
        "forecast_is_coherent",
        Text("各区县预测之和不等于全市的周数", "weeks in which the districts' forecasts do not add up to the city's"),
        """
        SELECT count(*) FROM (
            SELECT
                week_start,
                sum(mean) FILTER (WHERE level = 'city') AS city,
                sum(mean) FILTER (WHERE level = 'district_grade_class') AS parts
            FROM forecast.demand_current
            GROUP BY week_start
            HAVING abs(city - parts) > 1e-6 * greatest(city, 1) OR city IS NULL OR parts IS NULL
        )
        """,
        _HAS_NO_HISTORY,
    ),
    Check(
        "plan_is_current",
        Text(
            "当前规划不是按已晋升的预测做的，或没有下界",
            "the current plan is not made on the promoted forecast, or has no bound",
        ),
        """
        SELECT CASE WHEN count(*) = 1 THEN 0 ELSE 1 END
        FROM plan.plan_current
        WHERE
            bound_cny IS NOT NULL
            AND run_id = (SELECT arg_max(run_id, created_at) FROM forecast.runs WHERE status = 'promoted')
        """,
        _HAS_NO_HISTORY,
    ),
)


def applicable(connection: duckdb.DuckDBPyConnection) -> tuple[Check, ...]:
    """The checks that this file must pass."""
    return tuple(check for check in CHECKS if not (check.unless and _holds(connection, check.unless)))


def _holds(connection: duckdb.DuckDBPyConnection, question: str) -> bool:
    try:
        row = connection.execute(question).fetchone()
    except duckdb.CatalogException:
        return False
    return bool(row and row[0])


def audit(connection: duckdb.DuckDBPyConnection, home: Home) -> list[Failure]:
    """Every check that does not hold; empty means the version may be published.

    A table that a check asks for and that is absent is a failure of that check, never an error.
    """
    failures = list(_dbt_failures(home))
    for check in applicable(connection):
        try:
            row = connection.execute(check.sql).fetchone()
        except duckdb.CatalogException as error:
            missing = str(error).splitlines()[0]
            failures.append(Failure(check.name, Text(f"缺表：{missing}", f"a table is missing: {missing}")))
            continue
        violations = int(row[0]) if row else 0
        if violations:
            text = Text(f"{check.text.zh}：{violations}", f"{check.text.en}: {violations}")
            failures.append(Failure(check.name, text))
    return failures


def _dbt_failures(home: Home) -> list[Failure]:
    results_path = home.dbt_target / "run_results.json"
    if not results_path.exists():
        return [
            Failure("dbt_has_run", Text("还没有建库；请先运行 tongmai build", "no build yet; run tongmai build first"))
        ]
    try:
        results = json.loads(results_path.read_text(encoding="utf-8"))["results"]
    except ValueError:
        return [
            Failure(
                "dbt_has_run",
                Text("上次建库被打断；请再运行 tongmai build", "the last build broke off; run tongmai build again"),
            )
        ]
    failed = [result["unique_id"] for result in results if result["status"] in ("error", "fail", "runtime error")]
    if not failed:
        return []
    names = ", ".join(sorted(failed)[:5])
    return [Failure("dbt_tests_pass", Text(f"建库检查未通过：{names}", f"dbt models or tests failed: {names}"))]
