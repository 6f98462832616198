"""Filters are the query string: what it says, and how links carry it on."""

from dataclasses import replace
from datetime import date
from functools import partial

import duckdb
import pytest

from spotify_assets.dashboard import filters, sources
from spotify_assets.dashboard.filters import Filters, Listener
from spotify_assets.dashboard.queries import Query
from spotify_assets.dashboard.warehouse import listeners_in
from spotify_assets_tests.dashboard.warehouses import ACCOUNT_DATA, FULL, ONE, write_warehouse

ANNA = Listener("anna", "UTC", date(2020, 3, 1), date(2024, 2, 29))
BEN = Listener("ben", "UTC", date(2023, 1, 1), date(2023, 12, 31))
LISTENERS = {"anna": ANNA, "ben": BEN}


def parsed(**asked: str) -> Filters:
    return Filters.parse(asked, LISTENERS, "anna")


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("all", "2020-03-01", "2024-02-29"),
        ("year", "2024-01-01", "2024-02-29"),
        ("last-year", "2023-01-01", "2023-12-31"),
        ("12m", "2023-03-01", "2024-02-29"),
        ("90d", "2023-12-02", "2024-02-29"),
        ("nonsense", "2020-03-01", "2024-02-29"),
    ],
)
def test_periods_end_with_the_last_day_with_a_play(period, start, end):
    found = parsed(period=period)
    assert (str(found.start), str(found.end)) == (start, end)


def test_any_range_may_be_asked():
    found = parsed(**{"from": "2021-05-01", "to": "2021-04-01", "period": "year"})
    assert (found.period, found.start, found.end) == ("range", date(2021, 4, 1), date(2021, 5, 1))
    assert parsed(**{"from": "2021-05-01"}).end == ANNA.last
    assert parsed(**{"from": "2021-13-01", "to": "x"}).period == "all"


@pytest.mark.parametrize("minimum", ["-1", "x", "1e3", "²", "1.5"])
def test_what_is_no_number_of_seconds_counts_as_none(minimum):
    assert parsed(min=minimum).minimum == 0


def test_an_unknown_listener_is_the_preferred_one():
    assert parsed(listener="nobody").listener == ANNA
    assert Filters.parse({}, LISTENERS, "nobody").listener == ANNA
    assert parsed(listener="ben").listener == BEN


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"listener": "ben"},
        {"period": "12m", "min": "30", "content": "music", "incognito": "no", "covers": "on"},
        {"from": "2021-04-01", "to": "2021-05-01"},
    ],
)
def test_a_link_reproduces_the_filters(asked):
    address = parsed(**asked).address("/time")
    again = dict(pair.split("=") for pair in address.partition("?")[2].split("&") if pair)
    assert again == asked
    assert parsed(**again) == parsed(**asked)


def test_a_link_may_change_the_period():
    found = parsed(**{"from": "2021-04-01", "to": "2021-05-01", "min": "30"})
    assert found.address("/", period="year") == "/?min=30&period=year"
    assert found.address("/", period=None) == "/?min=30"


@pytest.mark.parametrize(
    ("start", "end", "before"),
    [
        ("2024-01-01", "2024-12-31", ("2023-01-01", "2023-12-31")),
        ("2024-02-01", "2024-03-31", ("2023-12-01", "2024-01-31")),
        ("2024-03-01", "2024-03-10", ("2024-02-20", "2024-02-29")),
    ],
)
def test_the_period_before_has_as_many_months_or_days(start, end, before):
    assert tuple(map(str, parsed(**{"from": start, "to": end}).previous)) == before


def test_the_year_before_of_a_leap_day_is_the_28th():
    assert filters.year_before(date(2024, 2, 29)) == date(2023, 2, 28)


def test_links_of_a_page_keep_the_filters(full):
    html = full.text("/?listener=ben&min=10")
    assert 'href="/time?listener=ben&amp;min=10"' in html
    assert 'href="/artist/21?listener=ben&amp;min=10"' in html


@pytest.mark.parametrize("content", ["all", "music"])
@pytest.mark.parametrize("plays", [FULL, ONE, ACCOUNT_DATA], ids=["full", "one", "account data"])
def test_tables_of_all_time_give_the_same_numbers_as_sums_of_days(tmp_path, plays, content):
    path = write_warehouse(tmp_path / "w.duckdb", plays)
    with duckdb.connect(str(path)) as connection:
        anna = listeners_in(connection)["anna"]
        whole = Filters.parse({"content": content}, {"anna": anna}, "anna")
        assert whole.is_all_time
        # As if there were days before these.
        by_day = replace(whole, listener=replace(anna, first=date(2000, 1, 1)))
        assert not by_day.is_all_time
        for sql in (sources.totals_sql, *(partial(_top, entity) for entity in sources.KEYS)):
            assert ("daily_track_plays" in sql(whole), "daily_track_plays" in sql(by_day)) == (False, True)
            rows = [Query(sql(one), one.parameters).run(connection) for one in (whole, by_day)]
            assert rows[0] == rows[1]
            assert rows[0]


def _top(entity: str, of: Filters) -> str:
    return sources.top_sql(of, entity, 5)


@pytest.mark.parametrize("asked", [{"min": "10"}, {"incognito": "no"}, {"content": "spoken"}, {"period": "90d"}])
def test_tables_of_all_time_are_of_all_plays_and_days(asked):
    for sql in (sources.totals_sql, partial(_top, "artist")):
        assert "artist_metrics" not in sql(parsed(**asked))
        assert "artist_metrics" in sql(parsed())


def test_sums_and_single_plays_give_the_same_numbers(tmp_path):
    """Ben has no private session, so that leaving these out changes nothing but where the numbers are from."""
    path = write_warehouse(tmp_path / "w.duckdb", FULL)
    ben = Listener("ben", "Europe/Stockholm", date(2024, 2, 2), date(2024, 2, 2))
    plain = Filters.parse({}, {"ben": ben}, "ben")
    single = Filters.parse({"incognito": "no"}, {"ben": ben}, "ben")
    assert "hourly_listening" in sources.heard_hours(plain)
    assert "daily_track_plays" in sources.heard_tracks(plain)
    assert "fct_plays" in sources.heard_hours(single)
    assert "fct_plays" in sources.heard_tracks(single)
    with duckdb.connect(str(path)) as connection:
        for sql in (sources.totals_sql, sources.hours_sql, lambda filters: sources.top_sql(filters, "artist", 5)):
            rows = [Query(sql(one), {**one.parameters, "step": "month"}).run(connection) for one in (plain, single)]
            assert rows[0] == rows[1]
            assert rows[0]
