"""Files that are written and not committed: their writer removes them, or, if it was killed, whoever comes next."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from spotify_assets.lake.copies import ABANDONED_SECONDS, OWNER
from spotify_assets.lake.maintenance import maintain_lake
from spotify_assets.lake.staging import UNCOMMITTED, is_staged, remove_uncommitted, staging_folder
from spotify_assets.lake.tables import Lake
from spotify_assets.storage import private_folder


@pytest.fixture(params=["disk", "bucket"])
def uri(request, tmp_path):
    return str(tmp_path / "the lake" if request.param == "disk" else request.getfixturevalue("bucket") + "/lake")


def left(uri, owner):
    """What a writer left: a finished file, and one that it was writing."""
    parent = private_folder() if uri.startswith("s3://") else Path(uri)
    folder = parent / UNCOMMITTED / f"left by {owner}"
    (folder / "files").mkdir(parents=True)
    for name in ("a.parquet", "b.parquet#1"):
        (folder / "files" / name).write_bytes(b"PAR1")
    (folder / OWNER).write_text(owner)
    return folder


@pytest.fixture
def dead():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return f"{os.uname().nodename}:{ended.pid}"


def test_a_folder_is_removed_in_the_end_whatever_happens(uri):
    with suppress(ValueError), staging_folder(uri, "token") as staged:
        assert not staged.exists()
        staged.mkdir()
        assert is_staged(staged)
        raise ValueError
    assert not staged.parent.exists()


def test_what_a_killed_process_left_goes_with_the_next_write_and_what_a_living_one_writes_stays(uri, dead):
    folder = left(uri, dead)
    with staging_folder(uri, "token") as staged:
        assert not folder.exists()
        remove_uncommitted(uri, of_other_hosts=True)
        assert is_staged(staged)


def test_what_another_machine_left_goes_after_a_day_or_when_somebody_is_to_be_forgotten(uri):
    folder = left(uri, "another:1")
    remove_uncommitted(uri)
    assert folder.exists()
    os.utime(folder, (0, time.time() - ABANDONED_SECONDS - 60))
    remove_uncommitted(uri)
    assert not folder.exists()
    folder = left(uri, "yet another:1")
    Lake(uri).drop_history()
    assert not folder.exists()


def test_maintenance_removes_it(uri, dead):
    folder = left(uri, dead)
    maintain_lake(Lake(uri), 7)
    assert not folder.exists()
