import os
import shutil

import pytest

from spotify_assets.storage import StorageError, plain_path, plain_paths
from spotify_assets.targets import publishing
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets.targets.flat_files import FlatFiles
from spotify_assets_tests.conftest import World, extended, some_metrics
from spotify_assets_tests.targets.published import count, publish

pytestmark = [pytest.mark.integration, some_metrics]


@pytest.fixture(autouse=True)
def _links(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_plain_path_or_a_bucket_needs_no_link(tmp_path):
    assert plain_path("/data/lake-1.0_x") == "/data/lake-1.0_x"
    assert plain_path("s3://bucket/a folder") == "s3://bucket/a folder"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["with space", "umläut", "hash#", "what?", "per%cent", "日本", "line\nbreak"])
def test_any_other_folder_gets_a_link_that_leads_there(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    link = plain_path(str(folder))
    (folder / "file").touch()
    assert plain_paths.PLAIN.fullmatch(link)
    assert os.listdir(link) == ["file"]
    assert plain_path(str(folder)) == link


def test_a_link_that_was_removed_or_leads_elsewhere_is_made_again(tmp_path):
    folder = str(tmp_path / "with space")
    link = plain_path(folder)
    os.unlink(link)
    assert os.readlink(plain_path(folder)) == folder
    os.unlink(link)
    os.symlink("/somewhere", link)
    assert os.readlink(plain_path(folder)) == folder


def test_links_of_another_user_are_refused(tmp_path):
    (tmp_path / f"spotify_assets-{os.getuid()}").symlink_to("/")
    with pytest.raises(StorageError, match=r"belongs to somebody else; set TMPDIR"):
        plain_path("/with space")


def test_a_lake_below_such_a_folder_is_written_read_and_published(synced, tmp_path, spark):
    odd = World(shutil.copytree(synced.root, tmp_path / "sp ace ü#x?y{z}'\"*🎵`$<"), spark)
    odd.land("anna/c.json", [extended("2024-03-30T13:37:00Z", track="Another")])
    odd.sync()
    assert not odd.refresh()
    assert [row["track_name"] for row in odd.rows("track_metrics", "track_name")] == ["Another", "Song"]
    for target in (Warehouse(path=f"{odd.root}/data/w.duckdb"), FlatFiles(uri=f"{odd.root}/exports")):
        publish(odd, target)
        assert count(target, "fct_plays").rows == 3
        assert publishing.pending_refreshes(target, odd.lake) == []
