"""Plots as inline SVG: bars, lines, fans. Text stays text, so that a reader's own fonts draw it, Chinese too.

Belongs here: drawing numbers. Does not belong here: which numbers, or any page.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from forecasting.hierarchy import FloatArray

COLOURS = ("#0b6e99", "#c44e52", "#8c8c8c", "#55a868", "#dd8452", "#8172b3", "#937860", "#da8bc3")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 260, 56, 36, 24
_LEGEND_ROW = 16  # a second row of names, above the first


def bars(groups: Sequence[str], series: dict[str, list[float]], *, percent: bool = True) -> str:
    """Groups of bars, one colour per series; NaN leaves a gap."""
    top = max((value for values in series.values() for value in values if np.isfinite(value)), default=1.0) * 1.1
    low = min((value for values in series.values() for value in values if np.isfinite(value)), default=0.0) * 1.1
    scale = _Scale(0, len(groups), min(low, 0.0), max(top, 1e-9))
    width = 0.8 / max(len(series), 1)
    drawn = [scale.grid(percent), _legend(list(series))]
    for position, group in enumerate(groups):
        drawn.append(_text(scale.x(position + 0.5), _HEIGHT - _BOTTOM + 16, group, "middle"))
        for number, (name, values) in enumerate(series.items()):
            value = values[position]
            title = escape(f"{group}, {name}: {_number(value, percent)}")
            if np.isfinite(value):
                x0, x1 = scale.x(position + 0.1 + number * width), scale.x(position + 0.1 + (number + 1) * width)
                y0, y1 = sorted((scale.y(0.0), scale.y(value)))
                drawn.append(
                    f'<rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0 - 1:.1f}" height="{y1 - y0:.1f}" '
                    f'fill="{_colour(number)}"><title>{title}</title></rect>'
                )
    return _svg(drawn)


def lines(x: Sequence[float], series: dict[str, list[float]], *, percent: bool = True, diagonal: bool = False) -> str:
    """One line per series over `x`; with `diagonal` what perfection would look like."""
    values = np.array(list(series.values()), dtype=float)
    finite = values[np.isfinite(values)]
    top = 1.0 if diagonal else float(finite.max(initial=0.0)) * 1.1
    scale = _Scale(0.0 if diagonal else min(x), max(x) if not diagonal else 1.0, 0.0, max(top, 1e-9))
    drawn = [scale.grid(percent), _legend(list(series))]
    if diagonal:
        drawn.append(_line([(scale.x(0), scale.y(0)), (scale.x(1), scale.y(1))], "#bbb", dashed=True))
    for mark in x:
        label = _number(mark, percent) if diagonal else f"{mark:g}"
        drawn.append(_text(scale.x(mark), _HEIGHT - _BOTTOM + 16, label, "middle"))
    for number, row in enumerate(values):
        points = [(scale.x(at), scale.y(value)) for at, value in zip(x, row, strict=True) if np.isfinite(value)]
        drawn.append(_line(points, _colour(number)))
        drawn += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{_colour(number)}"/>' for a, b in points]
    return _svg(drawn)


def fan(actual: FloatArray, mean: FloatArray, low: FloatArray, high: FloatArray, names: Sequence[str]) -> str:
    """What was forecast, with its band, against what came; all (H,). `names`: actual, mean."""
    weeks = range(1, len(mean) + 1)
    scale = _Scale(1, max(len(mean), 2), 0.0, float(np.nanmax([high, actual])) * 1.1 or 1.0)
    upper = [(scale.x(week), scale.y(value)) for week, value in zip(weeks, high, strict=True)]
    lower = [(scale.x(week), scale.y(value)) for week, value in zip(weeks, low, strict=True)]
    area = " ".join(f"{a:.1f},{b:.1f}" for a, b in [*upper, *reversed(lower)])
    drawn = [scale.grid(False), f'<polygon points="{area}" fill="{COLOURS[0]}" opacity="0.2"/>']
    for number, values in enumerate((mean, actual)):
        points = [(scale.x(week), scale.y(value)) for week, value in zip(weeks, values, strict=True)]
        drawn.append(_line(points, _colour(number)))
    drawn.append(_legend([names[1], names[0]]))
    drawn += [_text(scale.x(week), _HEIGHT - _BOTTOM + 16, f"{week}", "middle") for week in range(4, len(mean) + 1, 8)]
    return _svg(drawn)


class _Scale:
    """From values to pixels."""

    def __init__(self, x0: float, x1: float, y0: float, y1: float) -> None:
        self.x0, self.x1, self.y0, self.y1 = x0, x1 if x1 > x0 else x0 + 1, y0, y1

    def x(self, value: float) -> float:
        return float(_LEFT + (value - self.x0) / (self.x1 - self.x0) * (_WIDTH - _LEFT - 12))

    def y(self, value: float) -> float:
        return float(_HEIGHT - _BOTTOM - (value - self.y0) / (self.y1 - self.y0) * (_HEIGHT - _BOTTOM - _TOP))

    def grid(self, percent: bool) -> str:
        drawn = []
        for value in np.linspace(self.y0, self.y1, 5):
            drawn.append(_line([(_LEFT, self.y(value)), (_WIDTH - 12, self.y(value))], "#e4e4e4"))
            drawn.append(_text(_LEFT - 6, self.y(value) + 4, _number(float(value), percent), "end"))
        if self.y0 < 0:
            drawn.append(_line([(_LEFT, self.y(0.0)), (_WIDTH - 12, self.y(0.0))], "#888"))
        return "".join(drawn)


def _svg(drawn: list[str]) -> str:
    return f'<svg viewBox="0 {-_LEGEND_ROW} {_WIDTH} {_HEIGHT + _LEGEND_ROW}" role="img">{"".join(drawn)}</svg>'


def _legend(names: list[str]) -> str:
    """A row of names; a second one above where they take more than one."""
    drawn, x, y = [], float(_LEFT), 4
    for number, name in enumerate(names):
        width = 26 + 6.2 * sum(2 if ord(letter) > 0x2E80 else 1 for letter in name)  # CJK is twice as wide
        if x + width > _WIDTH and x > _LEFT:
            x, y = float(_LEFT), y - _LEGEND_ROW
        drawn.append(f'<rect x="{x:.0f}" y="{y}" width="10" height="10" fill="{_colour(number)}"/>')
        drawn.append(_text(x + 14, y + 9, name, "start"))
        x += width
    return "".join(drawn)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _line(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: float, percent: bool) -> str:
    return f"{value:.0%}" if percent else f"{value:,.0f}"
