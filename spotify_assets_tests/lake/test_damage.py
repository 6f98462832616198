"""Damage of each kind is found without reading data, and named by every way to read the table."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from spotify_assets.lake.damage import DamagedTableError, find_unreadable_file, translate_log_errors
from spotify_assets.lake.tables import Lake
from spotify_assets_tests.lake.broken import KINDS, cut, data_file
from spotify_assets_tests.lake.test_tables import listeners


@pytest.fixture
def lake(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    lake.ensure("dim_listener")
    lake.write("dim_listener", listeners("anna", "ben"), mode="append")
    return lake


@pytest.fixture
def table(lake):
    return Path(lake.table_uri("dim_listener"))


def test_a_sound_table_has_no_damage(lake):
    assert lake.damaged(["dim_listener", "dim_date"]) == {}
    assert find_unreadable_file(lake.open("dim_listener")) is None


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_found_and_named_and_reset(lake, table, kind):
    KINDS[kind](table)
    damaged = Lake(lake.uri).damaged(["dim_listener"])
    assert set(damaged) == {"dim_listener"}
    assert damaged["dim_listener"].is_repaired_by_sync
    assert str(damaged["dim_listener"]).startswith("dim_listener is damaged: ")
    assert "\n" not in str(damaged["dim_listener"])
    if kind != "entry_empty":  # `deltalake` reads the version before it
        with pytest.raises(DamagedTableError, match=r"^dim_listener is damaged: "):
            Lake(lake.uri).read("dim_listener")
    again = Lake(lake.uri)
    again.reset("dim_listener")
    assert again.damaged(["dim_listener"]) == {}
    assert again.read("dim_listener").num_rows == 0
    again.write("dim_listener", listeners("clara"), mode="append")
    assert Lake(lake.uri).read("dim_listener").num_rows == 1


def test_a_reset_keeps_former_versions_where_the_log_can_be_read(lake, table):
    data_file(table).unlink()
    lake.reset("dim_listener")
    assert [commit["version"] for commit in lake.ensure("dim_listener").history()] == [2, 1, 0]


def test_a_table_that_was_replaced_meanwhile_is_not_damaged(lake, table, monkeypatch):
    """Its files were listed when the new ones were there, and it was opened before."""
    opened = lake.open("dim_listener")
    other = Lake(lake.uri)
    other.write("dim_listener", listeners("clara"), mode="overwrite")
    other.ensure("dim_listener").vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    monkeypatch.setattr(opened, "update_incremental", lambda: None)
    assert lake.damaged(["dim_listener"]) == {}


@pytest.mark.parametrize(
    "error",
    [
        TableNotFoundError("no such table"),
        CommitFailedError("another writer was first"),
        OSError("Generic S3 error: connection refused"),
        PermissionError("Permission denied (os error 13)"),
    ],
)
def test_what_may_pass_is_no_damage(error):
    with pytest.raises(type(error)), translate_log_errors("plays"):
        raise error


def test_an_error_that_nobody_knows_is_repaired_on_request_only():
    message = r"spotify-assets repair plays makes it again$"
    with pytest.raises(DamagedTableError, match=message) as found, translate_log_errors("plays"):
        raise DeltaError("Unsupported reader features\nand a long backtrace")
    assert not found.value.is_repaired_by_sync
    assert found.value.reason == "it can't be opened (Unsupported reader features)"


def test_reading_every_file_finds_what_sizes_hide(lake, table):
    path = data_file(table)
    size = path.stat().st_size
    path.write_bytes(b"\0" * size)
    assert lake.damaged(["dim_listener"]) == {}
    with pytest.raises(DamagedTableError, match=r"can't be read; spotify-assets repair dim_listener"):
        lake.raise_if_unreadable(["dim_listener"])
    with pytest.raises(DamagedTableError, match="can't be read"):
        lake.read("dim_listener")


def test_reading_every_file_counts_its_rows(lake, table):
    pq.write_table(listeners("clara"), table / "more.parquet")
    size = (table / "more.parquet").stat().st_size
    more = AddAction("more.parquet", size, {}, 0, True, '{"numRecords": 2}')
    opened = lake.open("dim_listener")
    opened.create_write_transaction([more], "append", opened.schema(), [])
    assert find_unreadable_file(lake.open("dim_listener")) == "its file more.parquet has 1 of 2 rows"


def test_reading_every_file_finds_a_missing_and_a_cut_one(lake, table):
    opened = lake.open("dim_listener")
    cut(data_file(table))
    assert find_unreadable_file(opened).endswith("can't be read")
    data_file(table).unlink()
    assert find_unreadable_file(opened).endswith("is missing")
