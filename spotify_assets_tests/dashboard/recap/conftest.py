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


LONG = (
    "The extraordinarily long name of an orchestra from the other end of the world",
    "\u691c\u7d22\u3057\u3066\u3082\u898b\u3064\u304b\u3089\u306a\u3044\u540d\u524d" * 3,
    "\u0641\u064a\u0631\u0648\u0632 \u0648\u0641\u0631\u0642\u0629 " * 6,
    "\U0001f3a7\U0001f525\U0001f469\u200d\U0001f3a4" * 20,
    '<script>alert(1)</script> & "quotes" ' * 4,
)


@pytest.fixture(scope="session")
def long_names(of_year):
    """A year whose names are long, and of other scripts."""
    recap = of_year(2024)
    # Titles have the first name: in Latin, Japanese, Arabic letters.
    firsts = {"track": 0, "artist": 1, "album": 2}
    names = {f"ours_{entity}s": [*LONG[first:], *LONG[:first]] for entity, first in firsts.items()}
    more = {f"ours_{entity}s_by": [*LONG] for entity in ("track", "album")}
    figures = {
        f"ours_{entity}s_{name}": [value] * 5
        for entity in ("artist", "track", "album")
        for name, value in {"plays": "12345", "ms_played": "3600000000"}.items()
    }
    listener = replace(recap.filters.listener, name=LONG[0])
    row = (
        recap.row
        | names
        | more
        | figures
        | {"sprint": ["1" + "," * 11] * 5, "obsessive_week_track": LONG[2], "ms_played": 40_000_000_000}
    )
    return replace(recap, row=row, filters=replace(recap.filters, listener=listener))
