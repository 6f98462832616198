"""Files of this machine into the landing zone: none over another, none twice."""

import os
from pathlib import Path
from threading import Barrier, Thread

import click
import pytest

from spotify_assets.landing.copy_in import copy_into_landing, listener_files
from spotify_assets.landing.zone import LandingZone
from spotify_assets.storage import StorageError, StoredFile


@pytest.fixture
def source(tmp_path):
    """A folder of exports, beside the landing zone."""
    for path in ("export/a.json", "export/deep/b.json", "export/.hidden", "other/a.json"):
        put(tmp_path / "source" / path, path)
    return tmp_path / "source"


@pytest.fixture
def landing(tmp_path):
    return LandingZone(str(tmp_path / "landing"))


@pytest.fixture(params=["folder", "bucket"])
def either(request, tmp_path):
    """A landing zone in a folder, and one in a bucket."""
    uri = request.getfixturevalue("bucket") if request.param == "bucket" else str(tmp_path)
    return LandingZone(f"{uri}/landing")


def put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def landed(landing: LandingZone, listener: str = "anna") -> dict[str, str]:
    """Content of a listener's landed files by path."""
    found = {}
    for path in listener_files(listener, landing):
        with landing.open(path) as stream:
            found[path.removeprefix(f"history/{listener}/")] = stream.read().decode()
    return found


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["export/a.json"], ["a.json"]),
        (["export"], ["export/a.json", "export/deep/b.json"]),
        (["export/deep", "export/a.json"], ["a.json", "deep/b.json"]),
        (["export/a.json", "export/a.json"], ["a.json"]),
        (["export", "other"], ["export/a.json", "export/deep/b.json", "other/a.json"]),
        (["export/a.json", "other/a.json"], ["a-2.json", "a.json"]),
    ],
)
def test_files_land_by_their_name_and_folders_with_theirs(source, landing, paths, expected):
    copied = copy_into_landing([source / path for path in paths], "anna", landing)
    assert sorted(copied.landed.values()) == [f"history/anna/{path}" for path in expected]
    assert listener_files("anna", landing) == [f"history/anna/{path}" for path in expected]
    assert listener_files("ben", landing) == []


def test_a_folder_named_by_a_dot_lands_under_its_name(source, landing, monkeypatch):
    monkeypatch.chdir(source / "other")
    copy_into_landing([(source / "other").relative_to(source / "other")], "anna", landing)
    assert listener_files("anna", landing) == ["history/anna/other/a.json"]


def test_another_file_of_a_name_lands_beside_it_and_the_same_content_once(tmp_path, either):
    first, second, third, renamed = (
        put(tmp_path / path, content)
        for path, content in {
            "2022/my_data.zip": "one",
            "2023/my_data.zip": "two",
            "2024/my_data.zip": "three",
            "elsewhere/copy.zip": "two",
        }.items()
    )
    expected = {"my_data.zip": "one", "my_data-2.zip": "two", "my_data-3.zip": "three"}
    for file in (first, second, third):
        copy_into_landing([file], "anna", either)
    assert landed(either) == expected
    again = copy_into_landing([renamed, third, first], "anna", either)
    assert landed(either) == expected
    assert again.landed == {}
    assert again.present == {
        renamed: "history/anna/my_data-2.zip",
        third: "history/anna/my_data-3.zip",
        first: "history/anna/my_data.zip",
    }
    copy_into_landing([first], "ben", either)
    assert landed(either, "ben") == {"my_data.zip": "one"}


def test_a_folder_given_again_after_half_of_it_landed(source, landing):
    copy_into_landing([source / "export/deep"], "anna", landing)
    put(Path(landing.uri) / "history/anna/export/a.json", "another export's")
    copy_into_landing([source / "export"], "anna", landing)
    copy_into_landing([source / "export"], "anna", landing)
    assert landed(landing) == {
        "deep/b.json": "export/deep/b.json",
        "export/a.json": "another export's",
        "export/a-2.json": "export/a.json",
    }


def test_a_file_where_a_folder_should_be_and_a_folder_where_a_file_should_be(source, landing):
    put(Path(landing.uri) / "history/anna/export", "a file without a suffix")
    put(Path(landing.uri) / "history/anna/a.json/x", "in a folder")
    copy_into_landing([source / "export", source / "other/a.json"], "anna", landing)
    assert sorted(landed(landing)) == ["a-2.json", "a.json/x", "export", "export-2/a.json", "export-2/deep/b.json"]


def test_imports_at_the_same_time_lose_nothing(tmp_path, either):
    """Each of two pairs has the same content; all have one name."""
    files = [put(tmp_path / f"{number}/my_data.zip", f"content {number % 2}") for number in range(4)]
    ready, results = Barrier(len(files)), []
    create = either.storage.create

    class AtOnce:
        """The landing zone's storage, in which all imports write at the same time."""

        uri = either.uri

        def __getattr__(self, name):
            return getattr(either.storage, name)

        def create(self, source, path):
            if path.endswith("my_data.zip"):
                ready.wait(20)
            create(source, path)

    class Landing(LandingZone):
        storage = AtOnce()

    def run(file):
        results.append(copy_into_landing([file], "anna", Landing(either.uri)))

    threads = [Thread(target=run, args=[file]) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    contents = landed(either)
    assert sorted(contents) == ["my_data-2.zip", "my_data.zip"]
    assert len(results) == 4
    for result in results:
        for file, path in [*result.landed.items(), *result.present.items()]:
            assert contents[path.removeprefix("history/anna/")] == file.read_text()


def test_only_files_of_the_same_size_are_read_and_none_that_is_known(source, landing, monkeypatch):
    put(Path(landing.uri) / "history/anna/longer.json", "x" * 50)
    put(Path(landing.uri) / "history/anna/equal.json", "export/A.json")
    put(Path(landing.uri) / "history/anna/known.json", "export/B.json")
    opened = []
    open_ = LandingZone.open
    monkeypatch.setattr(LandingZone, "open", lambda self, path: opened.append(path) or open_(self, path))
    [known] = [file for file in landing.storage.files() if file.path.endswith("known.json")]
    copy_into_landing([source / "export/a.json"], "anna", landing, {known: "its sum"})
    assert opened == ["history/anna/equal.json"]
    # What was known of a file that changed since is of no use.
    stale = StoredFile(known.path, known.size, known.modified_at.replace(year=2001))
    copy_into_landing([put(source / "c.json", "export/C.json")], "anna", landing, {stale: "its sum"})
    assert "history/anna/known.json" in opened


def test_what_is_not_copied_has_a_reason(source, landing):
    put(source / "export/x.zip.crdownload", "half")
    (source / "export/nowhere").symlink_to(source / "nothing")
    (source / "export/link").symlink_to(source / "other")
    copied = copy_into_landing([source / "export"], "anna", landing)
    assert {path.name: reason for path, reason in copied.skipped.items()} == {
        ".hidden": "it is hidden",
        "x.zip.crdownload": "it is still being copied or downloaded, by its name",
        "nowhere": "it is no file",
        "link": "it is a link to a folder; give the folder itself",
    }
    assert sorted(landed(landing)) == ["export/a.json", "export/deep/b.json"]


def test_a_file_that_cannot_be_read_leaves_the_others(source, landing, monkeypatch):
    open_ = Path.open

    def refuse(self, *arguments, **options):
        if self == source / "export/a.json":
            raise PermissionError(13, "Permission denied", str(self))
        return open_(self, *arguments, **options)

    put(Path(landing.uri) / "history/anna/of_the_same_size", "export/x.json")
    monkeypatch.setattr(Path, "open", refuse)
    copied = copy_into_landing([source / "export"], "anna", landing)
    assert copied.failed == {source / "export/a.json": "permission denied"}
    assert list(copied.landed.values()) == ["history/anna/export/deep/b.json"]


def test_a_name_that_is_no_text_gets_one(source, landing):
    put(source / os.fsdecode(b"caf\xe9.json"), "x")
    copy_into_landing([source / os.fsdecode(b"caf\xe9.json")], "anna", landing)
    assert landed(landing) == {"caf_.json": "x"}


def test_the_time_is_kept_and_the_mode_is_that_of_new_files(source, landing):
    file = source / "export/a.json"
    os.utime(file, (1_000_000_000, 1_000_000_000.5))
    file.chmod(0o444)
    before = os.umask(0o077)
    try:
        copy_into_landing([file], "anna", landing)
        os.umask(0o022)
        copy_into_landing([file], "ben", landing)
    finally:
        os.umask(before)
    modes = [(Path(landing.uri) / f"history/{name}/a.json").stat().st_mode & 0o777 for name in ("anna", "ben")]
    assert modes == [0o600, 0o644]
    assert (Path(landing.uri) / "history/anna/a.json").stat().st_mtime == 1_000_000_000.5


def test_nothing_to_copy_is_an_error(source, landing):
    (source / "empty").mkdir()
    with pytest.raises(click.ClickException, match=r"no files in .*empty"):
        copy_into_landing([source / "empty"], "anna", landing)


def test_no_bucket_is_one_clear_line(source, bucket):
    with pytest.raises(StorageError, match="there is no bucket"):
        copy_into_landing([source / "export"], "anna", LandingZone("s3://nobody-has-this/landing"))


def why_not(path):
    return None if path.suffix == ".csv" else "it is JSON"


def test_catalogue_files_land_in_the_catalogue_and_others_with_the_listener(tmp_path, landing):
    export = tmp_path / "archive"
    for path in ("artists.csv", "deep/artists.csv", "plays.json"):
        put(export / path, path)
    copied = copy_into_landing([export, export / "artists.csv"], "anna", landing, why_not=why_not)
    assert sorted(copied.landed.values()) == [
        "catalog/archive/artists.csv",
        "catalog/archive/deep/artists.csv",
        "history/anna/archive/plays.json",
    ]
    assert copied.no_catalog == {"history/anna/archive/plays.json": "it is JSON"}
    other = put(tmp_path / "archive.csv", "other")
    again = copy_into_landing([put(tmp_path / "artists.csv", "artists.csv"), other], "ben", landing, why_not=why_not)
    assert list(again.present.values()) == ["catalog/archive/artists.csv"]
    assert list(again.landed.values()) == ["catalog/archive.csv"]
    beside = copy_into_landing([put(tmp_path / "new/archive.csv", "new")], None, landing, why_not=why_not)
    assert list(beside.landed.values()) == ["catalog/archive-2.csv"]


def test_without_a_listener_only_catalogue_files_land(tmp_path, landing):
    plays, artists = put(tmp_path / "plays.json", "[]"), put(tmp_path / "artists.csv", "id,name,followers")
    with pytest.raises(
        click.UsageError, match=r"with --listener NAME; .*plays\.json is no catalogue file: it is JSON"
    ):
        copy_into_landing([plays], None, landing, why_not=why_not)
    copied = copy_into_landing([plays, artists], None, landing, why_not=why_not)
    assert list(copied.landed.values()) == ["catalog/artists.csv"]
    assert copied.skipped == {plays: "it is JSON; to import it as listening history, say --listener NAME"}


def test_a_file_that_cannot_be_recognized_leaves_the_others(tmp_path, landing):
    def fails(path):
        if path.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        return why_not(path)

    files = [put(tmp_path / name, name) for name in ("a.csv", "b.csv")]
    copied = copy_into_landing(files, None, landing, why_not=fails)
    assert (copied.failed, list(copied.landed.values())) == ({files[0]: "permission denied"}, ["catalog/b.csv"])
