import pytest

from spotify_assets.lake.history import history
from spotify_assets.lake.tables import Lake


@pytest.mark.parametrize("name", ["plain", "with space", "hash#", "what?"])
def test_commits_with_their_metadata_whatever_the_folder_is_called(tmp_path, name):
    lake = Lake(str(tmp_path / name))
    for number in range(3):
        lake.replace("raw_files", lambda: iter(()), metadata=lambda _, number=number: f"commit {number}")
    found = history(lake.open("raw_files"), 2)
    assert [(commit["version"], commit["userMetadata"]) for commit in found] == [(3, "commit 2"), (2, "commit 1")]
    assert len(history(lake.open("raw_files"))) == 4
