"""Recaps of the small warehouses."""

from dataclasses import replace
from datetime import date
from functools import partial

import duckdb
import pytest

from spotify_assets.dashboard.filters import RANGE, Filters
from spotify_assets.dashboard.recap.content import read_recap, year_filters
from spotify_assets.dashboard.warehouse import listeners_in
from spotify_assets_tests.dashboard import warehouses


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory):
    """A connection to the full warehouse."""
    path = warehouses.write_warehouse(tmp_path_factory.mktemp("recap") / "w.duckdb", warehouses.FULL)
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def filters(warehouse):
    """Anna's, of all time."""
    return Filters.parse({}, listeners_in(warehouse), "anna")


@pytest.fixture(scope="session")
def of_year(warehouse, filters):
    """Recaps of years."""
    return lambda year: read_recap(lambda query: query.run(warehouse), year_filters(filters, year))


@pytest.fixture(scope="session")
def of_days(warehouse, filters):
    """Recaps of days, from and to, with other filters."""

    def read(start, end, **more):
        days = partial(replace, filters, period=RANGE, start=date.fromisoformat(start), end=date.fromisoformat(end))
        return read_recap(lambda query: query.run(warehouse), days(**more))

    return read
