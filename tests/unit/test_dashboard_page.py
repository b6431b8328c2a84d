"""The page as a browser gets it, without a browser: routes, headers, languages, new versions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from published_city import publish_city, publish_live, served

from dashboard.app import HERE
from store.home import Home


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Home:
    place = Home.at(tmp_path_factory.mktemp("city"))
    publish_city(place)
    publish_live(place)
    return place


@pytest.fixture(scope="module")
def client(city: Home) -> Iterator[httpx.Client]:
    with served(city) as address, httpx.Client(base_url=address, trust_env=False) as browser:
        yield browser


def test_page_speaks_chinese_unless_english_is_asked_for(client: httpx.Client) -> None:
    chinese, english = client.get("/").text, client.get("/?lang=en").text
    assert '<html lang="zh-CN">' in chinese and "供需平衡" in chinese and "合成数据" in chinese
    assert '<html lang="en">' in english and "The plan: what happens to each plant" in english
    assert "Synthetic data" in english and "利用率低" not in english
    assert chinese.count("<tr") == english.count("<tr")


def test_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(client: httpx.Client) -> None:
    response = client.get("/")
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy and "http" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    sources = re.findall(r'(?:src|href)="([^"]+)"', response.text)
    assert [source for source in sources if not source.startswith(("/", "#", "?"))] == []
    assert all(client.get(source).status_code == 200 for source in sources if source.startswith("/static/"))
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))", response.text) == []
    assert " style=" not in response.text and " onclick=" not in response.text


def test_page_hands_its_charts_valid_data(client: httpx.Client) -> None:
    found = re.search(r'<script type="application/json" id="boot">(.*?)</script>', client.get("/").text, re.DOTALL)
    assert found
    boot = json.loads(found[1])
    outline = client.get("/api/map").json()
    codes = {feature["properties"]["district_code"] for feature in outline["features"]}
    assert {district["code"] for district in boot["districts"]} == codes
    assert len(boot["plants"]) == 20


def test_interfaces_answer_json(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "version": "v1"}
    assert client.get("/api/overview").json()["plan"]["plants_closed"] == 2
    assert client.get("/api/fan?district_code=520102&grade_class=c30_c35").json()["district_code"] == "520102"
    assert client.get("/api/live?lang=en").json()["live"]["windows"][0]["state"] == "may still change"
    refused = client.get("/api/fan?district_code=nowhere")
    assert (refused.status_code, refused.json()["reason"]) == (404, "unknown_series")


def test_tables_can_be_downloaded(client: httpx.Client) -> None:
    for table, lines in {"balance": 12, "decisions": 21, "feeds": 3}.items():
        response = client.get(f"/download/{table}.csv?lang=en")
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert len(response.text.strip().splitlines()) == lines
    assert client.get("/download/secrets.csv").status_code == 404


def test_unknown_pages_and_other_methods_are_refused(client: httpx.Client) -> None:
    missing = client.get("/nowhere")
    assert missing.status_code == 404 and "没有这个页面" in missing.text
    assert "There is no such page" in client.get("/nowhere?lang=en").text
    assert client.get("/static/../app.py").status_code == 404
    assert client.post("/").status_code == 405
    assert client.get("/docs").status_code == 404


def test_many_readers_at_once_get_the_same_answer(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.get("/api/fan?district_code=520111").text, range(24)))
    assert len(set(answers)) == 1


def test_a_new_version_is_shown_without_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = Home.at(tmp_path_factory.mktemp("young"))
    with served(place) as address, httpx.Client(base_url=address, trust_env=False) as browser:
        empty = browser.get("/")
        assert empty.status_code == 503 and "make demo" in empty.text and "还没有已发布的版本" in empty.text
        assert "Nothing has been published yet" in browser.get("/?lang=en").text
        assert browser.get("/api/overview").json()["reason"] == "not_published"
        assert browser.get("/healthz").json() == {"status": "ok", "version": None}
        publish_city(place, "v1", with_plan=False, with_forecast=False)
        bare = browser.get("/?lang=en")
        assert bare.status_code == 200 and "This version holds no plan yet." in bare.text
        publish_city(place, "v2", with_plan=False)
        assert "No plan" not in browser.get("/").text and "下季度需求" in browser.get("/").text
        publish_city(place, "v3")
        assert browser.get("/healthz").json()["version"] == "v3"
        assert browser.get("/api/overview").json()["plan"]["plants_merged"] == 3


def test_nothing_of_the_page_names_another_server() -> None:
    for path in [*HERE.glob("static/*.*"), *HERE.glob("templates/*.html")]:
        named = set(re.findall(r"https?://[^\s\"'<>)]+", path.read_text(encoding="utf-8")))
        assert named <= {"http://www.w3.org/2000/svg"}, f"{path.name} names {named}"
