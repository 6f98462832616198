"""Queries of checks, by DuckDB and by the engine: they give the same."""

from datetime import UTC, datetime

import duckdb
import pytest
from pydantic import SecretStr

from spotify_assets.defs.checks.queries import DuckDBQueries, EngineQueries, run_queries
from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.settings import Settings
from spotify_assets.windows import TimeWindow

pytestmark = pytest.mark.integration

PLAYS = [
    {"play_id": play_id, "played_at": at, "month": at.date().replace(day=1)}
    for play_id, at in {
        "a": datetime(2023, 12, 31, 23, tzinfo=UTC),
        "b": datetime(2024, 1, 1, tzinfo=UTC),
        "c": datetime(2024, 1, 31, 23, tzinfo=UTC),
        "d": datetime(2024, 2, 1, tzinfo=UTC),
    }.items()
]
JANUARY = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))


@pytest.mark.parametrize(("window", "found"), [
    (TimeWindow(*JANUARY, is_first=False), "bc"),
    (TimeWindow(*JANUARY, is_first=True), "abc"),
    (TimeWindow(datetime(2024, 1, 31, tzinfo=UTC), JANUARY[1], is_first=False), "c"),
    (None, "abcd"),
])  # fmt: skip
def test_the_rows_of_a_window(queries_of, window, found):
    queries = queries_of({"plays": PLAYS}, {"plays": window})
    rows = queries.ask(f"SELECT play_id FROM {queries.rows('plays')} ORDER BY play_id")
    assert [play_id for (play_id,) in rows] == [*found]


def test_a_table_that_does_not_exist_yet_has_no_rows(queries_of):
    queries = queries_of({})
    [(count,)] = queries.ask(f"SELECT count(*) FROM {queries.rows('dim_artist')}")
    assert count == 0


def test_names_and_hashes(queries_of):
    queries = queries_of({"plays": PLAYS})
    name = f"{queries.quote}play_id{queries.quote}"
    [(count,)] = queries.ask(f"SELECT count(DISTINCT {queries.hash64}({name}, month)) FROM {queries.rows('plays')}")
    assert count == 4


@pytest.mark.parametrize("queries_of", ["by DuckDB"], indirect=True)  # of an engine, the error is its own
def test_a_damaged_table_is_named(tmp_path, queries_of):
    queries = queries_of({"plays": PLAYS})
    for file in sorted(tmp_path.glob("lake/cleaned/plays/*/*.parquet"))[1:]:
        file.unlink()
    with pytest.raises(DamagedTableError, match="plays"):
        queries.ask(f"SELECT count(played_at) FROM {queries.rows('plays')}")


def test_an_error_of_the_query_is_raised(tmp_path):
    with pytest.raises(duckdb.BinderException):
        DuckDBQueries(Lake(str(tmp_path)), {"plays": None}).ask("SELECT mood FROM plays")


@pytest.mark.parametrize(("remote", "kind"), [("", DuckDBQueries), ("sc://localhost:1", EngineQueries)])
def test_the_engine_is_asked_where_it_is_elsewhere(tmp_path, remote, kind):
    """As its tables may be far larger than this process should read."""
    settings = Settings(lake_uri=str(tmp_path), spark_remote=SecretStr(remote))
    manager = DeltaLakeIOManager(spark=SparkResource(), settings=settings)
    assert isinstance(run_queries([], None, manager), kind)
