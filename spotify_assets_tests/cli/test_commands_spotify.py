"""The commands that ask Spotify, against the stand-in; some of them are processes that are killed half-way."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from spotify_assets.ingest import fetch
from spotify_assets.ingest.responses import mirror_metadata
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.sandbox.ports import free_port
from spotify_assets.sandbox.sample_playlists import USER_NAME
from spotify_assets.sandbox.spotify_api import Item, Playlist, StandIn, Status
from spotify_assets.settings import load_settings
from spotify_assets.spotify import SpotifyClient
from spotify_assets_tests.spotify.conftest import visit

pytestmark = pytest.mark.integration


@pytest.fixture
def api():
    with StandIn(plays=2_000) as api:
        yield api


@pytest.fixture
def environment(api, monkeypatch):
    """Of commands in this process and in others."""
    variables = {
        "SPOTIFY_ASSETS_API_URL": api.url,
        "SPOTIPY_CLIENT_ID": api.client_id,
        "SPOTIPY_CLIENT_SECRET": api.client_secret,
        "SPOTIFY_ASSETS_REFRESH_TOKEN": api.refresh_token,
        "SPOTIFY_ASSETS_PLAYLISTS": "me",
        "NO_PROXY": "127.0.0.1",
        "RUST_LOG": "off",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return dict(os.environ)


@pytest.fixture
def start(environment, tmp_path):
    def started(*arguments, **overrides):
        return subprocess.Popen(
            [sys.executable, "-m", "spotify_assets", *arguments],
            cwd=tmp_path,
            env=environment | overrides,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    return started


@pytest.fixture
def client(api, tmp_path):
    """The same settings, in this process."""
    return load_settings(
        landing_uri=str(tmp_path / "data/landing"),
        lake_uri=str(tmp_path / "data/lake"),
        api_url=api.url,
        client_id=api.client_id,
        client_secret=api.client_secret,
        refresh_token=api.refresh_token,
        playlists="me",
    )


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_from_a_login_to_tables(run, start, api, tmp_path):
    port = str(free_port())
    login = start("login", "--port", port, "--no-browser", SPOTIFY_ASSETS_REFRESH_TOKEN="")
    address = ""
    for line in login.stdout:
        address += line.strip()
        if found := re.search(r"http://127\.0\.0\.1:\d+/authorize\S+", address):
            break
    status, page = visit(found[0])
    assert (status, login.wait(30)) == (200, 0), page
    assert (tmp_path / "data/spotify.json").stat().st_mode & 0o077 == 0

    followed = next(one.id for one in api.playlists.values() if one.owner_id != api.user)
    captured = run("snapshot", SPOTIFY_ASSETS_REFRESH_TOKEN="", SPOTIFY_ASSETS_PLAYLISTS=f"me,{followed}")
    assert "Captured Evening Drive: 120 items" in captured
    assert f"! {followed}: playlist {followed}: in development mode only" in captured
    assert "playlist snapshots" in captured
    assert "3 landed" in run("snapshot")
    items = Lake(str(tmp_path / "data/lake")).read("playlist_tracks", ["playlist_id"])["playlist_id"]
    assert (len(items), len(items.unique())) == (130, 2)


def test_a_snapshot_without_any_playlist_fails_and_says_why(run, environment, api):
    others = next(one.id for one in api.playlists.values() if one.owner_id != api.user)
    none = run("snapshot", SPOTIFY_ASSETS_PLAYLISTS=others, expect=1)
    assert "no playlist was captured" in none
    assert "names no playlist" in run("snapshot", SPOTIFY_ASSETS_PLAYLISTS="", expect=1)
    assert "SPOTIPY_CLIENT_ID" in run("snapshot", SPOTIPY_CLIENT_ID="", expect=1)
    api.revoke_refresh_tokens()
    assert "spotify-assets login" in run("recent", expect=1)


def test_a_capture_that_was_killed_goes_on_where_it_was(start, api, tmp_path, client):
    for number in range(30):
        one = Playlist(f"{number:02d}".rjust(22, "P"), f"List {number}", items=[Item.removed()] * 60)
        api.playlists[one.id] = one
    api.latency = 0.05
    first = start("snapshot", SPOTIFY_ASSETS_API_CONCURRENCY="4")
    until(lambda: sum(call.path.endswith("/items") for call in api.calls) >= 24)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    landing = LandingZone(client.landing_uri)
    landed = {capture.path.split("/")[-1].removesuffix(".json") for capture in landing.captures("playlists")}
    assert 5 < len(landed) < 30
    until(lambda: all(call.status for call in api.calls))
    api.latency = 0
    api.calls.clear()

    captured = fetch.capture_playlists(SpotifyClient(client), landing, client, datetime.now(UTC).date())

    asked = {call.path.split("/")[3] for call in api.calls if call.path.endswith("/items")}
    assert (set(captured.present), set(captured.landed)) == (landed, asked)
    assert len(landed | asked) == 33
    documents = [json.loads(landing.open(one.path).read()) for one in landing.captures("playlists")]
    assert all(
        sum(len(page["items"]) for page in one["pages"]) == one["pages"][0]["total"]
        for one in documents
        if one["pages"]
    )


def test_a_metadata_run_that_was_killed_goes_on_where_it_was(start, api, client, tmp_path):
    ids = list(api.catalogue.tracks)[:120]
    lake, landing = Lake(client.lake_uri), LandingZone(client.landing_uri)
    # Enough of a lake to know what was played.
    month = datetime(2024, 1, 1, tzinfo=UTC)
    plays = [
        {"content_type": "track", "content_key": track_id, "plays": number, "month": month.date(), "window_at": month}
        for number, track_id in enumerate(ids)
    ]
    rows = pa.Table.from_pylist(plays, TABLES["monthly_content"].arrow_schema)
    lake.replace("monthly_content", lambda: iter(rows.to_batches()))
    api.latency = 0.03
    first = start("metadata", SPOTIFY_ASSETS_API_CONCURRENCY="4")
    until(lambda: sum(call.status == 200 for call in api.calls) >= 60)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    until(lambda: all(call.status for call in api.calls))
    before = Counter(call.path for call in api.calls if call.status == 200)
    api.latency = 0
    api.calls.clear()

    done = fetch.fetch_metadata(SpotifyClient(client), landing, lake, client)

    assert not done.left
    again = Counter(call.path for call in api.calls if call.status == 200)
    assert len(set(before) & set(again)) <= 8  # four in flight, four answered and not landed yet
    assert max((before + again).values()) <= 2
    assert {f"/v1/tracks/{track_id}" for track_id in ids} <= set(before) | set(again)
    mirror_metadata(landing, lake, client, "tracks")
    assert sorted(row["track_id"] for row in lake.read("track_metadata").to_pylist() if row["is_found"]) == sorted(ids)


ALL_LOGGED = """
import logging, os, sys
logging.basicConfig(level=logging.DEBUG)
logging.root.setLevel(logging.DEBUG)
for name in list(logging.root.manager.loggerDict):
    logging.getLogger(name).setLevel(logging.DEBUG)
from datetime import UTC, datetime
from spotify_assets.cli import commands
from spotify_assets.cli.sync_runs import command_runner
from spotify_assets.refresh.plan import PlannedRun
from spotify_assets.settings import settings
def read_landed():
    "A sync of those tables alone that hold what was landed; metadata needs their ids."
    with command_runner(settings()) as runner:
        runner.dagster.read_history()
        tables = ("raw_playlist_files", "raw_playlists", "playlist_tracks")
        runner.dagster.refresh(PlannedRun(tables, (f"{datetime.now(UTC):%Y-%m-%d}",)))
def command(*arguments):
    settings.cache_clear()
    sys.argv = ["spotify-assets", "--debug", *arguments]
    return commands.run(debug=True)
commands.run_sync = lambda: None
codes = [command("snapshot")]
commands.run_sync = read_landed
codes.append(command("recent"))
commands.run_sync = lambda: None
codes.append(command("metadata", "--budget", "5"))
os.environ["SPOTIPY_CLIENT_SECRET"] = "a-secret-that-is-wrong"
codes.append(command("recent"))
os.environ["SPOTIFY_ASSETS_REFRESH_TOKEN"] = "a-token-that-is-revoked"
os.environ["SPOTIPY_CLIENT_SECRET"] = os.environ["RIGHT"]
codes.append(command("recent"))
sys.stderr.flush()
os._exit(0 if codes == [0, 0, 0, 1, 1] else 1)
"""


def test_no_secret_shows_with_everything_logged(environment, api, tmp_path):
    """Captures, failures, an expired token, a wrong secret and a revoked login: neither output nor any file tells."""
    api.fail("/v1/playlists/", Status(503), Status(403), Status(401, message="The access token expired"))
    done = subprocess.run(
        [sys.executable, "-c", ALL_LOGGED],
        cwd=tmp_path,
        env=environment | {"RIGHT": api.client_secret},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-3000:]
    assert "DEBUG:spotify_assets.spotify" in output
    assert "DEBUG:urllib3" in output
    files = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert any(path.suffix == ".db" for path in files)
    basic = base64.b64encode(f"{api.client_id}:{api.client_secret}".encode()).decode()
    wrong = ["a-secret-that-is-wrong", "a-token-that-is-revoked"]
    assert len(api.access_tokens) >= 3
    assert "someone-else" not in output  # who added an item
    assert USER_NAME not in output
    for secret in [api.client_secret, api.refresh_token, basic, *wrong, *api.access_tokens]:
        assert secret not in output
        assert [path for path, content in files.items() if secret.encode() in content] == []
