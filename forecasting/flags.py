"""What is unusual about a series, and what was done about it: short, sparse, silent, new, stopped, gaps.

Belongs here: finding it in a history, and the sentence that says what the forecast does then. Does not belong
here: doing it (`history`, `pipeline`, `series`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from forecasting.calendar import Calendar
from forecasting.grants import lull_weeks
from forecasting.hierarchy import FloatArray
from forecasting.history import History, Silence
from forecasting.series import FALLBACK_NAIVE, FALLBACK_RATIO, STOPPED_WEEKS, ZERO
from forecasting.settings import Settings
from store.messages import Text

NEW_WEEKS = 26
_SILENT_SHARE = 0.05


class Flag(NamedTuple):
    """One thing about one series; `value` in the unit that the sentence names."""

    unique_id: str
    flag: str
    value: float
    text: Text


def find_flags(
    history: History, calendar: Calendar, models: tuple[str, ...], silent: Silence, settings: Settings
) -> list[Flag]:
    """All flags of a run; `models` (N,) in the hierarchy's order; `silent`: how silent the plants are."""
    nodes, actual = history.hierarchy.nodes, history.hierarchy.aggregate(history.bottom_m3)
    flags = list(_of_city(history, calendar, silent))
    for node, series, model in zip(nodes, actual, models, strict=True):
        own = model if node.level in ("city", "district_grade_class") else ""  # sums have no model of their own
        flags += [Flag(node.unique_id, *found) for found in _of_series(series, own, settings)]
    return flags


def _of_series(series: FloatArray, model: str, settings: Settings) -> Iterator[tuple[str, float, Text]]:
    if not np.any(series > 0):
        yield "silent", 0.0, Text("从未供货：预测为零", "nothing was ever delivered: the forecast is zero")
        return
    known = len(series) - int(np.argmax(series > 0))
    idle = int(np.argmax(series[::-1] > 0))
    stands_in = model in (FALLBACK_RATIO, FALLBACK_NAIVE)
    if model == ZERO:
        yield (
            "stopped",
            float(idle),
            Text(
                f"已有 {idle} 周没有供货，此前每周都有：视为停止，预测为零",
                f"nothing for {idle} weeks after deliveries week by week: taken as ended, the forecast is zero",
            ),
        )
    elif idle >= STOPPED_WEEKS:
        yield "idle", float(idle), Text(f"已有 {idle} 周没有供货", f"nothing was delivered for {idle} weeks")
    if known < NEW_WEEKS:
        yield (
            "new",
            float(known),
            Text(
                f"首次供货仅 {known} 周前：按许可管道与近期比值预测",
                f"its first delivery is {known} weeks old: forecast from the pipeline and its ratio since",
            ),
        )
    elif known < settings.min_prophet_weeks and stands_in:
        yield (
            "short",
            float(known),
            Text(
                f"历史只有 {known} 周（需 {settings.min_prophet_weeks} 周）：用替代模型",
                f"{known} weeks of history, {settings.min_prophet_weeks} are needed: a fallback serves",
            ),
        )
    elif stands_in:
        zero = float(np.mean(series[len(series) - known :] <= 0))
        yield (
            "sparse",
            zero,
            Text(
                f"{zero:.0%} 的周没有供货：用替代模型",
                f"{zero:.0%} of its weeks are without deliveries: a fallback serves",
            ),
        )


def _of_city(history: History, calendar: Calendar, silent: Silence) -> Iterator[Flag]:
    gaps = len(history.missing)
    if gaps:
        yield Flag("city", "gap", gaps, Text(
            f"{gaps} 周全市没有任何运单，不是节假日：视为缺报，按前后周补足后再学习",
            f"{gaps} weeks without a single ticket in the city, and no holiday: taken as not reported, bridged from "
            "the weeks around before anything is learned",
        ))  # fmt: skip
    if history.permits_stale_weeks:
        weeks = history.permits_stale_weeks
        yield Flag("city", "permits_stopped", weeks, Text(
            f"已有 {weeks} 周没有收到任何许可：这些周按此前的批准速度补足，不当作没有许可",
            f"no permit has arrived for {weeks} weeks: those weeks are filled at the rate before, not taken as none",
        ))  # fmt: skip
    lull = lull_weeks(history)
    if lull:
        yield Flag("city", "no_grants", lull, Text(
            f"许可数据仍在到达，但最近 {lull} 周没有新许可：当作确实没有，此后新许可的预期逐周调低",
            f"permit data keep arriving, but none was granted in the last {lull} weeks: taken as true, and fewer are "
            "expected from here on with every such week",
        ))  # fmt: skip
    if silent.recent > silent.before + _SILENT_SHARE:
        yield Flag("city", "silent_plants", silent.recent, Text(
            f"近四周有 {silent.recent:.0%} 的站日全无报送（此前一年 {silent.before:.0%}）：近期供货可能偏低，未作修正",
            f"{silent.recent:.0%} of plant-days in the last four weeks are silent ({silent.before:.0%} in the year "
            "before): recent deliveries may be too low; they are not corrected",
        ))  # fmt: skip
    new_year = [column for column, name in enumerate(calendar.names) if name.startswith("new_year")]
    if not np.any(calendar.at(history.weeks)[:, new_year] > 0):
        yield Flag("city", "new_year_unseen", 0.0, Text(
            "历史中没有春节：其影响无从学习，春节各周偏高",
            "no New Year lies in the history: its lull cannot be learned, and those weeks are forecast too high",
        ))  # fmt: skip
    for code in dict.fromkeys(change.new_code for change in history.changes):
        old = {change.old_code: change.share for change in history.changes if change.new_code == code}
        shares = ", ".join(f"{name} {share:.0%}" for name, share in old.items())
        yield Flag(code, "inherited", sum(old.values()), Text(
            f"区划调整：此前的历史取自 {shares}", f"districts changed: its history before is that of {shares}"
        ))  # fmt: skip
