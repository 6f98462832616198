"""Files of this machine into the landing zone."""

import click
import pytest

from spotify_assets.landing.copy_in import copy_into_landing, listener_files
from spotify_assets.landing.zone import LandingZone


@pytest.fixture
def source(tmp_path):
    """A folder of exports, beside the landing zone."""
    for path in ("export/a.json", "export/deep/b.json", "export/.hidden", "other/a.json"):
        file = tmp_path / "source" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    return tmp_path / "source"


@pytest.fixture
def landing(tmp_path):
    return LandingZone(str(tmp_path / "landing"))


@pytest.mark.parametrize(
    ("paths", "landed"),
    [
        (["export/a.json"], ["a.json"]),
        (["export"], ["export/a.json", "export/deep/b.json"]),
        (["export/deep", "export/a.json"], ["a.json", "deep/b.json"]),
        (["export/a.json", "export/a.json"], ["a.json"]),
        (["export", "other"], ["export/a.json", "export/deep/b.json", "other/a.json"]),
    ],
)
def test_files_land_by_their_name_and_folders_with_theirs(source, landing, paths, landed):
    assert copy_into_landing([source / path for path in paths], "anna", landing) == len(landed)
    assert listener_files("anna", landing) == [f"history/anna/{path}" for path in landed]
    assert listener_files("ben", landing) == []


def test_a_folder_named_by_a_dot_lands_under_its_name(source, landing, monkeypatch):
    monkeypatch.chdir(source / "other")
    copy_into_landing([(source / "other").relative_to(source / "other")], "anna", landing)
    assert listener_files("anna", landing) == ["history/anna/other/a.json"]


def test_content_is_copied(source, landing):
    copy_into_landing([source / "export/a.json"], "anna", landing)
    with landing.open("history/anna/a.json") as stream:
        assert stream.read() == b"export/a.json"


def test_two_files_of_one_name_are_refused_and_none_is_copied(source, landing):
    paths = [source / "export/a.json", source / "other/a.json"]
    with pytest.raises(click.ClickException, match=r"would both be landed as a.json; import one by one"):
        copy_into_landing(paths, "anna", landing)
    assert listener_files("anna", landing) == []


def test_nothing_to_copy_is_an_error(source, landing):
    (source / "empty").mkdir()
    with pytest.raises(click.ClickException, match=r"no files in .*empty"):
        copy_into_landing([source / "empty"], "anna", landing)
