"""Sample playlists and metadata, captured from the stand-in as from Spotify."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path, PurePosixPath

from pydantic import SecretStr

from spotify_assets.dashboard.recap.reports import remove_reports
from spotify_assets.ingest import fetch
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.copy_in import listener_files
from spotify_assets.landing.zone import PLAYLISTS, LandingZone
from spotify_assets.readers.responses import remove_people
from spotify_assets.sandbox.exports import LISTENERS
from spotify_assets.sandbox.sample_catalog import FOLDER, sample_catalog
from spotify_assets.sandbox.sample_playlists import USER, sample_playlists
from spotify_assets.sandbox.spotify_api import StandIn
from spotify_assets.settings import Settings
from spotify_assets.spotify import SpotifyClient

DAYS_BEFORE = 6
PREFIX = "demo-"
BUDGET = 400
FEWEST_PLAYS = 1_000


def capture_samples(settings: Settings, plays: int) -> tuple[fetch.CaptureResult, fetch.FetchResult]:
    """Capture today's sample playlists, and metadata of the most played tracks, from a temporary stand-in server.

    The playlists of the six days before are landed as playlist objects, like a dump from another source: the API has
    only current playlists.

    Args:
        settings: Settings with the landing zone and the lake.
        plays: Number of records in the sample exports; names and ids then agree with theirs.
    """
    today = datetime.now(UTC).date()
    landing = LandingZone(settings.landing_uri)
    for days in range(DAYS_BEFORE, 0, -1):
        _land_dumps(today - timedelta(days=days), landing, settings, plays)
    with _stand_in(today, settings, plays) as of_stand_in:
        client = SpotifyClient(of_stand_in)
        captured = fetch.capture_playlists(client, landing, of_stand_in, today)
        lake = Lake(settings.lake_uri)
        return captured, fetch.fetch_metadata(client, landing, lake, of_stand_in, prefix=PREFIX)


def remove_samples(settings: Settings) -> int:
    """Remove the exports, catalogue files, playlists and metadata that the demo landed, and its listeners' reports.

    Returns:
        Number of files removed.
    """
    landing = LandingZone(settings.landing_uri)
    playlists = tuple(sample_playlists(datetime.now(UTC).date()))
    exports = [path for listener in LISTENERS for path in listener_files(listener, landing)]
    names = {name for name, _ in sample_catalog(FEWEST_PLAYS)}  # they are the same for any number
    catalogue = [one.path for one in landing.captures(FOLDER) if one.path.removeprefix(f"{FOLDER}/") in names]
    captures = [
        *[one for one in landing.captures(PLAYLISTS) if PurePosixPath(one.path).name.startswith(playlists)],
        *[one for one in landing.captures(fetch.METADATA) if PurePosixPath(one.path).name.startswith(PREFIX)],
    ]
    reports = sum(remove_reports(settings.lake_uri, listener) for listener in LISTENERS)
    return reports + landing.remove([*exports, *catalogue, *[one.path for one in captures]])


def _land_dumps(day: date, landing: LandingZone, settings: Settings, plays: int) -> None:
    if landing.captures_on(day):
        return
    with _stand_in(day, settings, plays) as of_stand_in:
        client = SpotifyClient(of_stand_in)
        for playlist in client.my_playlists():
            if playlist["owner"]["id"] != USER:
                continue
            items = [item for page in client.playlist_pages(playlist["id"]) for item in page["items"]]
            document = playlist | {"items": {"items": items, "total": len(items)}}
            landing.land(f"{PLAYLISTS}/{day}/{playlist['id']}.json", json.dumps(remove_people(document)).encode())


@contextmanager
def _stand_in(day: date, settings: Settings, plays: int) -> Iterator[Settings]:
    """Start a stand-in as of a day; gives settings to use it."""
    with StandIn(plays, day) as api, tempfile.TemporaryDirectory() as folder:
        yield settings.model_copy(
            update={
                "api_url": api.url,
                "client_id": api.client_id,
                "client_secret": SecretStr(api.client_secret),
                "credentials": (),
                "refresh_token": SecretStr(api.refresh_token),
                "spotify_state": str(Path(folder) / "spotify.json"),
                "playlists": ("me",),
                "api_budget": BUDGET,
            }
        )
