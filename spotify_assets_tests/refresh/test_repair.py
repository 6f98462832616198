"""Damaged tables are emptied where nothing can be lost, and then computed again."""

import shutil
from pathlib import Path

import pytest

from spotify_assets.ingest.history_changes import find_changes, find_mismatch
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.model.raw import METADATA_TABLES
from spotify_assets.refresh import lineage, staleness
from spotify_assets.refresh.repair import files_no_longer_landed, reset_damaged
from spotify_assets.storage import StorageError
from spotify_assets_tests.lake.broken import KINDS, checkpoint, data_file, entries

pytestmark = pytest.mark.integration


def folder(world, table):
    return Path(world.lake.table_uri(table))


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        ("file_gone", "plays"),
        ("entry_cut", "plays"),
        ("file_gone", "dim_listener"),
        ("checkpoint_gone", "dim_listener"),
    ],
)
def test_a_damaged_table_is_stale_until_it_is_reset(synced, kind, table):
    KINDS[kind](folder(synced, table))
    stale = staleness.stale(synced.lake, synced.settings)
    assert set(stale.damaged) == {table}
    assert stale
    assert set(lineage.computed_tables()) >= {*stale.windows, *stale.whole}
    [line] = reset_damaged(synced.lake, synced.settings, stale.damaged)
    assert line.startswith(f"{table} was damaged: ")
    assert line.endswith("It is computed again.")
    stale = staleness.stale(synced.lake, synced.settings)
    assert stale.damaged == {}
    expected = {"plays": ["2024-01-01", "2024-03-01"]}.get(table)
    assert stale.windows.get(table) == expected
    assert (table in stale.whole) == (table == "dim_listener")


@pytest.mark.parametrize("table", ["plays", "raw_plays", "raw_files"])
def test_an_entry_is_garbled_that_only_the_history_reads(synced, table):
    """With a checkpoint of the same version, a table can be opened without it."""
    before = synced.everything()
    checkpoint(folder(synced, table))
    entry = entries(folder(synced, table))[-1]
    content = entry.read_text()
    entry.write_text(content[: content.index("userMetadata") + 30])
    assert synced.lake.open(table) is not None
    damaged = find_mismatch(synced.lake).damaged | staleness.stale(synced.lake, synced.settings).damaged
    assert set(damaged) == {table}
    synced.ingest()
    synced.refresh()
    assert synced.everything() == before
    assert not find_changes(synced.landing, synced.lake, synced.settings)


def test_whatever_is_damaged_comes_back(synced):
    before = synced.everything()
    tables = ["plays", "rejected_plays", "dim_listener", "dim_date", "fct_plays", "track_metrics", "daily_listening"]
    kinds = iter(["file_gone", "entry_cut", "file_cut", "checkpoint_cut", "file_instead_of_folder", "entry_empty"] * 2)
    for table in tables:
        kind = "entry_zeroed" if table == "rejected_plays" else next(kinds)
        KINDS[kind](folder(synced, table))
    damaged = staleness.stale(synced.lake, synced.settings).damaged
    assert set(damaged) == set(tables)
    reset_damaged(synced.lake, synced.settings, damaged)
    synced.refresh()
    assert synced.everything() == before
    assert not staleness.stale(synced.lake, synced.settings)


def test_a_raw_table_of_which_a_landed_file_is_gone_is_reset_on_request_only(synced):
    KINDS["file_gone"](folder(synced, "raw_plays"))
    (synced.root / "landing/history/anna/b.json").unlink()
    damaged = synced.lake.damaged(["raw_plays"])
    expected = "and history/anna/b.json is no longer landed; spotify-assets repair raw_plays makes it again"
    with pytest.raises(DamagedTableError, match=expected):
        reset_damaged(synced.lake, synced.settings, damaged)
    assert set(synced.lake.damaged(["raw_plays"])) == {"raw_plays"}
    with pytest.raises(DamagedTableError, match=expected):
        synced.ingest()
    synced.lake.reset("raw_plays")
    synced.ingest()
    assert {row["source_file"] for row in synced.rows("raw_plays")} == {"history/anna/a.json"}


@pytest.mark.parametrize("kind", ["entry_cut", "file_gone"])
def test_the_other_raw_table_knows_the_files(synced, kind):
    KINDS[kind](folder(synced, "raw_files"))
    (synced.root / "landing/history/anna/b.json").unlink()
    assert files_no_longer_landed(synced.lake, synced.settings, "raw_files") == ["history/anna/b.json"]


def test_nothing_landed_and_no_table_that_knows_what_was_is_repaired_on_request_only(synced):
    for table in ("raw_files", "raw_plays"):
        KINDS["entry_cut"](folder(synced, table))
    assert files_no_longer_landed(synced.lake, synced.settings, "raw_plays") == []
    shutil.rmtree(synced.root / "landing/history")
    assert files_no_longer_landed(synced.lake, synced.settings, "raw_plays") is None
    with pytest.raises(DamagedTableError, match="nothing is landed that it could be read from"):
        reset_damaged(synced.lake, synced.settings, synced.lake.damaged(["raw_plays"]))


def test_a_run_that_meets_a_damaged_table_names_it(synced):
    """The engine names a file at most, in an error of many lines."""
    path = data_file(folder(synced, "plays"))
    path.write_bytes(b"\0" * path.stat().st_size)
    keys = ["2024-01-01", "2024-02-01", "2024-03-01"]
    with pytest.raises(DamagedTableError, match=r"^plays is damaged: .* spotify-assets repair plays makes it again"):
        synced.frames.write("monthly_content", synced.compute("monthly_content", keys), keys)


def test_a_landing_zone_that_is_gone_is_not_an_empty_one(synced):
    landing = synced.root / "landing"
    landing.rename(synced.root / "unmounted")
    with pytest.raises(StorageError, match=r"landing is gone, and raw_files was read from it: mount its drive"):
        find_changes(synced.landing, synced.lake, synced.settings)
    with pytest.raises(StorageError, match="is gone"):
        synced.ingest()
    # Also by what asks for captures only.
    with pytest.raises(StorageError, match="is gone"):
        staleness.stale(synced.lake, synced.settings)
    landing.mkdir()
    synced.ingest()
    assert synced.rows("raw_plays") == []


def test_without_a_landing_zone_an_empty_lake_is_up_to_date(world):
    assert not find_changes(world.landing, world.lake, world.settings)


def test_an_empty_table_that_is_damaged_is_made_again_though_nothing_is_landed(synced):
    table = METADATA_TABLES["tracks"]
    shutil.rmtree(folder(synced, table), ignore_errors=True)
    assert synced.lake.ensure(table).version() == 0
    KINDS["entry_empty"](folder(synced, table))
    assert files_no_longer_landed(synced.lake, synced.settings, table) is None
    assert len(reset_damaged(synced.lake, synced.settings, synced.lake.damaged([table]))) == 1
    assert synced.lake.damaged([table]) == {}
