from datetime import UTC, datetime
from pathlib import Path

from spotify_assets.sandbox.capture import capture_samples, remove_samples
from spotify_assets.sandbox.exports import land_sample_exports
from spotify_assets.sandbox.sample_catalog import land_sample_catalog
from spotify_assets_tests.conftest import World


def test_samples_are_captured_and_taken_away_again_and_nothing_else_is(world: World):
    own = [
        "catalog/demo/mine.csv",
        "history/me/a.json",
        "playlists/2026-02-03/own.json",
        "metadata/tracks/2026-02-03/120000-abc.ndjson",
    ]
    for path in own:
        world.landing.land(path, b"[]")
    landing = Path(world.settings.landing_uri)
    land_sample_exports(world.landing, 2_000)
    land_sample_catalog(world.landing, 2_000)

    captured, fetched = capture_samples(world.settings, 2_000)

    assert (len(captured.landed), captured.failed) == (3, {})
    assert fetched.answers["tracks"] == 0  # nothing was synced, and the playlists were never read
    assert len(list(world.landing.captures("playlists"))) == 1 + 7 * 3
    again, _ = capture_samples(world.settings, 2_000)
    assert (again.landed, len(again.present)) == ([], 3)
    today = datetime.now(UTC).date()
    assert all(capture.day and capture.day <= today for capture in world.landing.captures("playlists"))

    reports = Path(world.settings.lake_uri, "_reports")
    for listener in ("demo-anna", "me"):
        (reports / listener).mkdir(parents=True)
        (reports / listener / "2024.html").touch()
    assert remove_samples(world.settings) > 21

    left = sorted(path.relative_to(landing).as_posix() for path in landing.rglob("*") if path.is_file())
    assert left == sorted(own)
    assert not (landing / "history/demo-anna").exists()
    assert [path.name for path in reports.iterdir()] == ["me"]
