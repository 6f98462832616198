"""Snowflake through its real connector, against a stand-in server (fakesnow)."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from spotify_assets.model import TABLES
from spotify_assets.settings import SettingsError, load_settings
from spotify_assets.targets import publishing, snowflake_session, snowflake_sql
from spotify_assets.targets.publishing import Span, TargetError
from spotify_assets.targets.registry import targets
from spotify_assets.targets.snowflake import Snowflake
from spotify_assets.targets.snowflake_sql import column_name
from spotify_assets_tests.conftest import some_metrics
from spotify_assets_tests.targets.published import (
    FILES,
    LISTS,
    answers_of_the_lake,
    catalog_tracks,
    comparable,
    count,
    publish,
    spans,
    two_snapshots,
)

pytestmark = [pytest.mark.integration, some_metrics]

SERVED = publishing.tables_for_analysis()
OF_CATALOGUE = (
    "eras_i_listen_to", "genres_i_listen_to", "popularity_by_label", "top_genres_by_followers",
    "tracks_by_release_year",
)  # fmt: skip
STAR = ("dim_listener", "fct_plays")


@pytest.fixture
def history(prepared, options):
    world = prepared(FILES, two_snapshots)
    world.overrides |= options
    return world


@pytest.fixture
def snowflake(history):
    return targets(history.settings)["snowflake"]


@pytest.fixture
def star(history, snowflake, monkeypatch):
    """Some of the tables, published, and no views: fakesnow takes its time for each statement."""
    monkeypatch.setattr("spotify_assets.targets.snowflake.questions", dict)
    publish(history, snowflake, STAR)
    return snowflake


def query(target, sql):
    with target._sessions.session() as connection:
        return snowflake_session.fetch_rows(connection, sql)


def execute(target, sql):
    with target._sessions.session() as connection:
        snowflake_session.execute(connection, sql)
        connection.commit()


def there(target, table):
    """Rows of a table, in the lake's types."""
    types = TABLES[table].spark_types
    # As text: fakesnow answers 1970 for a time that is null.
    columns = [f"{name}::VARCHAR" if type_ == "timestamp" else name for name, type_ in types.items()]
    return [
        {
            name: datetime.fromisoformat(value).replace(tzinfo=UTC)
            if value is not None and types[name] == "timestamp"
            else json.loads(value)
            if value is not None and types[name] == "array<string>"
            else value
            for name, value in zip(types, row, strict=True)
        }
        for row in query(target, f"SELECT {', '.join(map(column_name, columns))} FROM {table}")
    ]


def in_order(rows):
    return sorted(str({name: str(value) for name, value in row.items()}) for row in rows)


def assert_equals_the_lake(target, world, table):
    assert in_order(there(target, table)) == in_order(world.lake.read(table).to_pylist()), table
    assert count(target, table).rows == world.lake.count(table)


def test_every_row_of_every_table(history, snowflake):
    catalog_tracks(history, *LISTS)
    known = {"release_year": 1999, "genre_family": "pop"}
    tracks = pa.Table.from_pylist([row | known for row in history.rows("dim_track")], TABLES["dim_track"].arrow_schema)
    history.lake.replace("dim_track", lambda: iter(tracks.to_batches()))
    done = publish(history, snowflake)
    assert set(done) == set(SERVED) == set(snowflake.tables)
    assert {table: one.rows for table, one in done.items()} == {table: history.lake.count(table) for table in SERVED}
    assert history.lake.count("fct_plays") == 20
    assert history.lake.count("fct_playlist_tracks") == 4
    assert history.lake.count("catalog_tracks") == len(LISTS)
    for table in SERVED:
        assert_equals_the_lake(snowflake, history, table)
    assert publishing.pending_refreshes(snowflake, history.lake) == []
    with snowflake._sessions.session() as connection:
        assert {*snowflake._row_counts(connection)} >= {*SERVED}
        assert [table for table in snowflake._row_counts(connection) if table.startswith("_anew_")] == []
    # Every question has its view, and the lake's answer.
    answers = answers_of_the_lake(history)
    assert all(answers[question] for question in OF_CATALOGUE)
    for question, expected in answers.items():
        assert comparable(query(snowflake, f"SELECT * FROM {question}")) == comparable(expected), question
    assert query(snowflake, "SELECT plays FROM total_plays ORDER BY plays DESC")[0] == (19,)


def test_a_view_is_created_once_and_again_where_it_is_gone(world, options, server, monkeypatch):
    world.overrides |= options
    snowflake = targets(world.settings)["snowflake"]
    for module in ("snowflake", "snowflake_sql", "questions"):
        monkeypatch.setattr(f"spotify_assets.targets.{module}.questions", lambda: {"one": "-- One?\nSELECT 1 AS one"})

    def created():
        server.statements.clear()
        assert list(snowflake.publish(world.lake, [])) == []
        return [statement.split()[-3:] for statement in server.statements if "VIEW one" in statement]

    assert created() == [["1", "AS", "one"]]
    # Snowflake lists views among the tables, unlike fakesnow.
    tables = type(snowflake)._row_counts
    with monkeypatch.context() as listed:
        listed.setattr(type(snowflake), "_row_counts", lambda *arguments: tables(*arguments) | {"one": None})
        assert created() == []
    assert len(created()) == 1


def test_the_same_twice_changes_nothing(history, star, server):
    before = {table: in_order(there(star, table)) for table in STAR}
    assert publish(history, star, STAR) == {}
    server.statements.clear()
    done = publish(history, star, STAR, full=True)
    assert {table: one.rows for table, one in done.items()} == {table: len(rows) for table, rows in before.items()}
    assert {table: in_order(there(star, table)) for table in STAR} == before
    # Rows are replaced in a transaction: a statement that defines anything would end it.
    begun = server.statements.index("DELETE FROM fct_plays")
    assert [statement.split()[0] for statement in server.statements[begun : begun + 5]] == [
        "DELETE", "INSERT", "DELETE", "INSERT", "COMMIT"
    ]  # fmt: skip


def test_a_month_that_changed_is_replaced_and_no_other(history, star, server):
    execute(star, "UPDATE fct_plays SET ms_played = -1")
    execute(star, "UPDATE published_windows SET version = 'old' WHERE window_name = '2024-02-01/2024-03-01'")
    server.statements.clear()
    done = publish(history, star, STAR)
    assert list(done) == ["fct_plays"]
    assert (spans(done["fct_plays"]), done["fct_plays"].rows) == ("2024-02-01 to 2024-03-01", 2)
    [copy] = [statement for statement in server.statements if "COPY INTO _staged_fct_plays" in statement]
    assert "month=2024-02-01" in copy
    assert "month=2024-01-01" not in copy
    assert {(str(row["month"]), row["ms_played"] == -1) for row in there(star, "fct_plays")} == {
        ("2024-01-01", True), ("2024-02-01", False), ("2024-03-01", True)
    }  # fmt: skip
    assert publishing.pending_refreshes(star, history.lake, STAR) == []


def test_a_month_that_lost_its_plays_is_emptied(history, star):
    april = "played_at = DATEADD(MONTH, 1, played_at), month = DATE '2024-04-01'"
    execute(star, f"UPDATE fct_plays SET {april} WHERE month = DATE '2024-03-01'")
    execute(
        star, "UPDATE published_windows SET window_name = '2024-04-01/2024-05-01' WHERE window_name LIKE '2024-03%'"
    )
    assert spans(publish(history, star, STAR)["fct_plays"]) == "2024-03-01 to 2024-05-01"
    assert_equals_the_lake(star, history, "fct_plays")


def test_of_a_month_only_the_days_that_are_asked_for_come_along(history, star):
    execute(star, "UPDATE fct_plays SET ms_played = -1")
    [whole] = publishing.pending_refreshes(star, history.lake, ["fct_plays"], full=True)
    days = replace(whole, spans=(Span("2024-01-02", "2024-01-04"), Span("2024-02-01", "2024-02-02")))
    [done] = star.publish(history.lake, [days])
    assert (done.rows, count(star, "fct_plays").rows) == (3, 20)
    kept = {str(row["played_at"].date()) for row in there(star, "fct_plays") if row["ms_played"] >= 0}
    assert kept == {"2024-01-02", "2024-01-03", "2024-02-01"}


def test_a_load_that_fails_half_way_changes_nothing(history, star):
    execute(star, "UPDATE fct_plays SET ms_played = -1")
    before, held = in_order(there(star, "fct_plays")), star.published_states()
    refreshes = publishing.pending_refreshes(star, history.lake, ["fct_plays"], full=True)
    path = history.root / "lake" / refreshes[0].live_files(history.lake)[0][-1]
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(TargetError, match="a file of the lake is gone"):
        list(star.publish(history.lake, refreshes))
    assert in_order(there(star, "fct_plays")) == before
    assert star.published_states() == held
    path.write_bytes(content)
    list(star.publish(history.lake, refreshes))
    assert_equals_the_lake(star, history, "fct_plays")


def test_a_failed_insert_changes_nothing(history, star, server):
    before, held = in_order(there(star, "fct_plays")), star.published_states()
    server.refused = "INSERT INTO fct_plays"
    with pytest.raises(TargetError, match="the role lacks a privilege") as error:
        publish(history, star, ["fct_plays"], full=True)
    assert "\n" not in str(error.value)
    assert in_order(there(star, "fct_plays")) == before
    assert star.published_states() == held


def test_a_file_that_is_too_short_is_found(history, star, monkeypatch):
    monkeypatch.setattr(snowflake_sql, "copy_statements", lambda files, name: iter(()))
    with pytest.raises(TargetError, match=r"0 of 20 rows of the lake's files were loaded"):
        publish(history, star, ["fct_plays"], full=True)
    assert_equals_the_lake(star, history, "fct_plays")


def test_a_dropped_table_is_filled_again(history, star, server):
    execute(star, "DROP TABLE dim_listener")
    assert [refresh.table for refresh in publishing.pending_refreshes(star, history.lake, STAR)] == ["dim_listener"]
    server.statements.clear()
    publish(history, star, STAR)
    assert_equals_the_lake(star, history, "dim_listener")
    # With it went the key that pointed to it.
    keys = [statement for statement in server.statements if "ADD FOREIGN KEY" in statement]
    assert keys == ["ALTER TABLE fct_plays ADD FOREIGN KEY (listener_key) REFERENCES dim_listener (listener_key)"]


def test_an_emptied_table_is_filled_again(history, star):
    execute(star, "CREATE OR REPLACE TABLE fct_plays AS SELECT * FROM fct_plays WHERE 1 = 0")
    assert [refresh.table for refresh in publishing.pending_refreshes(star, history.lake, STAR)] == ["fct_plays"]
    publish(history, star, STAR)
    assert_equals_the_lake(star, history, "fct_plays")


def test_a_table_of_another_schema_is_replaced(history, star):
    execute(star, "ALTER TABLE dim_listener DROP COLUMN listener")
    execute(star, "UPDATE published_windows SET shape = 'old' WHERE table_name = 'dim_listener'")
    assert list(publish(history, star, STAR)) == ["dim_listener"]
    assert_equals_the_lake(star, history, "dim_listener")
    tables = {name for (name,) in query(star, "SELECT table_name FROM INFORMATION_SCHEMA.TABLES")}
    assert not {name for name in tables if name.startswith("_ANEW_")}


def test_history_is_dropped_where_there_is_any(history, star, server):
    server.statements.clear()
    star.drop_history(history.lake)
    assert [statement for statement in server.statements if statement.startswith("ALTER")] == [
        f"ALTER TABLE {table} SET DATA_RETENTION_TIME_IN_DAYS = 0" for table in STAR
    ]


def test_what_a_killed_run_left_is_dropped_with_the_history(history, star):
    execute(star, "CREATE TRANSIENT TABLE _anew_dim_listener AS SELECT * FROM dim_listener")
    star.drop_history(history.lake)
    tables = {name for (name,) in query(star, "SELECT table_name FROM INFORMATION_SCHEMA.TABLES")}
    assert "DIM_LISTENER" in tables
    assert not {name for name in tables if name.startswith("_ANEW_")}


def test_empty_tables(world, options, monkeypatch):
    monkeypatch.setattr("spotify_assets.targets.snowflake.questions", dict)
    world.overrides |= options
    snowflake = targets(world.settings)["snowflake"]
    publish(world, snowflake, STAR)
    assert [count(snowflake, table).rows for table in STAR] == [0, 0]
    assert publishing.pending_refreshes(snowflake, world.lake, STAR) == []


def test_a_role_that_may_not_create_the_schema(history, snowflake, server):
    server.refused = "CREATE SCHEMA"
    with pytest.raises(TargetError, match=r"the role lacks a privilege; docs/snowflake.md"):
        publish(history, snowflake, STAR)


def test_unset_means_absent():
    assert "snowflake" not in targets(load_settings(snowflake_user="x", snowflake_password="y"))


@pytest.mark.parametrize(
    ("unset", "expected"),
    [
        ("snowflake_user", "set SPOTIFY_ASSETS_SNOWFLAKE_USER, too"),
        ("snowflake_private_key", "set SPOTIFY_ASSETS_SNOWFLAKE_PRIVATE_KEY, too"),
        ("snowflake_warehouse", "set SPOTIFY_ASSETS_SNOWFLAKE_WAREHOUSE, too"),
        ("snowflake_database", "set SPOTIFY_ASSETS_SNOWFLAKE_DATABASE, too"),
        ("snowflake_storage_integration", "set SPOTIFY_ASSETS_SNOWFLAKE_STORAGE_INTEGRATION, too"),
        ("lake_uri", "set SPOTIFY_ASSETS_LAKE_URI to s3://bucket/prefix"),
    ],
)
def test_half_configured_fails_at_load(unset, expected):
    complete = {
        "lake_uri": "s3://music/lake",
        "snowflake_account": "acme-music",
        "snowflake_user": "loader",
        "snowflake_private_key": "-----BEGIN PRIVATE KEY-----",
        "snowflake_warehouse": "loading",
        "snowflake_database": "music",
        "snowflake_storage_integration": "lake",
    }
    assert isinstance(targets(load_settings(**complete))["snowflake"], Snowflake)
    with pytest.raises(SettingsError) as error:
        load_settings(**{name: value for name, value in complete.items() if name != unset})
    assert expected in str(error.value)
    assert str(error.value).startswith("SPOTIFY_ASSETS_SNOWFLAKE_ACCOUNT: ")


def test_a_name_that_needs_quotes_is_refused():
    with pytest.raises(SettingsError, match="SPOTIFY_ASSETS_SNOWFLAKE_SCHEMA: 'my schema': expected letters"):
        load_settings(snowflake_schema="my schema")
