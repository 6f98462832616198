"""From an export to nothing, by the commands that people type, in a bucket: the tables are those of a folder."""

import json
import zipfile

import pytest
from click.testing import CliRunner

from spotify_assets import settings as settings_module
from spotify_assets.cli import commands as cli
from spotify_assets.landing.copy_in import copy_into_landing
from spotify_assets.sandbox.s3_servers import SERVERS, running_s3
from spotify_assets.storage import storage_at
from spotify_assets_tests.conftest import World, account, extended, use_s3
from spotify_assets_tests.ingest.test_responses import DAYS, capture, track

LISTENERS = ("anna-of-the-exports", "ben-of-the-exports")


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Exports of two listeners, as they arrive: extended in a zip, account data beside it, a CSV, and what is none."""
    folder = tmp_path_factory.mktemp("exports")
    anna, ben = (folder / listener for listener in LISTENERS)
    anna.mkdir()
    ben.mkdir()
    months = [
        extended(f"2024-0{month}-15T12:00:{second:02}Z", track=f"Song {second}")
        for month in (1, 2, 3)
        for second in range(20)
    ]
    with zipfile.ZipFile(anna / "my_spotify_data.zip", "w") as archive:
        archive.writestr("Spotify Extended Streaming History/Audio_0.json", json.dumps([*months, 5, months[0]]))
    (ben / "StreamingHistory_music_0.json").write_text(json.dumps([account("2024-02-01 10:00"), account("soon")]))
    (ben / "half.json").write_text('[{"ts": ')
    (ben / "Üñï çødé.csv").write_text("ts,ms_played,track_name,artist_name\n2024-03-01 10:00:01,60000,Ünder,Bänd\n")
    return folder


def command(world, *arguments):
    """Run a command in this process."""
    settings_module.settings.cache_clear()
    done = CliRunner().invoke(cli.cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def use(world, monkeypatch):
    monkeypatch.setenv("SPOTIFY_ASSETS_LANDING_URI", world.settings.landing_uri)
    monkeypatch.setenv("SPOTIFY_ASSETS_LAKE_URI", world.settings.lake_uri)
    monkeypatch.setenv("DAGSTER_HOME", str(world.root / "dagster"))


def import_all(world, exports):
    for day in DAYS:
        document = capture(*[track(name) for name in ("A", "B", day)])
        world.landing.land(f"playlists/{day}/p.json", json.dumps(document).encode())
    copy_into_landing([exports / LISTENERS[1]], LISTENERS[1], world.landing)
    command(world, "import", str(exports / LISTENERS[0]), "--listener", LISTENERS[0])


def without_times(tables):
    return {
        table: [{name: value for name, value in row.items() if name != "etag"} for row in rows]
        for table, rows in tables.items()
    }


@pytest.fixture(scope="module")
def on_disk(exports, tmp_path_factory, spark):
    """Every table, as a folder holds it."""
    world = World(tmp_path_factory.mktemp("disk"), spark)
    with pytest.MonkeyPatch.context() as monkeypatch:
        use(world, monkeypatch)
        import_all(world, exports)
    return without_times(world.everything())


@pytest.mark.parametrize("server", SERVERS)
def test_from_an_export_to_nothing(server, world, exports, on_disk, monkeypatch):
    with running_s3(server) as address:
        world.uri = use_s3(address, monkeypatch)
        use(world, monkeypatch)

        import_all(world, exports)

        found = without_times(world.everything())
        assert {table for table in on_disk if found[table] != on_disk[table]} == set()
        assert command(world, "query", "SELECT count(*) AS n FROM plays", "--format", "csv").split() == [
            "n",
            str(len(on_disk["plays"])),
        ]
        assert "Every table is up to date" in command(world, "status")
        monkeypatch.setenv("SPOTIFY_ASSETS_RETENTION_DAYS", "0")
        assert "all tables" in command(world, "maintain")
        assert without_times(world.everything()) == found

        command(world, "forget", "--listener", LISTENERS[0], "--yes")
        left = _everything(world.uri)
        assert LISTENERS[0].encode() not in left
        assert LISTENERS[1].encode() in left
        assert {row["listener"] for row in world.rows("plays")} == {LISTENERS[1]}


def _everything(uri):
    """Paths and contents of all that is in the bucket, Parquet's aside: that is compressed."""
    files = storage_at(uri)
    return b"\n".join(
        file.path.encode() + opener().read()
        for file, opener in files.fetch(files.files())
        if "parquet" not in file.path
    )
