"""MySQL, on a MariaDB server: content, what readers see during a refresh, and failures of the server."""

import json
import re
import threading
from datetime import UTC, date, datetime, timedelta

import pymysql
import pytest
import sqlalchemy as sa

from spotify_assets.model import TABLES
from spotify_assets.sandbox.mariadb import running_mariadb
from spotify_assets.settings import SettingsError, load_settings
from spotify_assets.targets import publishing
from spotify_assets.targets.mysql import MySQL, _is_transient
from spotify_assets.targets.mysql_rows import LoadError
from spotify_assets.targets.publishing import TargetError
from spotify_assets_tests.conftest import extended, some_metrics
from spotify_assets_tests.targets.published import (
    FILES,
    HOSTILE,
    LISTS,
    catalog_tracks,
    count,
    publish,
    spans,
    two_snapshots,
)

pytestmark = [pytest.mark.integration, some_metrics]

APRIL = [extended("2024-04-01T12:00:00Z", track="Song", ms_played=70_000, platform="p" * 31)]


@pytest.fixture
def world(prepared, mariadb):
    world = prepared(FILES, two_snapshots)
    world.overrides["mysql_url"] = mariadb.database()
    return world


@pytest.fixture
def target(world):
    return MySQL(settings=world.settings)


def read(target, sql):
    with target.engine.connect() as connection:
        return connection.execute(sa.text(sql)).all()


def rows_there(target, table):
    """Rows by name, with the lake's types."""
    columns = TABLES[table].sql.columns

    def typed(name, value):
        if value is not None and isinstance(columns[name].type, sa.DateTime):
            return value.replace(tzinfo=UTC)
        if value is not None and isinstance(columns[name].type, sa.Boolean):
            return bool(value)
        if value is not None and isinstance(columns[name].type, sa.ARRAY):
            return json.loads(value)
        return value

    names = TABLES[table].columns
    found = read(target, f"SELECT {', '.join(f'`{name}`' for name in names)} FROM `{table}`")
    rows = [{name: typed(name, value) for name, value in zip(names, row, strict=True)} for row in found]
    return sorted(rows, key=lambda row: [(row[key] is None, row[key]) for key in TABLES[table].primary_key])


def assert_equal_to_the_lake(target, world):
    different = {table for table in target.tables if rows_there(target, table) != world.rows(table)}
    assert different == set()


def test_every_row_of_every_table(target, world):
    catalog_tracks(world, *LISTS)
    done = publish(world, target)
    assert set(done) == set(target.tables)
    assert done["catalog_tracks"].rows == len(LISTS)
    assert_equal_to_the_lake(target, world)
    assert {table: count(target, table).rows for table in target.tables} == {
        table: world.lake.count(table) for table in target.tables
    }
    assert publishing.pending_refreshes(target, world.lake) == []
    assert "fct_plays" in done
    assert min(world.lake.count(table) for table in ("fct_plays", "fct_playlist_tracks", "track_metrics")) > 0


def test_keys_indexes_and_comments_are_the_models(target, world):
    publish(world, target)
    inspected = sa.inspect(target.engine)
    for table in target.tables:
        assert inspected.get_pk_constraint(table)["constrained_columns"] == TABLES[table].primary_key
        assert inspected.get_table_comment(table)["text"] == TABLES[table].comment
        comments = {column["name"]: column["comment"] for column in inspected.get_columns(table)}
        assert all(comments[column.name].startswith(column.comment) for column in TABLES[table].sql.columns)
    links = {
        (link["constrained_columns"][0], link["referred_table"]) for link in inspected.get_foreign_keys("fct_plays")
    }
    assert links == {
        (column.name, link.column.table.name)
        for column in TABLES["fct_plays"].sql.columns
        for link in column.foreign_keys
    }
    assert "fct_plays_by_month" in {index["name"] for index in inspected.get_indexes("fct_plays")}


def test_a_new_month_replaces_that_month(target, world):
    publish(world, target)
    world.land("anna/2024-04.json", APRIL)
    world.sync()
    done = publish(world, target)
    assert spans(done["fct_plays"]) == "2024-04-01 to 2024-05-01"
    assert done["fct_plays"].rows == 1
    assert "fct_playlist_tracks" not in done
    assert_equal_to_the_lake(target, world)


def test_a_month_that_became_empty_is_emptied(target, world):
    publish(world, target)
    (world.root / "landing/history/ben/2024-03.json").unlink()
    world.sync()
    done = publish(world, target)
    assert spans(done["fct_plays"]) == "2024-03-01 to 2024-04-01"
    assert read(target, "SELECT count(*) FROM fct_plays WHERE month = '2024-03-01'") == [(0,)]
    assert_equal_to_the_lake(target, world)


def test_foreign_keys_survive_the_recreation_of_tables(target, world):
    publish(world, target)
    publish(world, target, ["dim_track", "dim_artist"], full=True)
    with target.engine.begin() as connection:
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        connection.exec_driver_sql("DROP TABLE dim_platform")
        connection.exec_driver_sql("TRUNCATE TABLE fct_plays")
    done = publish(world, target)
    assert set(done) == {"dim_platform", "fct_plays"}
    assert_equal_to_the_lake(target, world)
    with pytest.raises(sa.exc.IntegrityError), target.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE fct_plays SET platform_key = 1234567")
    with target.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE fct_plays SET platform_key = -1")


def test_a_run_killed_between_its_renames_is_repaired(target, world, monkeypatch):
    publish(world, target)
    with target.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE published_windows SET shape = 'of before' WHERE table_name = 'dim_track'")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("spotify_assets.targets.mysql._repoint_foreign_keys", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(world, target)
    assert "_old_dim_track" in sa.inspect(target.engine).get_table_names()
    monkeypatch.undo()
    assert set(publish(world, target)) == {"dim_track"}
    inspected = sa.inspect(target.engine)
    assert [name for name in inspected.get_table_names() if name.startswith("_")] == []
    for table in target.tables:
        assert not [link for link in inspected.get_foreign_keys(table) if link["referred_table"].startswith("_")]
    assert_equal_to_the_lake(target, world)


def test_rows_that_somebody_changed_are_put_right(target, world):
    publish(world, target)
    with target.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE dim_track SET track_name = 'Other'")
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        connection.exec_driver_sql("DELETE FROM fct_plays")
    publish(world, target, full=True)
    assert_equal_to_the_lake(target, world)


def test_a_server_that_forbids_load_data_uses_inserts(world, target, mariadb):
    mariadb.root("SET GLOBAL local_infile = 0")
    try:
        publish(world, target)
        assert_equal_to_the_lake(target, world)
    finally:
        mariadb.root("SET GLOBAL local_infile = 1")


@pytest.mark.parametrize("allows_files", [1, 0])
def test_lists_are_json(world, target, mariadb, allows_files):
    mariadb.root(f"SET GLOBAL local_infile = {allows_files}")
    try:
        catalog_tracks(world, *LISTS)
        publish(world, target, ["catalog_tracks"])
        assert rows_there(target, "catalog_tracks") == world.rows("catalog_tracks")
        catalog_tracks(world, *LISTS[:-1], ["jazz"])
        publish(world, target, ["catalog_tracks"])
        assert rows_there(target, "catalog_tracks") == world.rows("catalog_tracks")
    finally:
        mariadb.root("SET GLOBAL local_infile = 1")
    elements = "SELECT json_length(genres), json_unquote(json_extract(genres, '$[0]')) FROM catalog_tracks"
    assert set(read(target, elements)) == {
        (len(HOSTILE) + 1, HOSTILE[0]),
        (0, None),
        (None, None),
        (1, "rock"),
        (1, "jazz"),
    }


def test_a_database_from_before_gets_the_catalogue_and_its_views(world, target, monkeypatch):
    before = [table for table in target.tables if table in ("dim_listener", "dim_track", "dim_artist", "fct_plays")]
    asked = {"before": "SELECT count(*) AS plays FROM fct_plays", "asked": "SELECT count(*) AS n FROM catalog_tracks"}
    monkeypatch.setattr("spotify_assets.targets.mysql.questions", lambda: asked)
    with monkeypatch.context() as former:
        former.setattr(MySQL, "tables", property(lambda _: before))
        former.setattr("spotify_assets.targets.mysql.questions", lambda: {"before": asked["before"]})
        publish(world, MySQL(settings=world.settings))
    monkeypatch.setattr(MySQL, "tables", property(lambda _: [*before, "catalog_tracks"]))
    assert set(publish(world, target)) == {"catalog_tracks"}
    assert read(target, "SELECT n FROM asked") == [(0,)]
    assert publish(world, target) == {}


def test_many_batches(world):
    world.overrides["mysql_batch_rows"] = 3
    target = MySQL(settings=world.settings)
    publish(world, target)
    assert_equal_to_the_lake(target, world)


def test_readers_see_the_old_or_the_new(target, world):
    """Sums over facts and dimensions are those of one of the two states, whenever one looks."""
    publish(world, target)
    sql = "SELECT count(*), count(d.track_key), sum(d.last_played_at = m.latest) FROM fct_plays f JOIN dim_track d " \
        "USING (track_key) JOIN (SELECT max(played_at) latest FROM fct_plays) m"  # fmt: skip
    before = read(target, sql)
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            seen.update(map(tuple, read(target, sql)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    world.land("anna/2024-04.json", APRIL)
    world.sync()
    publish(world, target)
    stop.set()
    watcher.join()
    after = read(target, sql)
    assert before != after
    assert seen <= {tuple(before[0]), tuple(after[0])}


def test_a_connection_that_is_lost_is_made_again(target, world, mariadb):
    publish(world, target)
    world.land("anna/2024-04.json", APRIL)
    world.sync()
    load, lost = target._load, []

    def load_and_lose(connection, *arguments):
        if not lost:
            lost.append(connection.exec_driver_sql("SELECT connection_id()").scalar_one())
            mariadb.root(f"KILL {lost[0]}")
        return load(connection, *arguments)

    object.__setattr__(target, "_load", load_and_lose)
    publish(world, target)
    assert lost
    assert_equal_to_the_lake(target, world)


@pytest.mark.parametrize(
    ("error", "is_transient"),
    [
        (sa.exc.OperationalError("DELETE", {}, pymysql.err.OperationalError(1213, "deadlock")), True),
        (sa.exc.OperationalError("DELETE", {}, pymysql.err.OperationalError(1045, "access denied")), False),
        (sa.exc.InterfaceError("DELETE", {}, pymysql.err.InterfaceError(0, ""), connection_invalidated=True), True),
        (LoadError("plays: 1 of 2 rows were taken"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error, is_transient):
    assert _is_transient(error) == is_transient


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("a-pass%3Aword%2F%40", "wrong-secret"), "user or password is wrong"),
        ((r"/(\w+)$", r"/not_\1"), "grant it all"),
        (("127.0.0.1", "127.0.0.2"), "no server answers there"),
    ],
)
def test_wrong_addresses(world, change, said):
    world.overrides["mysql_url"] = re.sub(*change, world.overrides["mysql_url"])
    target = MySQL(settings=world.settings)
    with pytest.raises(TargetError, match=said) as raised:
        publish(world, target)
    assert "SPOTIFY_ASSETS_MYSQL_URL" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "a-pass" not in str(raised.value)


def test_a_url_that_is_none_is_not_repeated():
    with pytest.raises(SettingsError, match="SPOTIFY_ASSETS_MYSQL_URL: expected mysql://") as raised:
        load_settings(mysql_url="postgres://user:a-secret@host/database")
    assert "a-secret" not in str(raised.value)


def test_a_server_that_is_read_only(target, world, mariadb):
    publish(world, target)
    before = rows_there(target, "fct_plays")
    world.land("anna/2024-04.json", APRIL)
    world.sync()
    mariadb.root("SET GLOBAL read_only = 1")
    try:
        with pytest.raises(TargetError, match="read-only"):
            publish(world, target)
    finally:
        mariadb.root("SET GLOBAL read_only = 0")
    assert rows_there(target, "fct_plays") == before
    publish(world, target)
    assert_equal_to_the_lake(target, world)


def fill(server):
    """Write until no 16 kB more fit, once nothing is left to be freed of what was deleted."""
    server.root("SET GLOBAL innodb_max_purge_lag_wait = 0")
    server.root("CREATE TABLE mysql.filler (content LONGBLOB)")
    for size in (1 << 20, 1 << 14):
        insert = f"INSERT INTO mysql.filler VALUES (repeat('x', {size}))"
        with pytest.raises(pymysql.err.OperationalError, match="is full"):
            _repeat(server.root, insert)


def _repeat(run, statement):
    while True:
        run(statement)


def test_a_server_whose_disk_is_full(world):
    """One that may not grow: its table space is filled by somebody else meanwhile.

    A few rows more would fit into the tables' pages, so many are published.
    """
    start = datetime(2024, 4, 1, tzinfo=UTC)
    times = [start + timedelta(minutes=5 * number) for number in range(4_000)]
    many = [extended(f"{time:%Y-%m-%dT%H:%M:%SZ}", track=f"Song {time}", ms_played=70_000) for time in times]
    with running_mariadb(
        "--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:64M"
    ) as server:
        world.overrides["mysql_url"] = server.database()
        target = MySQL(settings=world.settings)
        publish(world, target)
        before = {table: rows_there(target, table) for table in target.tables}
        fill(server)
        world.land("anna/2024-04.json", many)
        world.sync()
        with pytest.raises(TargetError, match="disk, or its table space, is full"):
            publish(world, target)
        assert {table: rows_there(target, table) for table in target.tables} == before


def test_a_value_that_does_not_fit_is_an_error_and_not_truncated(target, world):
    publish(world, target)
    with target.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE hourly_listening MODIFY platform varchar(30) NOT NULL")
    before = {table: rows_there(target, table) for table in target.tables}
    world.land("anna/2024-04.json", APRIL)
    world.sync()
    with pytest.raises(TargetError, match=r"hourly_listening: .*platform"):
        publish(world, target)
    assert {table: rows_there(target, table) for table in target.tables} == before


def test_text_is_compared_as_it_is(target, world):
    publish(world, target)
    assert read(target, "SELECT count(*) FROM dim_track WHERE track_name = 'SONG'") == [(0,)]
    assert read(target, "SELECT count(*) FROM dim_track WHERE track_name = ' outer '") == [(0,)]
    assert read(target, "SELECT count(*) FROM dim_artist WHERE artist_name = 'outer'") == [(1,)]
    assert read(target, "SELECT DISTINCT month FROM fct_plays WHERE played_at = '2024-02-01 12:00:00'") == [
        (date(2024, 2, 1),)
    ]
