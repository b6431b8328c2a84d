"""The page in headless Chromium: it draws quietly, asks no other machine, and shows the file's figures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FloatRect, Page, Route, sync_playwright
from published_city import publish_city, publish_live, served

from dashboard.formats import whole
from dashboard.overview import read_overview
from store.connections import reader
from store.home import Home

pytestmark = pytest.mark.browser

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def chromium() -> str:
    """Where Chromium is; without one the test skips, in CI it fails."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("TONGMAI_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found:
        return found
    reason = f"no browser: set TONGMAI_CHROMIUM or install one of {', '.join(names)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield started
        started.close()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Home:
    place = Home.at(tmp_path_factory.mktemp("city"))
    publish_city(place)
    publish_live(place)
    return place


@pytest.fixture(scope="module")
def address(city: Home) -> Iterator[str]:
    with served(city) as where:
        yield where


@contextmanager
def watched(browser: Browser, width: int = 1280) -> Iterator[Page]:
    """A page that fails the test on any console error and on any request that would leave the machine."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    wrong: list[str] = []

    def guard(route: Route) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", "localhost"):
            route.continue_()
        else:
            wrong.append(f"request to {route.request.url}")
            route.abort()

    context.route("**/*", guard)
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    try:
        yield page
        assert wrong == []
    finally:
        context.close()


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("html[data-ready=yes]")


@pytest.mark.parametrize(("lang", "html_lang", "title"), [("zh", "zh-CN", "供需平衡"), ("en", "en", "Balance")])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_draws_in_both_languages_at_both_widths(
    browser: Browser, address: str, lang: str, html_lang: str, title: str, width: int
) -> None:
    with watched(browser, width) as page:
        open_page(page, f"{address}/?lang={lang}")
        assert page.get_attribute("html", "lang") == html_lang
        assert title in page.inner_text("#balance-title")
        for chart in ("#map", "#fan"):
            assert page.locator(f"{chart} canvas").count() >= 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out sideways"


def test_figures_shown_equal_the_file(browser: Browser, address: str, city: Home) -> None:
    overview = read_overview(city)
    assert overview.quarter is not None and overview.plan is not None
    with reader(city.published) as connection:
        means = dict(
            connection.execute(
                "SELECT district_code, sum(mean) FROM forecast.demand_current"
                " WHERE level IN ('city', 'district') AND scenario = 'base' AND h <= 13 GROUP BY district_code"
            ).fetchall()
        )
        ledger = connection.execute(
            "SELECT sum(rows_read), sum(rows_loaded), sum(rows_duplicate), sum(rows_rejected) FROM ops.ingest_ledger"
            " WHERE feed = 'orders'"
        ).fetchone()
        decisions = dict(
            connection.execute(
                "SELECT decision, count(*) FROM plan.plant_decisions WHERE plan_id = 'plan-2' GROUP BY decision"
            ).fetchall()
        )
    assert ledger is not None
    with watched(browser) as page:
        open_page(page, f"{address}/?lang=en")
        for code, mean in means.items():
            shown = page.inner_text(f"#balance tr[data-district='{code}'] td >> nth=0")
            assert shown == whole(mean), code
        assert page.locator("#feeds tbody tr").first.locator("td").all_inner_texts()[1:5] == [whole(n) for n in ledger]
        for decision, count in decisions.items():
            page.click(f"#chips button[data-show='{decision}']")
            assert page.locator("#decisions tbody tr:visible").count() == count


def test_choosing_a_district_draws_its_curve(browser: Browser, address: str) -> None:
    with watched(browser) as page:
        open_page(page, f"{address}/")
        page.click("#balance tr[data-district='520111']")
        page.wait_for_selector("#fan[data-series='520111/all']")
        assert page.inner_text("#fan-sentence") == "花溪区 · 全部等级"
        page.select_option("select[name=grade_class]", "c30_c35")
        page.wait_for_selector("#fan[data-series='520111/c30_c35']")
        page.click("details summary")
        assert page.locator("#fan-table tbody tr").count() == 52
        page.click("#choices button[type=reset]")
        page.wait_for_selector("#fan[data-series='all/all']")
        for step in range(0, 400, 40):  # tooltips of map and curve are drawn without breaking the policy
            page.locator("#map").hover(position={"x": 60 + step, "y": 40 + step})
            page.locator("#fan").hover(position={"x": 60 + step, "y": 120})
        assert page.locator(".tip").count() >= 1


def test_clicking_the_map_chooses_a_district(browser: Browser, address: str) -> None:
    with watched(browser) as page:
        open_page(page, f"{address}/")
        box = page.locator("#map").bounding_box()
        assert box
        x, y = box["x"] + box["width"] * 0.85, box["y"] + box["height"] * 0.12  # Kaiyang, top right
        spot: FloatRect = {"x": x, "y": y, "width": 4, "height": 4}
        before = page.screenshot(clip=spot)
        page.mouse.click(x, y)
        page.wait_for_selector("#fan[data-series='520121/all']")
        assert page.locator("#balance tr.chosen th").inner_text() == "开阳县"
        page.mouse.move(0, 0)
        page.wait_for_timeout(200)
        assert page.screenshot(clip=spot) == before, "a chosen district keeps the colour that tells its load"


def test_an_open_page_tells_of_a_new_version(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = Home.at(tmp_path_factory.mktemp("renewed"))
    publish_city(place, "v1")
    with served(place) as where, watched(browser) as page:
        open_page(page, f"{where}/?lang=en")
        assert "Live is not running" in page.inner_text("#live")
        publish_city(place, "v2")
        publish_live(place)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # sooner than the page's own timer
        page.wait_for_selector("#live-table tbody tr")
        assert page.locator("#live-table tbody tr").first.locator("td").all_inner_texts()[:3] == ["98", "78", "8"]
        page.click(".renewed a")
        page.wait_for_selector("html[data-ready=yes]")
        assert "v2" in page.inner_text("footer")


def test_page_without_a_version_is_quiet_too(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(Home.at(tmp_path_factory.mktemp("young"))) as where:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{where}/?lang=en")
        assert "Nothing has been published yet" in page.inner_text("h1")
        page.click(".switch")
        assert "还没有已发布的版本" in page.inner_text("h1")
        context.close()
