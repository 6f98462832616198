import pytest

from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.history import history
from spotify_assets.lake.tables import Lake
from spotify_assets.storage import storage_at


@pytest.mark.parametrize("name", ["plain", "with space", "hash#", "what?"])
def test_commits_with_their_metadata_whatever_the_folder_is_called(tmp_path, name):
    lake = Lake(str(tmp_path / name))
    for number in range(3):
        lake.replace("raw_files", lambda: iter(()), metadata=lambda _, number=number: f"commit {number}")
    found = history(lake.open("raw_files"), 2)
    assert [(commit["version"], commit["userMetadata"]) for commit in found] == [(3, "commit 2"), (2, "commit 1")]
    assert len(history(lake.open("raw_files"))) == 4


def log_of(lake, table):
    return f"{lake.folder(table)}/_delta_log"


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path):
    """Where a lake is: in a folder, or in a bucket."""
    return str(tmp_path) if request.param == "folder" else request.getfixturevalue("bucket")


def test_the_same_commits_as_deltalake_finds(place):
    lake = Lake(f"{place}/the lake")
    for number in range(3):
        lake.replace("raw_files", lambda: iter(()), metadata=lambda _, number=number: f"commit {number}")
    table = lake.open("raw_files")
    for limit in (1, 2, None):
        assert history(table, limit) == table.history(limit)
    assert history(table, 100) == history(table)


def test_an_entry_that_says_nothing_is_passed_over_as_deltalake_does_it(place):
    lake = Lake(place)
    lake.ensure("raw_files")
    files = storage_at(lake.uri)
    files.write(f"{log_of(lake, 'raw_files')}/{1:020}.json", b'{"txn":{"appId":"other","version":1}}\n')
    lake.replace("raw_files", lambda: iter(()))
    table = lake.open("raw_files")
    assert history(table) == table.history()
    assert [commit["version"] for commit in history(table)] == [2, 1]


def test_an_entry_in_a_bucket_is_read_once(bucket, monkeypatch):
    lake = Lake(bucket)
    lake.ensure("raw_files")
    read = []
    get = type(storage_at(bucket)).read
    monkeypatch.setattr(type(storage_at(bucket)), "read", lambda at, path: read.append(path) or get(at, path))
    for _ in range(2):
        history(lake.open("raw_files"), 1)
    lake.replace("raw_files", lambda: iter(()))
    history(lake.open("raw_files"))
    assert [path[-6:] for path in read] == ["0.json", "1.json"]


def test_a_garbled_entry_is_damage(place):
    lake = Lake(place)
    table = lake.ensure("raw_files")
    storage_at(lake.uri).write(f"{log_of(lake, 'raw_files')}/{0:020}.json", b'{"commitInfo":')
    with pytest.raises(DamagedTableError, match=r"raw_files is damaged: an entry of its log is cut off or garbled"):
        history(table)


def test_entries_that_are_gone_end_the_history(place):
    lake = Lake(place)
    for _ in range(2):
        lake.replace("raw_files", lambda: iter(()))
    table = lake.open("raw_files")
    storage_at(lake.uri).remove([f"{log_of(lake, 'raw_files')}/{0:020}.json"])
    assert [commit["version"] for commit in history(table)] == [2, 1]
