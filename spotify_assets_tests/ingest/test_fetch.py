"""Fetching from the Web API: each feature and each failure, against the stand-in over HTTP."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pyarrow as pa
import pytest
from pydantic import SecretStr

from spotify_assets.definitions import definitions
from spotify_assets.ingest import fetch
from spotify_assets.ingest.responses import mirror_metadata, mirror_playlists
from spotify_assets.model import TABLES
from spotify_assets.refresh.plan import RANGE_END, RANGE_START
from spotify_assets.sandbox.spotify_api import Item, Playlist, StandIn, Status
from spotify_assets.spotify import LoginNeededError, SpotifyClient, failures
from spotify_assets_tests.conftest import World, account, extended, some_metrics

pytestmark = [pytest.mark.integration, some_metrics]

TODAY = datetime.now(UTC).date()
EDITORIAL = "37i9dQZEVXbMDoHDwVN2tF"


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setattr(failures, "WEB_API", replace(failures.WEB_API, first_wait=0.002))
    with StandIn(plays=2_000) as api:
        yield api


@pytest.fixture
def asking(world, api) -> World:
    """A world whose settings lead to the stand-in, logged in."""
    world.overrides = {
        "api_url": api.url,
        "client_id": api.client_id,
        "client_secret": SecretStr(api.client_secret),
        "refresh_token": SecretStr(api.refresh_token),
        "spotify_state": str(world.root / "spotify.json"),
        "playlists": ("me",),
    }
    return world


def capture(world: World, **options) -> fetch.CaptureResult:
    return fetch.capture_playlists(SpotifyClient(world.settings), world.landing, world.settings, TODAY, **options)


def fetched(world: World) -> fetch.FetchResult:
    return fetch.fetch_metadata(SpotifyClient(world.settings), world.landing, world.lake, world.settings)


def poll(world: World) -> fetch.PollResult:
    return fetch.poll_recent_plays(SpotifyClient(world.settings), world.landing, world.settings)


def landed(world: World, folder: str = "playlists") -> list[str]:
    return sorted(capture.path.rpartition("/")[2] for capture in world.landing.captures(folder))


def asked_items(api: StandIn) -> Counter:
    return Counter(call.path.split("/")[3] for call in api.calls if call.path.endswith("/items"))


def track_ids(api: StandIn, count: int) -> list[str]:
    return list(api.catalogue.tracks)[:count]


def plays_of(ids: list[str]) -> list[dict]:
    """The first is played once, the second twice, ..."""
    return [
        extended(f"2024-01-{day + 1:02d}T{number:02d}:00:00Z", track=f"Song {number}")
        | {"spotify_track_uri": f"spotify:track:{track_id}"}
        for number, track_id in enumerate(ids)
        for day in range(number + 1)
    ]


class TestPlaylists:
    def test_ones_own_are_landed_with_all_their_pages_and_none_else(self, asking, api):
        own = {one.id: len(one.items) for one in api.playlists.values() if one.owner_id == api.user}

        captured = capture(asking)

        assert (sorted(captured.landed), captured.failed) == (sorted(own), {})
        assert landed(asking) == [f"{playlist}.json" for playlist in sorted(own)]
        for playlist, items in own.items():
            document = json.loads((asking.root / f"landing/playlists/{TODAY}/{playlist}.json").read_text())
            assert sum(len(page["items"]) for page in document["pages"]) == items
            assert "items" not in document["playlist"]
        assert max(asked_items(api).values()) == 3  # 120 items, by 50

    def test_nobody_elses_name_is_landed(self, asking):
        capture(asking)
        content = b"".join(path.read_bytes() for path in (asking.root / "landing").rglob("*.json"))
        assert b"someone-else" not in content
        assert b"display_name" not in content

    def test_a_landed_capture_is_not_requested_again_unless_refreshed(self, asking, api):
        first = capture(asking)
        api.calls.clear()
        assert (capture(asking).landed, len(capture(asking).present)) == ([], len(first.landed))
        assert not asked_items(api)

        again = capture(asking, refresh=True)

        assert sorted(again.landed) == sorted(first.landed)
        assert len(landed(asking)) == 2 * len(first.landed)

    def test_the_days_last_capture_is_the_snapshot(self, asking, api):
        [long] = [one for one in api.playlists.values() if one.name == "Evening Drive"]
        asking.overrides |= {"playlists": (long.id,)}
        capture(asking)
        long.items = long.items[:3]
        long.name = "Morning Drive"
        capture(asking, refresh=True)
        asking.sync("playlist_tracks")
        rows = asking.rows("playlist_tracks", "position", "playlist_name")
        assert [row["position"] for row in rows] == [0, 1, 2]
        assert {row["playlist_name"] for row in rows} == {"Morning Drive"}
        statuses = asking.rows("raw_playlist_files", "status", "items")
        assert sorted(row["status"] for row in statuses) == ["read", "replaced"]

    def test_one_that_cannot_be_read_is_reported_and_the_others_go_on(self, asking, api):
        followed = next(one.id for one in api.playlists.values() if one.owner_id != api.user)
        own = next(one.id for one in api.playlists.values() if one.owner_id == api.user)
        asking.overrides |= {"playlists": (followed, EDITORIAL, own)}

        captured = capture(asking)

        assert captured.landed == [own]
        assert "owns or collaborates" in captured.failed[followed]
        assert "hides it from apps" in captured.failed[EDITORIAL]

    @pytest.mark.parametrize("fault", [Status(404), Status(403, text="Active premium subscription required")])
    def test_a_partial_fetch_is_never_landed(self, asking, api, fault):
        asking.overrides |= {"api_concurrency": 1}
        long = next(one.id for one in api.playlists.values() if len(one.items) > 100)
        asking.overrides |= {"playlists": (long,)}
        fetch_page = f"/v1/playlists/{long}/items"
        api.fail(fetch_page, Status(503), fault)  # the first page comes after all, and the second does not

        assert long in capture(asking).failed
        assert landed(asking) == []
        assert capture(asking).landed == [long]

    def test_a_playlist_that_changes_while_it_is_read_is_read_again(self, asking, api):
        long = next(one for one in api.playlists.values() if len(one.items) > 100)
        asking.overrides |= {"playlists": (long.id,)}
        client = SpotifyClient(asking.settings)
        read = client.playlist_pages

        def while_somebody_turns_it_over(playlist_id: str, times=[1]):  # noqa: B006  # counts down over all calls
            pages = read(playlist_id)
            if times and times.pop():
                long.items.reverse()
            return pages

        client.playlist_pages = while_somebody_turns_it_over
        captured = fetch.capture_playlists(client, asking.landing, asking.settings, TODAY)

        assert captured.landed == [long.id]
        asking.sync("raw_playlists")
        expected = [item.id for item in long.items]
        assert [row["item_id"] for row in asking.rows("raw_playlists")] == expected

    def test_a_playlist_that_never_rests_is_reported(self, asking, api):
        long = next(one for one in api.playlists.values() if len(one.items) > 100)
        asking.overrides |= {"playlists": (long.id,)}
        client = SpotifyClient(asking.settings)
        read = client.playlist_pages
        client.playlist_pages = lambda playlist_id: (long.items.reverse(), read(playlist_id))[1]
        captured = fetch.capture_playlists(client, asking.landing, asking.settings, TODAY)
        assert "changed each time" in captured.failed[long.id]
        assert landed(asking) == []

    def test_an_exhausted_quota_keeps_what_came_and_says_when_to_come_back(self, asking, api):
        for number in range(12):
            one = Playlist(f"{number:02d}".rjust(22, "P"), f"List {number}", items=[Item.removed()])
            api.playlists[one.id] = one
        asking.overrides |= {"api_concurrency": 2}
        api.quota, api.quota_retry_after = 14, 7200

        captured = capture(asking)

        assert captured.landed
        assert all("quota" in problem for problem in captured.failed.values())
        before = asked_items(api)
        api.quota = None
        asking.overrides |= {"spotify_state": str(asking.root / "as-if-two-hours-later.json")}
        later = capture(asking)
        assert set(later.landed) == set(captured.failed)
        assert not set(asked_items(api) - before) & set(captured.landed)

    def test_with_credentials_alone_the_message_says_to_log_in(self, asking, api):
        own = next(one.id for one in api.playlists.values() if one.owner_id == api.user)
        asking.overrides |= {"refresh_token": SecretStr(""), "playlists": (own,)}
        assert "spotify-assets login" in capture(asking).failed[own]
        asking.overrides |= {"playlists": ("me",)}
        with pytest.raises(LoginNeededError, match="spotify-assets login"):
            capture(asking)

    def test_extended_mode_reads_the_playlists_of_others_by_credentials_alone(self, asking, api):
        api.mode = "extended"
        followed = next(one.id for one in api.playlists.values() if one.owner_id != api.user)
        asking.overrides |= {"refresh_token": SecretStr(""), "playlists": (followed,)}
        assert capture(asking).landed == [followed]


class TestRecentPlays:
    @pytest.fixture
    def played(self, api):
        api.recent[:] = []
        now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)

        def play(*minutes: int) -> list[datetime]:
            times = [now + timedelta(minutes=minute, milliseconds=250) for minute in minutes]
            api.recent += list(zip(times, track_ids(api, len(times)), strict=True))
            return times

        return play

    def test_polls_go_on_where_the_last_one_ended(self, asking, api, played):
        played(0, 4)
        assert poll(asking).plays == 2
        assert str(poll(asking)) == "No play since the last poll"
        played(8)
        assert poll(asking).plays == 1
        assert len(landed(asking, "history/me/recent")) == 2
        assert [call.query.get("after") is not None for call in api.calls] == [False, True, True, True, True]

    def test_they_become_plays_that_are_marked_as_estimated(self, asking, played):
        times = played(0, 1, 30)
        poll(asking)
        asking.sync("plays")
        plays = asking.rows("plays")
        assert sorted(play["played_at"] for play in plays) == times
        assert {play["listener"] for play in plays} == {"me"}
        assert all(play["ms_played_is_estimated"] for play in plays)
        by_time = {play["played_at"]: play["ms_played"] for play in plays}
        assert by_time[times[1]] == 60_000  # a minute after the one before it

    def test_an_export_that_covers_them_supersedes_them(self, asking, played):
        times = played(0, 4)
        poll(asking)
        first, last = (f"{time:%Y-%m-%dT%H:%M:%S}Z" for time in (times[0], times[1] + timedelta(minutes=1)))
        asking.land("me/a.json", [extended(first), extended(last)], landed_at=datetime.now(UTC))
        asking.sync("plays", "rejected_plays")
        assert [play["ms_played_is_estimated"] for play in asking.rows("plays")] == [False, False]
        assert {row["reason"] for row in asking.rows("rejected_plays")} == {"superseded"}

    def test_fifty_new_ones_at_once_may_have_missed_some(self, asking, played):
        played(0)
        assert not poll(asking).may_have_gaps
        played(*range(1, 60))
        assert poll(asking).may_have_gaps

    def test_without_a_login_the_error_says_so(self, asking):
        asking.overrides |= {"refresh_token": SecretStr("")}
        with pytest.raises(LoginNeededError, match="spotify-assets login"):
            poll(asking)


class TestMetadata:
    @pytest.fixture
    def heard(self, asking, api, prepared):
        """Five tracks that were played one to five times; landed and synced."""
        ids = track_ids(api, 5)
        prepared({"me/a.json": plays_of(ids)})
        return ids

    def test_the_most_played_come_first_within_the_budget(self, asking, api, heard):
        asking.overrides |= {"api_budget": 2, "api_concurrency": 1}
        result = fetched(asking)
        assert result.calls == len(api.calls) == 2
        assert [call.path for call in api.calls if call.status == 200] == [f"/v1/tracks/{heard[-1]}"]
        assert api.calls[0].path == "/v1/tracks"  # a batch, which development mode refuses

    def test_everything_that_is_mentioned_is_asked_for_once_and_never_again(self, asking, api, heard):
        result = fetched(asking)
        assert not result.left
        assert result.answers["tracks"] == 5
        singly = Counter(call.path for call in api.calls if call.status == 200)
        assert set(singly.values()) == {1}
        assert {path.split("/")[2] for path in singly} == {"tracks", "albums", "artists"}
        api.calls.clear()
        assert str(fetched(asking)) == "nothing new in 0 calls; still unknown: nothing"
        assert api.calls == []

    def test_batches_where_the_app_may(self, asking, api, heard):
        api.mode = "extended"
        assert fetched(asking).answers["tracks"] == 5
        assert [call.query["ids"].count(",") for call in api.calls if call.path == "/v1/tracks"] == [4]

    def test_audio_features_come_last_where_the_app_may_read_them(self, asking, api, heard, monkeypatch):
        monkeypatch.setattr(fetch, "BATCH_IDS", 6)
        api.mode = "extended"
        api.audio_features_apps = {api.client_id}
        del api.catalogue.audio_features[heard[0]]
        del api.catalogue.tracks[heard[1]]
        result = fetched(asking)
        assert (result.answers["audio_features"], result.refused, sum(result.left.values())) == (4, [], 0)
        is_last = [call.path == "/v1/audio-features" for call in api.calls]
        assert is_last == sorted(is_last)
        requested = [call.query["ids"] for call, last in zip(api.calls, is_last, strict=True) if last]
        assert ",".join(requested).split(",") == [heard[4], heard[3], heard[2], heard[0]]
        asking.refresh("audio_features_metadata", "track_catalogue", "dim_recording", "dim_track")
        told = {row["track_id"]: row["is_found"] for row in asking.rows("audio_features_metadata")}
        assert told == dict.fromkeys(heard[2:], True) | {heard[0]: False}
        sources = {row["track_key"]: row["features_source"] for row in asking.rows("dim_track")}
        assert [sources[one] for one in heard] == [None, None, "api", "api", "api"]
        assert fetched(asking).calls == 0

    def test_audio_features_that_the_app_may_not_read_are_said_once(self, asking, api, heard):
        result = fetched(asking)
        assert result.refused == ["audio_features"]
        assert str(result).endswith("; Spotify refuses audio features to this app, and is asked again in 7 days")
        assert Counter(call.path for call in api.calls)["/v1/audio-features"] == 1
        assert str(fetched(asking)) == "nothing new in 0 calls; still unknown: nothing"

    def test_ids_that_spotify_does_not_know_are_not_requested_again(self, asking, api, heard):
        del api.catalogue.tracks[heard[0]]
        result = fetched(asking)
        assert result.answers["tracks"] == 5
        asking.refresh("track_metadata", "track_catalogue", "dim_recording", "dim_track")
        unknown = [row["track_id"] for row in asking.rows("track_metadata") if not row["is_found"]]
        assert unknown == [heard[0]]
        assert heard[0] in {row["track_key"] for row in asking.rows("dim_track")}
        assert fetched(asking).calls == 0

    def test_a_quota_stops_it_cleanly_and_the_next_run_goes_on(self, asking, api, heard):
        asking.overrides |= {"api_concurrency": 1}
        api.quota, api.quota_retry_after = 4, 7200
        stopped = fetched(asking)
        assert "quota" in stopped.stopped
        assert stopped.answers["tracks"] == 3
        assert stopped.left["tracks"] == 2
        done = {call.path for call in api.calls if call.status == 200}
        api.quota = None
        api.calls.clear()
        asking.overrides |= {"spotify_state": str(asking.root / "as-if-two-hours-later.json")}
        assert not fetched(asking).left
        assert not done & {call.path for call in api.calls if call.status == 200}

    def test_attributes_reach_the_dimensions(self, asking, api, heard):
        fetched(asking)
        asking.refresh("track_catalogue", "dim_recording", "dim_track", "dim_artist", "dim_album")
        tracks = {row["track_key"]: row for row in asking.rows("dim_track")}
        for track_id in heard:
            known = api.catalogue.tracks[track_id]
            assert tracks[track_id]["duration_ms"] == known["duration_ms"]
            assert tracks[track_id]["isrc"] == known["external_ids"]["isrc"]
            assert tracks[track_id]["image_url"] == known["album"]["images"][0]["url"]
        named = {api.catalogue.tracks[track_id]["artists"][0]["name"] for track_id in heard}
        artists = {row["artist_name"]: row for row in asking.rows("dim_artist") if row["image_url"]}
        assert named <= set(artists)
        albums = {row["album_id"]: row for row in asking.rows("dim_album")}
        for track_id in heard:
            assert albums[api.catalogue.tracks[track_id]["album"]["id"]]["release_date"]
        assert len(asking.rows("plays")) == 15

    def test_plays_that_name_no_id_meet_those_of_the_catalogue(self, asking, api):
        track = api.catalogue.tracks[track_ids(api, 1)[0]]
        [long] = [one for one in api.playlists.values() if one.name == "Evening Drive"]
        long.items = [Item.track(track["id"])]
        artist = track["album"]["artists"][0]["name"]
        asking.land("me/StreamingHistory0.json", [account("2024-01-31 13:37", track=track["name"], artist=artist)])
        asking.overrides |= {"playlists": (long.id,)}
        capture(asking)
        asking.sync()
        [metric] = asking.rows("track_metrics")
        assert metric["track_key"] == track["id"]
        assert fetched(asking).answers["tracks"] == 0  # the playlist told it all


class TestThroughDagster:
    def run(self, job: str, world: World, tags=None, run_config=None, instance=None):
        return (
            definitions(world.settings)
            .resolve_job_def(job)
            .execute_in_process(instance=instance, tags=tags, run_config=run_config, raise_on_error=False)
        )

    def day(self, day) -> dict[str, str]:
        return {RANGE_START: f"{day}", RANGE_END: f"{day}"}

    def why(self, result) -> str:
        failures = (event.step_failure_data.error for event in result.all_events if event.is_step_failure)
        return next(error.cause.message for error in failures)

    def test_todays_partition_is_captured_and_read(self, asking, api, instance):
        result = self.run("capture_playlists", asking, self.day(TODAY), instance=instance)
        assert result.success
        latest = instance.get_latest_materialization_event(dg.AssetKey("raw_playlists")).asset_materialization
        assert latest.metadata["captured"].value == 3
        assert len(asking.rows("raw_playlists")) == 130
        calls = len(asked_items(api))
        assert self.run("capture_playlists", asking, self.day(TODAY)).success
        assert len(asked_items(api)) == calls
        config = {"ops": {"read_playlists": {"config": {"refresh": True}}}}
        assert self.run("capture_playlists", asking, self.day(TODAY), config).success
        assert len(landed(asking)) == 6

    def test_a_past_day_with_nothing_landed_fails_with_one_line(self, asking):
        yesterday = TODAY - timedelta(days=1)
        result = self.run("capture_playlists", asking, self.day(yesterday))
        assert not result.success
        assert "Spotify returns only the current state" in self.why(result)

    def test_today_without_credentials_says_what_to_set(self, world):
        result = self.run("refresh_playlists", world, self.day(TODAY))
        assert not result.success
        assert "SPOTIFY_ASSETS_PLAYLISTS" in self.why(result)

    def test_a_sync_sends_no_request(self, asking, api):
        capture(asking)
        api.calls.clear()
        asking.ingest()
        [run] = asking.refresh("playlist_tracks")
        assert run.tables[:2] == ("raw_playlist_files", "raw_playlists")
        assert api.calls == []


class TestInABucket:
    def test_playlists_plays_and_metadata_are_landed_and_read_and_not_asked_for_again(self, asking, api, bucket):
        asking.uri = bucket
        first = capture(asking)
        assert poll(asking).plays
        asking.overrides |= {"api_budget": 60}
        mirror_playlists(asking.landing, asking.lake, asking.settings, [f"{TODAY}"])
        assert len(asking.rows("raw_playlist_files")) == len(first.landed)
        month = datetime(2024, 1, 1, tzinfo=UTC)
        played = [
            {"content_type": "track", "content_key": one, "plays": 1, "month": month.date(), "window_at": month}
            for one in track_ids(api, 40)
        ]
        rows = pa.Table.from_pylist(played, TABLES["monthly_content"].arrow_schema)
        asking.lake.replace("monthly_content", lambda: iter(rows.to_batches()))

        answers = fetched(asking).answers

        mirror_metadata(asking.landing, asking.lake, asking.settings, "tracks")
        assert len(asking.rows("track_metadata")) == answers["tracks"] == 40
        assert len(landed(asking, "metadata/tracks")) < 40
        api.calls.clear()
        assert (capture(asking).landed, poll(asking).plays) == ([], 0)
        fetched(asking)
        assert not [call for call in api.calls if call.path.startswith("/v1/tracks/")]
