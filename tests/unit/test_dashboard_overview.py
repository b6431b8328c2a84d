"""What the overview reads from a published version, held against the file itself."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from published_city import PLAN, RUN, publish_city, publish_live

from dashboard.fan import read_fan
from dashboard.headlines import headlines
from dashboard.live import read_live
from dashboard.overview import Overview, read_overview
from dashboard.schematic import CENTRES, SCHEMATIC, render
from dashboard.tables import BALANCE, DECISIONS, FEEDS, cells, csv_text, headings
from dashboard.texts import TEXTS, load_class
from store.connections import reader
from store.home import Home
from store.messages import Text, TongmaiError


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Home:
    place = Home.at(tmp_path_factory.mktemp("city"))
    publish_city(place)
    return place


@pytest.fixture(scope="module")
def overview(city: Home) -> Overview:
    return read_overview(city)


def test_version_is_told_with_its_age_and_that_it_is_synthetic(overview: Overview) -> None:
    version = overview.version
    assert (version.version, version.data_version, version.checks_passed) == ("v1", "abc123def456", 42)
    assert version.published_at.isoformat() == "2026-01-01T19:04:00+00:00"
    assert version.data_until_on == date(2025, 12, 28)
    assert version.is_synthetic


def test_quarter_means_are_the_sums_of_thirteen_weekly_means(city: Home, overview: Overview) -> None:
    quarter = overview.quarter
    assert quarter is not None
    assert (quarter.run_id, quarter.weeks) == (RUN, 13)
    assert (quarter.from_on, quarter.until_on) == (date(2025, 12, 29), date(2026, 3, 29))
    with reader(city.published) as connection:
        expected = dict(
            connection.execute(
                "SELECT district_code, sum(mean) FROM forecast.demand WHERE level = 'district' AND scenario = 'base'"
                " AND h <= 13 GROUP BY district_code"
            ).fetchall()
        )
    assert {row.district_code: row.demand_m3 for row in quarter.districts} == pytest.approx(expected)
    assert quarter.city.demand_m3 == pytest.approx(sum(expected.values()))


def test_quarter_band_comes_from_joint_samples_not_from_summed_quantiles(city: Home, overview: Overview) -> None:
    quarter = overview.quarter
    assert quarter is not None and quarter.city.q10_m3 is not None and quarter.city.q90_m3 is not None
    with reader(city.published) as connection:
        (low, high), *_ = connection.execute(
            "SELECT quantile_cont(m3, 0.1) / avg(m3), quantile_cont(m3, 0.9) / avg(m3)"
            " FROM (SELECT sample, sum(m3) AS m3 FROM forecast.paths WHERE month < DATE '2026-04-01' GROUP BY sample)"
        ).fetchall()
    assert quarter.city.q10_m3 == pytest.approx(quarter.city.demand_m3 * low)
    assert quarter.city.q90_m3 == pytest.approx(quarter.city.demand_m3 * high)
    summed_width = sum((row.q90_m3 or 0.0) - (row.q10_m3 or 0.0) for row in quarter.districts)
    assert quarter.city.q90_m3 - quarter.city.q10_m3 < 0.9 * summed_width, "districts do not all err the same way"


def test_reach_follows_the_plan_in_force(overview: Overview) -> None:
    quarter = overview.quarter
    assert quarter is not None
    by_code = {row.district_code: row for row in quarter.districts}
    assert by_code["520102"].reach_share_m3 == 13 * 900.0
    assert by_code["520102"].reach_gross_m3 == 13 * 1800.0
    assert quarter.city.reach_share_m3 == 13 * (9 * 900.0 + 640.0)
    assert quarter.city.reach_gross_m3 is None, "gross reaches overlap and do not add up"
    tight = by_code["520181"]
    assert tight.surplus_m3 is not None and tight.surplus_m3 < 0 < (tight.weeks_short or 0)
    assert tight.probability_short == 0.75


def test_decisions_are_those_of_the_plan_in_force_changes_first(overview: Overview) -> None:
    assert overview.plan is not None and overview.plan.plan_id == PLAN
    assert [each.en for each in overview.plan.brief] == ["First sentence.", "Second sentence."]
    assert len(overview.decisions) == 20
    assert [row.decision for row in overview.decisions][:7] == ["merge"] * 3 + ["close"] * 2 + ["expand", "open"]
    merged = overview.decisions[0]
    assert merged.merge_into_plant_name is not None and merged.merge_into_plant_name.startswith("示例搅拌站")
    assert {row.plant_name for row in overview.decisions if row.plant_id == "P01"} == {"示例搅拌站1"}


def test_every_row_read_is_accounted_for(overview: Overview) -> None:
    orders, plants = overview.feeds
    for feed in (orders, plants):
        assert feed.read == feed.loaded + feed.duplicate + feed.rejected
    assert (orders.files, orders.read, orders.rejected, orders.skipped) == (2, 1500, 35, 5)
    assert [(each.reason, each.rejected) for each in orders.reasons] == [("bad_grade", 23), ("missing_key", 12)]
    assert orders.reasons[0].example == Text("等级“C3O”不认识。", "Grade “C3O” is unknown.")
    assert plants.reasons == ()


def test_overview_is_json_ready(overview: Overview) -> None:
    document = json.loads(json.dumps(overview.to_dict(), allow_nan=False))
    assert set(document) == {"version", "feeds", "quarter", "plan", "decisions", "grade_classes"}
    assert document["quarter"]["districts"][0]["name"] == {"zh": "南明区", "en": "Nanming"}


def test_headlines_say_the_numbers_in_both_languages(overview: Overview) -> None:
    demand, shortage, plan, effect = headlines(overview, "zh")
    assert demand.figure == "7.3 万 m³" and "八成可能在 6.9–7.7 万 m³之间" in demand.sentence
    assert shortage.tone == "alert" and "清镇市" in shortage.sentence
    assert plan.sentence.startswith("现有 18 座中，合并 3 座，关停 2 座")
    assert (effect.comparisons[0].unit, effect.comparisons[0].amounts) == ("亿元", ("3.42", "3.10", "2.97"))
    assert effect.comparisons[0].changes[1] == "−13.2%" and effect.comparisons[1].unit == "万吨 CO₂e"
    assert "来自同样站点的重新调配" in effect.sentence
    demand, shortage, plan, effect = headlines(overview, "en")
    assert demand.figure == "73,000 m³" and shortage.figure == "1 district"
    assert effect.comparisons[0].unit == "CNY million" and effect.comparisons[0].amounts[::2] == ("342", "297")
    assert "0.49%" in effect.sentence and "reallocation among today's plants" in effect.sentence


@pytest.mark.parametrize(
    ("district_code", "grade_class", "reach_weeks"),
    [("all", "all", 52), ("520102", "all", 52), ("all", "c30_c35", 0), ("520102", "c30_c35", 0)],
)
def test_fan_series_equal_the_file(city: Home, district_code: str, grade_class: str, reach_weeks: int) -> None:
    fan = read_fan(city.published, district_code, grade_class)
    assert len(fan["forecast"]["mean"]) == 52 and len(fan["reach"]["m3"]) == reach_weeks
    assert len(fan["history"]["m3"]) == 104
    assert (fan["history"]["week_start"][-1], fan["forecast"]["week_start"][0]) == ("2025-12-22", "2025-12-29")
    assert fan["spring_festivals"] == ["2024-02-10", "2025-01-29", "2026-02-17"]
    with reader(city.published) as connection:
        found = connection.execute(
            "SELECT mean, q10 FROM forecast.demand_current"
            " WHERE district_code = ? AND grade_class = ? AND h = 5 AND scenario = 'base'",
            [district_code, grade_class],
        ).fetchall()
    assert found == [(fan["forecast"]["mean"][4], fan["forecast"]["q10"][4])]


def test_fan_refuses_what_no_forecast_knows(city: Home) -> None:
    with pytest.raises(TongmaiError, match="unknown_series"):
        read_fan(city.published, "999999", "all")


def test_a_young_version_without_plan_or_forecast_is_read(tmp_path: Path) -> None:
    place = Home.at(tmp_path)
    publish_city(place, "v1", with_plan=False)
    without_plan = read_overview(place)
    assert without_plan.plan is None and without_plan.quarter is not None
    assert without_plan.quarter.city.reach_share_m3 is None
    assert [card.name for card in headlines(without_plan, "en")] == ["demand", "shortage"]
    publish_city(place, "v2", with_plan=False, with_forecast=False)
    assert read_overview(place).quarter is None
    assert headlines(read_overview(place), "zh") == ()


def test_nothing_published_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TongmaiError, match="make demo"):
        read_overview(Home.at(tmp_path))


def test_live_windows_are_city_sums_newest_first(tmp_path: Path) -> None:
    place = Home.at(tmp_path)
    assert read_live(place) is None
    publish_live(place)
    live = read_live(place)
    assert live is not None and len(live.windows) == 8
    newest = live.windows[0]
    assert (newest.delivered_m3, newest.tickets, newest.is_final) == (78.0, 8, False)
    assert newest.window_start_at.isoformat() == "2025-12-28T10:15:00+08:00"


def test_labels_come_from_comments_where_they_fit(overview: Overview) -> None:
    by_name = dict(zip((field.name for field in DECISIONS), headings(DECISIONS, overview.comments, "zh"), strict=True))
    assert (by_name["plant_name"].label, by_name["plant_name"].hint) == ("站点名称", "站点名称：企业申报的名称")
    assert by_name["regret_cny"].label == "反选代价 元/年", "no comment: the page's own label"
    assert headings(DECISIONS, overview.comments, "en")[1].label == "Plant name"


def test_csv_keeps_every_digit_and_runs_no_formula(overview: Overview) -> None:
    assert overview.quarter is not None
    text = csv_text(BALANCE, overview.quarter.districts, overview.comments, "zh")
    assert text.startswith("\ufeff区县,")
    assert str(overview.quarter.districts[0].demand_m3) in text
    assert cells(FEEDS, overview.feeds[0], "en")[:3] == ["Orders for concrete", "2", "1,500"]
    crafted = csv_text(DECISIONS[1:2], [type("Row", (), {"plant_name": "=cmd()"})], {}, "en")
    assert "'=cmd()" in crafted


def test_every_feed_goes_by_its_contracts_name_in_both_languages(overview: Overview) -> None:
    batches = replace(overview.feeds[0], feed="batches")
    assert [cells(FEEDS, batches, lang)[0] for lang in ("zh", "en")] == ["生产记录（盘）", "Batches"]


def test_every_text_exists_in_both_languages() -> None:
    assert [name for name, text in TEXTS.items() if not (text.zh and text.en)] == []


def test_load_classes_split_at_their_bounds() -> None:
    assert [load_class(share) for share in (None, 0.0, 0.3, 0.5, 0.51, 1.0, 1.01)] == [None, 0, 0, 1, 2, 4, 5]


def test_schematic_map_is_what_its_script_draws() -> None:
    assert SCHEMATIC.read_text(encoding="utf-8") == render(CENTRES)
