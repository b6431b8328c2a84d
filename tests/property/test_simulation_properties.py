"""Properties of the virtual city: drawing by shares, pages and their line numbers, relief of full plants."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation import orders, tickets
from simulation.layouts import Layout
from simulation.model import make_city
from simulation.pages import Page
from simulation.records import instants
from simulation.rendering import render
from simulation.streams import cumulated, pick, stream

PLAIN = Layout(
    feed="orders",
    format="csv",
    encoding="gb18030",
    delimiter=",",
    is_gzipped=False,
    headers={"order_id": "委托单号", "ordered_m3": "方量", "a": "a", "b": "b", "c": "c", "placed_at": "下单时间"},
    codes={},
    time_style="slash",
    writes_district_names=False,
)


def table(rows: int) -> pa.Table:
    key = [f"K{row:05d}" for row in range(rows)]
    filler = pa.array(["x"] * rows)
    columns = {"order_id": key, "ordered_m3": np.arange(rows) / 2, "a": filler, "b": filler, "c": filler}
    return pa.table(columns | {"placed_at": instants(np.arange(rows) * 3600)})


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_pick_draws_only_options_with_a_share(rows: int, options: int, seed: int) -> None:
    rng = stream(seed, "test")
    shares = rng.random((rows, options)) * (rng.random((rows, options)) < 0.6)
    shares[:, 0] += 1e-3
    drawn_rows = rng.integers(0, rows, 200)
    drawn = pick(cumulated(shares), drawn_rows, rng.random(200))
    assert (shares[drawn_rows, drawn] > 0).all()


@given(st.integers(1, 40), st.data())
def test_line_numbers_hold_whatever_lines_stray_in(rows: int, data: st.DataObject) -> None:
    stray = st.tuples(st.integers(0, rows - 1), st.sampled_from(["blank", "cut"]))
    strays = sorted(data.draw(st.lists(stray, max_size=6)))
    form = data.draw(st.sampled_from(["csv", "jsonl"]))
    layout = PLAIN if form == "csv" else replace(PLAIN, format="jsonl", encoding="utf-8")
    rendered = render(Page(layout, table(rows), strays=list(strays)))
    lines = rendered.content.decode(layout.encoding).splitlines()
    for row, line in enumerate(rendered.lines.tolist()):
        assert f"K{row:05d}" in lines[line - 1]
        assert "1970" in lines[line - 1]
    assert [line for line in rendered.cut_lines if "1970" in lines[line - 1]] == []
    assert rendered.skipped == sum(not line for line in lines)
    assert len(lines) == rows + len(strays) + (form == "csv")


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.01, 0.03]))
def test_volume_is_conserved_from_order_to_tickets(seed: int, scale: float) -> None:
    city = make_city(seed, scale, 1, date(2025, 12, 28))
    weeks = range(20, 30)
    made = orders.make_orders(
        seed, weeks, city.projects, city.plants, city.market, city.demand, city.day_level, city.first_day, 0
    )
    loads = tickets.make_tickets(seed, weeks, made, city.projects, city.plants, city.area, city.market, 0)
    loaded = np.bincount(loads.order, loads.load_m3, len(made))
    assert np.array_equal(loaded, np.where(made.is_cancelled, 0.0, made.ordered_m3))
    assert (loads.returned_m3 <= loads.load_m3).all()
    assert (loads.cumulative_m3 <= made.ordered_m3[loads.order]).all()
    assert not city.plants.is_candidate[made.plant].any()
