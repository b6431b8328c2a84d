"""The built warehouses and the virtual city, which several modules of tests read and none changes."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from virtual_city import City, build_city
from warehouse_built import Versions, Warehouses, build_thrice
from warehouse_city import city

from store.home import Home


@pytest.fixture(scope="session")
def versions() -> dict[str, Versions]:
    return city()


@pytest.fixture(scope="session")
def warehouses(versions: dict[str, Versions], tmp_path_factory: pytest.TempPathFactory) -> Warehouses:
    return build_thrice(tmp_path_factory.mktemp("warehouse"), versions)


@pytest.fixture
def marts(warehouses: Warehouses) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(warehouses.whole), read_only=True) as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        yield connection


@pytest.fixture(scope="session", name="city")
def virtual_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    city = build_city(Home.at(tmp_path_factory.mktemp("virtual_city")))
    yield city
    city.warehouse.close()
