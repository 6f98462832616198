"""How pages open the warehouse, and what they say of the last sync."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from spotify_assets.dashboard import warehouse
from spotify_assets.dashboard.warehouse import WarehouseFile
from spotify_assets.refresh.sync_log import SyncLog
from spotify_assets.settings import load_settings

NOW = datetime.now(UTC)


@pytest.fixture
def notice(tmp_path):
    """Write the record of a sync, and return what pages say of it."""

    def say(**record) -> str:
        settings = load_settings(warehouse=str(tmp_path / "w.duckdb"), lake_uri=str(tmp_path / "lake"))
        if record:
            log = SyncLog(settings.lake_uri)
            log._write(replace(log.start(), **record))
        return WarehouseFile(settings).sync_notice()

    return say


def test_a_lake_without_syncs_says_nothing(notice):
    assert notice() == ""


def test_a_recent_success_says_nothing(notice):
    assert notice(ended_at=NOW, outcome="succeeded") == ""


def test_an_old_success_says_how_old(notice):
    started = NOW - timedelta(days=45)
    assert notice(started_at=started, ended_at=started, outcome="succeeded").startswith(
        "The last sync was 45 days ago"
    )


def test_a_failure_says_what_failed_and_what_to_do(notice):
    said = notice(ended_at=NOW, outcome="failed", failed="plays (DuckDBError)")
    assert "did not succeed" in said
    assert "failed (plays (DuckDBError))" in said
    assert "spotify-assets sync" in said


def test_the_notice_is_on_the_page(made, monkeypatch):
    monkeypatch.setattr(WarehouseFile, "sync_notice", lambda self: "Something <b>failed</b>")
    assert '<p class="notice" role="status">Something &lt;b&gt;failed&lt;/b&gt;</p>' in made["full"].get("/").text
    assert "Something &lt;b&gt;" in made["empty"].get("/").text


@pytest.fixture
def file(tmp_path):
    """A warehouse with a table of one number, and its path."""
    write(tmp_path / "w.duckdb", 1)
    return WarehouseFile(load_settings(warehouse=str(tmp_path / "w.duckdb"))), tmp_path / "w.duckdb"


def write(path, number):
    """Write such a file, and rename it over the former one, as a sync does."""
    new = path.with_suffix(".new")
    with duckdb.connect(str(new)) as connection:
        connection.execute(f"CREATE TABLE numbers AS SELECT {number} AS number")
    new.replace(path)


def number_in(connection):
    return connection.execute("FROM numbers").fetchone()[0]


def test_a_file_that_was_replaced_is_read_by_the_next_request(file):
    opened, path = file
    for number in (1, 2, 3):
        write(path, number)
        with opened.connect() as connection:
            assert number_in(connection) == number


def test_a_file_that_is_replaced_during_requests_is_read_once_they_have_ended(file):
    opened, path = file
    with opened.connect() as first:
        assert number_in(first) == 1
        write(path, 2)
        with opened.connect() as second:
            assert number_in(second) in (1, 2)
            assert number_in(first) == 1
    with opened.connect() as third:
        assert number_in(third) == 2


def test_the_file_stays_open_until_nobody_asks_for_a_while(file, monkeypatch):
    opened, path = file
    with opened.connect() as connection:
        number_in(connection)
    with pytest.raises(duckdb.ConnectionException):
        duckdb.connect(str(path))
    monkeypatch.setattr(warehouse, "KEPT_SECONDS", 0.1)
    with opened.connect() as connection:
        number_in(connection)
    deadline = time.monotonic() + 10
    while opened.database._kept and time.monotonic() < deadline:
        time.sleep(0.05)
    duckdb.connect(str(path)).close()


def test_a_file_that_is_not_there_is_found_later(tmp_path):
    opened = WarehouseFile(load_settings(warehouse=str(tmp_path / "w.duckdb")))
    with pytest.raises(FileNotFoundError), opened.connect():
        pass
    write(tmp_path / "w.duckdb", 4)
    with opened.connect() as connection:
        assert number_in(connection) == 4
