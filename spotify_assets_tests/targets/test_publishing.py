"""Pending refreshes of a target."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import pyarrow as pa
import pytest

from spotify_assets.lake import commits
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.targets import publishing
from spotify_assets.targets.publishing import (
    PublishedState,
    Refresh,
    Span,
    changed_spans,
    lake_digest,
    pending_refreshes,
    sort_by_references,
    spans_predicate,
    states_from_rows,
)
from spotify_assets.windows import TimeWindow
from spotify_assets_tests.conftest import utc

JANUARY, FEBRUARY, MARCH = "2024-01-01/2024-02-01", "2024-02-01/2024-03-01", "2024-03-01/2024-04-01"
APRIL = "2024-04-01/2024-05-01"


@pytest.mark.parametrize(
    ("before", "now", "spans"),
    [
        ({JANUARY: 1}, {JANUARY: 1}, "nothing"),
        ({}, {}, "nothing"),
        ({}, {JANUARY: 1}, "whole"),
        ({JANUARY: 1}, {JANUARY: 2}, "whole"),
        ({JANUARY: 1, FEBRUARY: 1}, {JANUARY: 2, FEBRUARY: 2}, "whole"),
        ({commits.WHOLE: 1}, {commits.WHOLE: 2}, "whole"),
        ({commits.WHOLE: 1}, {JANUARY: 2, FEBRUARY: 2}, "whole"),
        ({JANUARY: 1, FEBRUARY: 1, MARCH: 1}, {JANUARY: 1, FEBRUARY: 2, MARCH: 1}, "2024-02-01 to 2024-03-01"),
        ({JANUARY: 1}, {JANUARY: 1, FEBRUARY: 2}, "2024-02-01 to 2024-03-01"),
        # Whatever lies before the first window belongs to it: a play of a time before plays started.
        ({JANUARY: 1, FEBRUARY: 1}, {JANUARY: 2, FEBRUARY: 1}, "the start to 2024-02-01"),
        ({FEBRUARY: 1, MARCH: 1}, {JANUARY: 1, FEBRUARY: 1, MARCH: 1}, "the start to 2024-02-01"),
        ({JANUARY: 1, FEBRUARY: 1}, {FEBRUARY: 1}, "the start to 2024-02-01"),
        ({JANUARY: 1, FEBRUARY: 1, MARCH: 1}, {JANUARY: 2, FEBRUARY: 2, MARCH: 1}, "the start to 2024-03-01"),
        ({JANUARY: 1, FEBRUARY: 1, MARCH: 1}, {JANUARY: 1}, "2024-02-01 to 2024-04-01"),
        (
            {JANUARY: 1, FEBRUARY: 1, MARCH: 1, APRIL: 1},
            {JANUARY: 1, FEBRUARY: 2, MARCH: 1, APRIL: 2},
            "2024-02-01 to 2024-03-01, 2024-04-01 to 2024-05-01",
        ),
        # Weeks over a month of before: neighbours that overlap are one span, as long as the longer.
        (
            {"2023-01-01/2023-02-01": 1, JANUARY: 1},
            {"2023-01-01/2023-02-01": 1, "2024-01-08/2024-01-15": 2},
            "2024-01-01 to 2024-02-01",
        ),
    ],
)
def test_spans_of_what_changed(before, now, spans):
    found = changed_spans(
        {name: str(version) for name, version in before.items()}, {n: str(v) for n, v in now.items()}
    )
    assert ("whole" if found is None else ", ".join(map(str, found)) or "nothing") == spans


@pytest.mark.parametrize(
    ("table", "span", "sql"),
    [
        (
            "fct_plays",
            Span("2024-01-01", "2024-02-01"),
            "played_at >= TIMESTAMP '2024-01-01 00:00:00' AND played_at < TIMESTAMP '2024-02-01 00:00:00'",
        ),
        ("fct_plays", Span(None, "2024-02-01"), "played_at < TIMESTAMP '2024-02-01 00:00:00'"),
        (
            "playlist_tracks",
            Span("2024-01-01", "2024-01-02"),
            "snapshot_date >= DATE '2024-01-01' AND snapshot_date < DATE '2024-01-02'",
        ),
    ],
)
def test_a_span_as_sql(table, span, sql):
    assert span.predicate(table) == sql


def test_rows_of_any_of_the_spans():
    spans = [Span(None, "2024-01-02"), Span("2024-01-05", "2024-01-06")]
    assert spans_predicate("playlist_tracks", spans) == (
        "(snapshot_date < DATE '2024-01-02') OR "
        "(snapshot_date >= DATE '2024-01-05' AND snapshot_date < DATE '2024-01-06')"
    )


@pytest.mark.parametrize(
    ("span", "months"),
    [
        (Span("2024-02-01", "2024-03-01"), "feb"),
        (Span("2024-02-05", "2024-03-02"), "feb mar"),
        (Span("2024-02-28", "2024-02-29"), "feb"),
        (Span(None, "2024-03-01"), "jan feb"),
        (Span(None, "2024-01-01"), ""),
    ],
)
def test_months_that_a_span_meets(span, months):
    first_days = {"jan": date(2024, 1, 1), "feb": date(2024, 2, 1), "mar": date(2024, 3, 1)}
    assert [name for name, day in first_days.items() if span.overlaps(TABLES["plays"], day)] == months.split()


@pytest.mark.parametrize(
    ("span", "years"),
    [
        (Span("2024-02-01", "2024-03-01"), [2024]),
        (Span("2023-12-01", "2024-01-01"), [2023]),
        (Span("2023-12-25", "2024-01-01"), [2023]),
        (Span("2023-12-30", "2024-01-06"), [2023, 2024]),
        (Span(None, "2024-01-01"), [2023]),
    ],
)
def test_years_that_a_span_of_a_partial_aggregate_meets(span, years):
    partial = TABLES["monthly_content"]
    assert [year for year in (2023, 2024, 2025) if span.overlaps(partial, date(year, 1, 1))] == years


def test_states_from_rows():
    rows = [("plays", "s", JANUARY, "1"), ("dim_time", "t", commits.WHOLE, "2"), ("plays", "s", MARCH, "3")]
    assert states_from_rows(rows, {"plays": 5, "dim_time": None, "mine": 1}) == {
        "plays": PublishedState("s", {JANUARY: "1", MARCH: "3"}, rows=5),
        "dim_time": PublishedState("t", {commits.WHOLE: "2"}),
    }
    assert set(states_from_rows(rows, {"plays": 5})) == {"plays"}


def test_tables_come_after_those_that_they_refer_to():
    assert sort_by_references(["fct_plays", "dim_track", "dim_artist"]).index("fct_plays") == 2
    every = sort_by_references(TABLES)
    assert sorted(every) == sorted(TABLES)
    for table in every:
        others = set(TABLES[table].references) - {table}
        assert others <= set(every[: every.index(table)]), table


def test_layers_are_those_asked_for():
    assert {TABLES[table].layer for table in publishing.tables_of_layers("facts", "metrics")} == {"facts", "metrics"}
    of_layers = publishing.tables_of_layers("dimensions", "facts", "metrics")
    assert {*publishing.tables_for_analysis()} == {*of_layers, "catalog_tracks"}


DAYS = {
    "2024-01-01 00:00:00": JANUARY, "2024-01-31 23:59:59": JANUARY,
    "2024-02-01 00:00:00": FEBRUARY, "2024-02-15 00:00:00": FEBRUARY, "2024-02-29 12:00:00": FEBRUARY,
    "2024-03-01 00:00:00": MARCH,
}  # fmt: skip


@pytest.fixture
def lake(tmp_path):
    """A lake with plays of three months, a commit each, and a table without partitions."""
    lake = Lake(str(tmp_path / "it's a lake"))
    for month in (JANUARY, FEBRUARY, MARCH):
        write(lake, month)
    lake.ensure("dim_time")
    return lake


def write(lake, month):
    """Write the rows of a month of `plays`, which has nothing but times here."""
    schema = TABLES["plays"].arrow_schema
    blank = {f.name: blank_of(f.type) for f in schema if not f.nullable}
    times = [utc(time) for time, window in DAYS.items() if window == month]
    rows = [
        blank | {"play_id": str(time), "played_at": time, "month": date(time.year, time.month, 1)} for time in times
    ]
    start, _, end = month.partition("/")
    span = TimeWindow(utc(start), utc(end))
    lake.replace(
        "plays",
        lambda: iter(pa.Table.from_pylist(rows, schema).to_batches()),
        predicate=f"month = '{start}'",
        metadata=lambda delta: commits.commit_metadata(delta, "token", {month: "f"}, span),
    )


def blank_of(type_):
    if pa.types.is_timestamp(type_):
        return utc("2024-01-01 00:00:00")
    if pa.types.is_date(type_):
        return date(2024, 1, 1)
    return "x" if pa.types.is_string(type_) else False if pa.types.is_boolean(type_) else 0


@dataclass
class Shelf:
    """A target that holds what it is told."""

    holds: dict[str, PublishedState] = field(default_factory=dict)
    tables: Sequence[str] = ("dim_time", "plays")

    def schema_fingerprint(self, table):
        return f"shape of {table}"

    def published_states(self):
        return self.holds


def everything(lake):
    """What a target holds that lacks nothing."""
    return {
        table: PublishedState(f"shape of {table}", commits.window_versions(lake.ensure(table)))
        for table in ("dim_time", "plays")
    }


def lacking(target, lake, *arguments, **options):
    return {str(refresh) for refresh in pending_refreshes(target, lake, *arguments, **options)}


def test_a_table_with_other_rows_is_replaced(tmp_path):
    lake = Lake(str(tmp_path))
    target = Shelf(everything(lake) | {"plays": replace(everything(lake)["plays"], rows=1)})
    assert lacking(target, lake) == {"plays"}
    assert lacking(target, lake, compare_rows=False) == set()
    target.holds["plays"] = replace(target.holds["plays"], rows=0)
    assert lacking(target, lake) == set()


def test_every_table_of_an_empty_target_is_pending(lake):
    assert lacking(Shelf(), lake) == {"dim_time", "plays"}
    assert lacking(Shelf(), lake, ["plays"]) == {"plays"}
    assert lacking(Shelf(), lake, ["fct_plays"]) == set()


def test_a_current_target_has_no_pending_refresh(lake):
    assert lacking(Shelf(everything(lake)), lake) == set()
    assert lacking(Shelf(everything(lake)), lake, full=True) == {"dim_time", "plays"}


def test_changed_windows_are_pending(lake):
    shelf = Shelf(everything(lake))
    write(lake, FEBRUARY)
    assert lacking(shelf, lake) == {"plays (2024-02-01 to 2024-03-01)"}
    write(lake, JANUARY)
    assert lacking(shelf, lake) == {"plays (the start to 2024-03-01)"}


def test_a_table_of_another_schema_is_recreated(lake):
    held = everything(lake)
    assert lacking(Shelf(held | {"plays": PublishedState("of before", held["plays"].windows)}), lake) == {"plays"}


def test_a_target_that_reads_lake_files_is_refreshed_for_schemas_only(lake):
    held = everything(lake)
    of_before = {
        table: PublishedState(one.schema_fingerprint, {JANUARY: "of before"}, True) for table, one in held.items()
    }
    assert lacking(Shelf(of_before), lake) == set()
    assert lacking(Shelf(of_before | {"plays": PublishedState("another", {}, True)}), lake) == {"plays"}


def refresh(lake, *spans):
    delta = lake.ensure("plays")
    return Refresh("plays", delta.version(), PublishedState("s", {}), spans or None)


@pytest.mark.parametrize(
    ("spans", "times"),
    [
        ([], list(DAYS)),
        ([Span("2024-02-15", "2024-03-01")], ["2024-02-15 00:00:00", "2024-02-29 12:00:00"]),
        ([Span("2024-02-01", "2024-02-15")], ["2024-02-01 00:00:00"]),
        ([Span(None, "2024-02-01")], ["2024-01-01 00:00:00", "2024-01-31 23:59:59"]),
        ([Span("2024-02-29", "2024-03-01")], ["2024-02-29 12:00:00"]),
        ([Span(None, "2024-01-02"), Span("2024-03-01", "2024-03-02")], ["2024-01-01 00:00:00", "2024-03-01 00:00:00"]),
    ],
)
def test_rows_of_a_refresh(lake, spans, times):
    one = refresh(lake, *spans)
    assert sorted(one.rows(lake).to_table()["played_at"].to_pylist()) == list(map(utc, times))
    assert one.rows(lake, all_rows=True).to_table().num_rows == len(DAYS)
    assert one.replaces_table == (not spans)


def test_files_of_a_refresh_are_of_the_months_that_it_meets(lake):
    files, rows = refresh(lake, Span("2024-02-15", "2024-03-01")).live_files(lake)
    assert [path.rpartition("/")[0] for path in files] == ["cleaned/plays/month=2024-02-01"]
    assert rows == 3
    assert refresh(lake).live_files(lake)[1] == len(DAYS)


def test_rows_are_those_of_the_version_whatever_is_written_meanwhile(lake):
    one = refresh(lake)
    lake.replace("plays", lambda: iter(()))
    assert one.rows(lake).to_table().num_rows == len(DAYS)
    assert one.live_files(lake)[1] == len(DAYS)


def test_the_digest_changes_with_every_row_written_and_with_nothing_else(lake):
    before = lake_digest(lake)
    lake.ensure("dim_track")
    lake.ensure("plays").optimize.compact()
    assert lake_digest(lake) == before
    write(lake, MARCH)
    assert lake_digest(lake) != before


def test_the_tag_of_publishing_runs_is_stable():
    assert publishing.LAKE_TAG == "spotify_assets/lake"
