"""Snowflake: what it holds, through the real connector; the server is a stand-in (fakesnow)."""

import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from spotify_assets.model import TABLES
from spotify_assets.settings import SettingsError, load_settings
from spotify_assets.targets import publishing, snowflake_session, snowflake_sql
from spotify_assets.targets.publishing import Span, TargetError
from spotify_assets.targets.registry import targets
from spotify_assets.targets.snowflake import Snowflake
from spotify_assets_tests.snowflake_server import PASSWORD, USER, WAREHOUSE, running
from spotify_assets_tests.targets.published import (
    FILES,
    answers_of_the_lake,
    comparable,
    count,
    publish,
    spans,
    two_snapshots,
)

SERVED = publishing.of_layers("dimensions", "facts", "metrics")
STAR = ("dim_listener", "fct_plays")


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def _server(key):
    with running() as server:
        server.public_key = key.public_key()
        yield server


@pytest.fixture
def server(_server, tmp_path, monkeypatch):
    """The server with a database of the test's own."""
    monkeypatch.setattr(snowflake_session, "LOGIN_SECONDS", 1)
    monkeypatch.setattr(snowflake_session, "NETWORK_SECONDS", 2)
    _server.databases = {f"DB_{abs(hash(str(tmp_path))) % 10**9}"}
    _server.statements.clear()
    _server.refused = "$^"
    return _server


def pem(key, passphrase=None):
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


@pytest.fixture
def options(server, key):
    return {
        "snowflake_account": "acme-music",
        "snowflake_user": USER,
        "snowflake_private_key": pem(key),
        "snowflake_warehouse": WAREHOUSE,
        "snowflake_database": next(iter(server.databases)),
        "snowflake_url": server.url,
    }


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
        return snowflake_session.rows_of(connection, sql)


def execute(target, sql):
    with target._sessions.session() as connection:
        snowflake_session.run(connection, sql)
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
            else value
            for name, value in zip(types, row, strict=True)
        }
        for row in query(target, f"SELECT {', '.join(columns)} FROM {table}")
    ]


def in_order(rows):
    return sorted(str({name: str(value) for name, value in row.items()}) for row in rows)


def assert_equals_the_lake(target, world, table):
    assert in_order(there(target, table)) == in_order(world.lake.read(table).to_pylist()), table
    assert count(target, table).rows == world.lake.count(table)


def test_every_row_of_every_table(history, snowflake):
    done = publish(history, snowflake)
    assert set(done) == set(SERVED) == set(snowflake.tables)
    assert {table: one.rows for table, one in done.items()} == {table: history.lake.count(table) for table in SERVED}
    assert history.lake.count("fct_plays") == 20
    assert history.lake.count("fct_playlist_tracks") == 4
    for table in SERVED:
        assert_equals_the_lake(snowflake, history, table)
    assert publishing.behind(snowflake, history.lake) == []
    # Every question has its view, and the lake's answer.
    for question, expected in answers_of_the_lake(history).items():
        assert comparable(query(snowflake, f"SELECT * FROM {question}")) == comparable(expected), question
    assert query(snowflake, "SELECT plays FROM total_plays ORDER BY plays DESC")[0] == (19,)


def test_the_same_twice_changes_nothing(history, star, server):
    before = {table: in_order(there(star, table)) for table in STAR}
    assert publish(history, star, STAR) == {}
    server.statements.clear()
    done = publish(history, star, STAR, anew=True)
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
    assert publishing.behind(star, history.lake, STAR) == []


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
    [whole] = publishing.behind(star, history.lake, ["fct_plays"], anew=True)
    days = replace(whole, spans=(Span("2024-01-02", "2024-01-04"), Span("2024-02-01", "2024-02-02")))
    [done] = star.publish(history.lake, [days])
    assert (done.rows, count(star, "fct_plays").rows) == (3, 20)
    kept = {str(row["played_at"].date()) for row in there(star, "fct_plays") if row["ms_played"] >= 0}
    assert kept == {"2024-01-02", "2024-01-03", "2024-02-01"}


def test_a_load_that_fails_half_way_leaves_what_was_there(history, star):
    execute(star, "UPDATE fct_plays SET ms_played = -1")
    before, held = in_order(there(star, "fct_plays")), star.held()
    refreshes = publishing.behind(star, history.lake, ["fct_plays"], anew=True)
    path = history.root / "lake" / refreshes[0].live_files(history.lake)[0][-1]
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(TargetError, match="a file of the lake is gone"):
        list(star.publish(history.lake, refreshes))
    assert in_order(there(star, "fct_plays")) == before
    assert star.held() == held
    path.write_bytes(content)
    list(star.publish(history.lake, refreshes))
    assert_equals_the_lake(star, history, "fct_plays")


def test_a_refused_insert_leaves_what_was_there(history, star, server):
    before, held = in_order(there(star, "fct_plays")), star.held()
    server.refused = "INSERT INTO fct_plays"
    with pytest.raises(TargetError, match="the role lacks a privilege") as error:
        publish(history, star, ["fct_plays"], anew=True)
    assert "\n" not in str(error.value)
    assert in_order(there(star, "fct_plays")) == before
    assert star.held() == held


def test_a_file_that_is_too_short_is_found(history, star, monkeypatch):
    monkeypatch.setattr(snowflake_sql, "copies", lambda files, name: iter(()))
    with pytest.raises(TargetError, match=r"0 of 20 rows of the lake's files were loaded"):
        publish(history, star, ["fct_plays"], anew=True)
    assert_equals_the_lake(star, history, "fct_plays")


def test_a_dropped_table_is_filled_again(history, star, server):
    execute(star, "DROP TABLE dim_listener")
    assert [refresh.table for refresh in publishing.behind(star, history.lake, STAR)] == ["dim_listener"]
    server.statements.clear()
    publish(history, star, STAR)
    assert_equals_the_lake(star, history, "dim_listener")
    # With it went the key that pointed to it.
    keys = [statement for statement in server.statements if "ADD FOREIGN KEY" in statement]
    assert keys == ["ALTER TABLE fct_plays ADD FOREIGN KEY (listener_key) REFERENCES dim_listener (listener_key)"]


def test_a_table_of_another_shape_is_replaced_whole(history, star):
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


def test_empty_tables(world, options, monkeypatch):
    monkeypatch.setattr("spotify_assets.targets.snowflake.questions", dict)
    world.overrides |= options
    snowflake = targets(world.settings)["snowflake"]
    publish(world, snowflake, STAR)
    assert [count(snowflake, table).rows for table in STAR] == [0, 0]
    assert publishing.behind(snowflake, world.lake, STAR) == []


def test_the_definition_of_a_table(snowflake):
    model = snowflake._model
    assert snowflake_sql.create(model.tables["fct_playlist_tracks"]).splitlines()[:3] == [
        "CREATE OR REPLACE TRANSIENT TABLE fct_playlist_tracks (",
        "\tsnapshot_date DATE NOT NULL COMMENT 'Day of the snapshot (UTC). Part of the primary key', ",
        "\tdate_key INTEGER NOT NULL COMMENT 'Day of the snapshot. References dim_date.date_key', ",
    ]
    made = snowflake_sql.create(model.tables["fct_playlist_tracks"])
    assert "\tadded_at TIMESTAMP_NTZ COMMENT 'When it was added (UTC); null where the API doesn''t tell'" in made
    assert "PRIMARY KEY (snapshot_date, playlist_key, position)" in made
    assert "VARCHAR(" not in made
    assert dict(snowflake_sql.references(model.tables["fct_playlist_tracks"]))["dim_track"] == (
        "ALTER TABLE fct_playlist_tracks ADD FOREIGN KEY (track_key) REFERENCES dim_track (track_key)"
    )


def test_no_name_is_a_word_that_snowflake_reserves():
    # https://docs.snowflake.com/en/sql-reference/reserved-keywords
    reserved = """
        account all alter and any as between by case cast check column connect connection constraint create cross
        current current_date current_time current_timestamp current_user database delete distinct drop else exists
        false following for from full grant group gscluster having ilike in increment inner insert intersect into is
        issue join lateral left like localtime localtimestamp minus natural not null of on or order organization
        qualify regexp revoke right rlike row rows sample schema select set some start table tablesample then to
        trigger true try_cast union unique update using values view when whenever where with
    """.split()
    for table in SERVED:
        assert not {table, *TABLES[table].columns} & set(reserved)


def test_a_bucket_is_reached_by_the_integration():
    assert snowflake_sql.stage("s3://music/lake", "spotify_lake") == (
        "CREATE OR REPLACE STAGE spotify_assets_lake URL = 's3://music/lake/' STORAGE_INTEGRATION = spotify_lake"
    )


def test_files_are_named_a_thousand_at_once_and_quoted():
    copies = list(snowflake_sql.copies([f"facts/it's {number}.parquet" for number in range(1001)], "_staged_x"))
    assert [copy.count(".parquet'") for copy in copies] == [1000, 1]
    assert copies[1].startswith("COPY INTO _staged_x FROM @spotify_assets_lake ")
    assert copies[1].endswith(" FORCE = TRUE FILES = ('facts/it''s 1000.parquet')")


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"snowflake_user": "NOBODY"}, "SPOTIFY_ASSETS_SNOWFLAKE_USER is wrong, or has another key"),
        ({"snowflake_private_key": "no key"}, "SPOTIFY_ASSETS_SNOWFLAKE_PRIVATE_KEY"),
        ({"snowflake_private_key": "", "snowflake_private_key_file": "/no/key.p8"}, "_PRIVATE_KEY_FILE"),
        ({"snowflake_private_key": "", "snowflake_password": "a-wrong-secret"}, "SPOTIFY_ASSETS_SNOWFLAKE_PASSWORD"),
        ({"snowflake_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9 can't be reached"),
        ({"snowflake_database": "NOWHERE"}, "there is no database NOWHERE"),
        ({"snowflake_warehouse": "NOTHING"}, "there is no warehouse NOTHING"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_without_secrets(world, options, wrong, expected, caplog):
    world.overrides |= options | wrong
    with pytest.raises(TargetError) as error:
        targets(world.settings)["snowflake"].held()
    message = str(error.value)
    assert message.startswith("snowflake: ")
    assert expected in message
    told = message + caplog.text + repr(error.value.__cause__)
    assert "\n" not in message
    assert not [secret for secret in ("a-wrong-secret", options["snowflake_private_key"]) if secret in told]


def test_another_key_is_refused(world, options):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    world.overrides |= options | {"snowflake_private_key": pem(other)}
    with pytest.raises(TargetError, match="has another key"):
        targets(world.settings)["snowflake"].held()


@pytest.mark.parametrize("by", ["password", "encrypted key", "file"])
def test_other_ways_to_log_in(world, options, key, tmp_path, by):
    ways = {"password": {"snowflake_private_key": "", "snowflake_password": PASSWORD}}
    ways["encrypted key"] = {
        "snowflake_private_key": pem(key, "a phrase"), "snowflake_private_key_passphrase": "a phrase"
    }  # fmt: skip
    (tmp_path / "key.p8").write_text(pem(key))
    ways["file"] = {"snowflake_private_key": "", "snowflake_private_key_file": str(tmp_path / "key.p8")}
    world.overrides |= options | ways[by]
    assert targets(world.settings)["snowflake"].held() == {}


def test_without_its_client_it_says_what_to_install(world, options, monkeypatch):
    world.overrides |= options
    monkeypatch.setitem(sys.modules, "snowflake.connector.errors", None)
    with pytest.raises(TargetError, match=r"pip install 'spotify-assets\[snowflake\]'"):
        targets(world.settings)["snowflake"].held()


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
