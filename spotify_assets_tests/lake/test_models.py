"""Files of fitted models, in a folder and in a bucket."""

import io
import os

import joblib
import pytest

from spotify_assets.lake.models import MAX_VERSIONS, remove_models, save_model
from spotify_assets.storage import storage_at


@pytest.fixture(params=["folder", "bucket"])
def uri(request, tmp_path):
    return str(tmp_path / "lake") if request.param == "folder" else f"{request.getfixturevalue('bucket')}/lake"


def paths(uri):
    return [file.path for file in storage_at(uri).files("_models")]


def test_a_model_is_written_under_its_version_and_can_be_loaded(uri):
    assert save_model(uri, "popularity", "abc", {"model": 1}) == f"{uri}/_models/popularity/abc.joblib"
    with storage_at(uri).open("_models/popularity/abc.joblib") as stream:
        assert joblib.load(io.BytesIO(stream.read())) == {"model": 1}
    remove_models(uri, "popularity")
    assert paths(uri) == []


def test_a_version_that_is_there_is_not_written_again(tmp_path):
    save_model(str(tmp_path), "popularity", "abc", {"model": 1})
    file = tmp_path / "_models/popularity/abc.joblib"
    os.utime(file, (1, 1))
    save_model(str(tmp_path), "popularity", "abc", {"model": 1})
    assert file.stat().st_mtime == 1


def test_the_latest_versions_are_kept(tmp_path):
    for number in range(MAX_VERSIONS + 2):
        save_model(str(tmp_path), "popularity", f"v{number}", number)
        os.utime(tmp_path / f"_models/popularity/v{number}.joblib", (number, number))
    # One that was fitted before comes back.
    save_model(str(tmp_path), "popularity", "v2", 2)
    kept = [f"_models/popularity/v{number}.joblib" for number in (2, 3, 4, 5, 6)]
    assert paths(str(tmp_path)) == kept


def test_there_may_be_none_to_remove(uri):
    assert remove_models(uri, "popularity") == 0
