"""The one door to data: what the platform knew on a day, and nothing that came later.

Belongs here: reading demand and permits as of a day, dense weeks, the cutoff. Does not belong here: models,
or any query elsewhere in this package that reads a mart.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

import duckdb
import numpy as np

from forecasting.gaps import Change, bridge, missing_weeks, moved, read_changes, stale_weeks
from forecasting.hierarchy import BoolArray, DateArray, FloatArray, Hierarchy
from store.messages import TongmaiError

MAX_REPORTING_LAG_D = 14
_REPORTED_SHARE = 0.8  # the fifth that one week may still lack moves a smoothed level by two percent
_MIN_PERMITS = 10
PERMIT_SETTLED_WEEKS = 26
"""After this many weeks a week's permits are taken as all known."""


@dataclass(frozen=True)
class History:
    """Demand and permits as known on `as_of`. Weeks are Mondays; both week axes end at the cutoff.

    `demand_m3` (D, G, T) over `weeks` (T,); `granted_m3` (D, U, P) over `grant_weeks` (P,): concrete that
    permits of a week will need, by use; `permit_known_share` (A,): share of a week's permits that is known
    a = 0, 1, ... weeks later; `reporting_lag_d`: days after a week's end until its deliveries are in;
    `permits_stale_weeks`: since permits stopped coming; `changes`: districts that took an older one's past; `missing`:
    positions of weeks that nobody reported and that are bridged.
    """

    as_of: date
    hierarchy: Hierarchy
    uses: tuple[str, ...]
    weeks: DateArray
    demand_m3: FloatArray
    grant_weeks: DateArray
    granted_m3: FloatArray
    permit_known_share: FloatArray
    reporting_lag_d: int
    unknown_district_share: float
    permits_stale_weeks: int = 0
    changes: tuple[Change, ...] = ()
    missing: tuple[int, ...] = ()

    @property
    def cutoff(self) -> date:
        """Monday of the last complete week."""
        return _as_date(self.weeks[-1])

    @property
    def has_permits(self) -> bool:
        return bool(self.granted_m3.any())

    @property
    def bottom_m3(self) -> FloatArray:
        """(B, T), district-major."""
        return self.demand_m3.reshape(self.hierarchy.bottom_count, len(self.weeks))

    def truncated(self, weeks_back: int) -> History:
        """This history with its last weeks cut off: a past origin of a city that has no arrival dates. What is left of
        it is all known."""
        stale = max(self.permits_stale_weeks - weeks_back, 0)
        return replace(
            self,
            as_of=self.as_of - timedelta(weeks=weeks_back),
            weeks=self.weeks[:-weeks_back],
            demand_m3=self.demand_m3[:, :, :-weeks_back],
            grant_weeks=self.grant_weeks[:-weeks_back],
            granted_m3=self.granted_m3[:, :, :-weeks_back],
            permit_known_share=np.concatenate([np.zeros(stale), np.ones(PERMIT_SETTLED_WEEKS)]),
            permits_stale_weeks=stale,
            missing=tuple(week for week in self.missing if week < len(self.weeks) - weeks_back),
        )

    def bridged(self, is_holiday_week: BoolArray) -> History:
        """This history with the weeks that nobody reported on the line between their neighbours."""
        is_missing = missing_weeks(self.demand_m3.sum(axis=(0, 1)), is_holiday_week)
        weeks = tuple(int(week) for week in np.flatnonzero(is_missing))
        return replace(self, demand_m3=bridge(self.demand_m3, is_missing), missing=weeks)

    @property
    def settled_weeks(self) -> int:
        """Whole weeks that the cutoff's own week has had, after itself, for its permits to come in."""
        return ((self.as_of - self.cutoff).days + 1) // 7 - 1

    def digest(self) -> str:
        """Hash of everything a model can see: equal histories, equal forecasts."""
        digest = hashlib.sha256(repr((self.hierarchy.districts, self.hierarchy.grade_classes, self.uses)).encode())
        for array in (self.weeks, self.demand_m3, self.grant_weeks, self.granted_m3, self.permit_known_share):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:12]


def newest_arrival(connection: duckdb.DuckDBPyConnection, as_of: date = date.max) -> date:
    """The last day, up to `as_of`, on which deliveries came in: at least 5 % of a busy day's volume in the last
    half year (its 90 % quantile).

    Late corrections trickle in after the last file; they must not make an empty week look complete.
    Raises TongmaiError(`no_history`).
    """
    row = connection.execute(
        """WITH arrivals AS (
            SELECT known_date, sum(CAST(delta_delivered_m3 AS DECIMAL(18, 6))) AS m3
            FROM marts.demand_weekly_revisions WHERE known_date <= ? AND delta_delivered_m3 > 0 GROUP BY 1
        ),
        recent AS (FROM arrivals WHERE known_date > (SELECT max(known_date) - 182 FROM arrivals))
        SELECT max(known_date) FROM recent WHERE m3 >= 0.05 * (SELECT quantile_disc(m3, 0.9) FROM recent)""",
        [as_of],
    ).fetchone()
    if row is None or row[0] is None:
        raise _no_history("没有任何供货记录", "no deliveries are known")
    newest: date = row[0]
    return newest


def newest_knowledge(connection: duckdb.DuckDBPyConnection) -> date:
    """The last day on which anything became known: deliveries, their corrections, permits.

    Raises TongmaiError(`no_history`) when no deliveries are known.
    """
    days = connection.execute(
        """SELECT max(known_date) FROM marts.demand_weekly_revisions
        UNION ALL SELECT max(known_date) FROM marts.permit_pipeline_weekly"""
    ).fetchall()
    known: list[date] = [day for (day,) in days if day is not None]
    return max(newest_arrival(connection), *known)


def history(connection: duckdb.DuckDBPyConnection, as_of: date, districts_on: date | None = None) -> History:
    """What was known at the end of `as_of`: revisions and permit versions with known_date <= as_of, summed.

    Districts are those of `districts_on` (default: of that day), so that past origins can be held against today's.
    Sums are exact decimals, so the order of rows changes no bit. Raises TongmaiError(`no_history`) when not one
    complete week is known.
    """
    # Beyond the last arrival nothing is complete, however late the day asked for.
    as_of_effective = newest_arrival(connection, as_of)
    lag_d = _reporting_lag_d(connection, as_of_effective)
    last_day = as_of_effective - timedelta(days=lag_d + 6)
    cutoff = last_day - timedelta(days=last_day.weekday())
    every_change = read_changes()
    drawn_on = districts_on or as_of
    changes = tuple(change for change in every_change if change.changed_on <= drawn_on)
    grades = _labels(connection, "SELECT grade_class FROM marts.dim_grades ORDER BY sort_order, grade_class")
    uses = _labels(
        connection, "SELECT DISTINCT use FROM marts.permit_pipeline_weekly WHERE known_date <= ? ORDER BY 1", as_of
    )
    demand = moved(
        _rows(
            connection,
            """SELECT district_code, grade_class, week_start,
            CAST(sum(CAST(delta_delivered_m3 AS DECIMAL(18, 6))) AS DOUBLE)
        FROM marts.demand_weekly_revisions WHERE known_date <= ? AND week_start <= ? GROUP BY ALL ORDER BY ALL""",
            as_of,
            cutoff,
        ),
        changes,
    )
    # an older district is no more, a later one not yet
    old = {change.old_code for change in changes}
    later = {change.new_code for change in every_change if change.changed_on > drawn_on} - {row[0] for row in demand}
    listed = _labels(
        connection, "SELECT district_code FROM marts.dim_districts WHERE district_code <> 'unknown' ORDER BY 1"
    )
    districts = tuple(code for code in listed if code not in old | later)
    known = [row for row in demand if row[0] in districts and row[1] in grades and row[3] != 0]
    if not known:
        raise _no_history(
            f"截至 {as_of} 没有一个完整周的供货记录", f"not one complete week of deliveries was known on {as_of}"
        )
    first = min(row[2] for row in known)
    permits = moved(
        _rows(
            connection,
            """SELECT district_code, use, week_start, CAST(sum(CAST(delta_concrete_m3 AS DECIMAL(18, 6))) AS DOUBLE)
        FROM marts.permit_pipeline_weekly WHERE known_date <= ? AND week_start <= ? GROUP BY ALL ORDER BY ALL""",
            as_of,
            cutoff,
        ),
        changes,
    )
    stale = stale_weeks(_permit_arrivals(connection, as_of), as_of)
    first_grant = min([first, *(row[2] for row in permits)])
    total = sum(row[3] for row in demand)
    return History(
        as_of=as_of,
        hierarchy=Hierarchy(districts, grades),
        uses=uses,
        weeks=_mondays(first, cutoff),
        demand_m3=_dense(known, districts, grades, first, cutoff),
        grant_weeks=_mondays(first_grant, cutoff),
        granted_m3=_dense([row for row in permits if row[0] in districts], districts, uses, first_grant, cutoff),
        permit_known_share=np.concatenate([np.zeros(stale), _permit_known_share(connection, as_of)]),
        reporting_lag_d=lag_d,
        unknown_district_share=1 - sum(row[3] for row in known) / total if total else 0.0,
        permits_stale_weeks=stale,
        changes=changes,
    )


class PermitDelay(NamedTuple):
    """Median days from a permit's week until it was known: of those known in the last 13 weeks, and in the year
    before; None where too few came."""

    recent_d: float | None
    before_d: float | None


def permit_delay(connection: duckdb.DuckDBPyConnection, as_of: date) -> PermitDelay:
    """How late permits come, lately and before, as known on `as_of`."""
    spans = ((as_of - timedelta(weeks=13), as_of), (as_of - timedelta(weeks=65), as_of - timedelta(weeks=13)))
    medians = []
    for first, last in spans:
        rows = _rows(
            connection,
            """SELECT median(known_date - week_start), count(*) FROM marts.permit_pipeline_weekly
            WHERE known_date > ? AND known_date <= ? AND delta_concrete_m3 > 0""",
            first,
            last,
        )
        medians.append(float(rows[0][0]) if rows[0][1] >= _MIN_PERMITS else None)
    return PermitDelay(*medians)


class Silence(NamedTuple):
    """Share of plant-days on which a plant reported nothing at all: in the four weeks through the cutoff's, and in the
    year before them."""

    recent: float
    before: float


def silence(connection: duckdb.DuckDBPyConnection, cutoff: date) -> Silence:
    """How silent the city's plants are, lately and before; small plants are silent on many days."""
    last, first = cutoff + timedelta(days=6), cutoff - timedelta(days=21)
    shares = []
    for start, end in ((first, last), (first - timedelta(days=364), first - timedelta(days=1))):
        rows = _rows(
            connection,
            """SELECT coalesce(avg(CAST(status = 'silent' AS INTEGER)), 0) FROM marts.submission_calendar_daily
            WHERE feed = 'deliveries' AND is_expected AND status <> 'not_due' AND date_on BETWEEN ? AND ?""",
            start,
            end,
        )
        shares.append(float(rows[0][0]))
    return Silence(*shares)


def _permit_arrivals(connection: duckdb.DuckDBPyConnection, as_of: date) -> list[date]:
    """Days on which anything came of permits: a correction or a withdrawal shows too that the feed lives."""
    rows = _rows(
        connection,
        "SELECT DISTINCT known_date FROM marts.permit_pipeline_weekly WHERE known_date <= ? ORDER BY 1",
        as_of,
    )
    return [row[0] for row in rows]


def _reporting_lag_d(connection: duckdb.DuckDBPyConnection, as_of: date) -> int:
    """Days after Sunday by which most of a week's volume is in, learned from the half year before `as_of`.

    0 for a backfill, whose arrival dates say nothing about reporting.
    """
    rows = _rows(
        connection,
        """SELECT greatest(known_date - week_start - 6, 0),
            CAST(sum(CAST(delta_delivered_m3 AS DECIMAL(18, 6))) AS DOUBLE)
        FROM marts.demand_weekly_revisions
        WHERE known_date <= ? AND week_start BETWEEN ? AND ? AND delta_delivered_m3 > 0 GROUP BY 1 ORDER BY 1""",
        as_of,
        as_of - timedelta(weeks=29),
        as_of - timedelta(weeks=3),
    )
    in_time = [(lag_d, m3) for lag_d, m3 in rows if lag_d <= MAX_REPORTING_LAG_D]
    volume, total = 0.0, sum(m3 for _, m3 in in_time)
    if total < 0.5 * sum(m3 for _, m3 in rows):
        return 0
    for lag_d, m3 in in_time:
        volume += m3
        if volume >= _REPORTED_SHARE * total:
            return int(lag_d)
    return 0


def _permit_known_share(connection: duckdb.DuckDBPyConnection, as_of: date) -> FloatArray:
    """(A,) share of a settled week's granted m3 that was known a weeks after its Monday; ones for a backfill."""
    rows = _rows(
        connection,
        """SELECT (known_date - week_start) // 7, CAST(sum(CAST(delta_concrete_m3 AS DECIMAL(18, 6))) AS DOUBLE)
        FROM marts.permit_pipeline_weekly
        WHERE known_date <= ? AND week_start BETWEEN ? AND ? AND delta_concrete_m3 > 0 GROUP BY 1 ORDER BY 1""",
        as_of,
        as_of - timedelta(weeks=PERMIT_SETTLED_WEEKS + 104),
        as_of - timedelta(weeks=PERMIT_SETTLED_WEEKS),
    )
    known = np.zeros(PERMIT_SETTLED_WEEKS)
    for age_weeks, m3 in rows:
        if age_weeks < PERMIT_SETTLED_WEEKS:
            known[max(int(age_weeks), 0)] += m3
    settled = known.sum()
    if settled < 0.5 * sum(m3 for _, m3 in rows) or settled == 0:
        return np.ones(PERMIT_SETTLED_WEEKS)
    return np.asarray(known.cumsum() / settled)


def _dense(
    rows: list[tuple[str, str, date, float]], first: tuple[str, ...], second: tuple[str, ...], start: date, end: date
) -> FloatArray:
    """(first, second, week) array of the rows; absent weeks are zero."""
    dense = np.zeros((len(first), len(second), (end - start).days // 7 + 1))
    row_of = {label: position for position, label in enumerate(first)}
    column_of = {label: position for position, label in enumerate(second)}
    for one, other, week, m3 in rows:
        dense[row_of[one], column_of[other], (week - start).days // 7] += m3
    return dense


def _mondays(first: date, last: date) -> DateArray:
    return np.arange(
        np.datetime64(first, "D"), np.datetime64(last, "D") + np.timedelta64(1, "D"), np.timedelta64(7, "D")
    )


def _as_date(day: np.datetime64) -> date:
    return date.fromisoformat(str(day))


def _labels(connection: duckdb.DuckDBPyConnection, query: str, *bound: object) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in connection.execute(query, list(bound)).fetchall())


def _rows(connection: duckdb.DuckDBPyConnection, query: str, *bound: object) -> list[tuple[Any, ...]]:
    return connection.execute(query, list(bound)).fetchall()


def _no_history(zh: str, en: str) -> TongmaiError:
    return TongmaiError(
        "no_history",
        f"无法预测：{zh}。请先装载运单（tongmai ingest、tongmai build）。",
        f"Cannot forecast: {en}. Load deliveries first (tongmai ingest, tongmai build).",
    )
