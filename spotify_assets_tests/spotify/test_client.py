"""The client against the stand-in, over real HTTP."""

import json
import logging
import os
import re
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import pytest

from spotify_assets.defs.resources.spotify import SpotifyResource
from spotify_assets.sandbox.ports import free_port
from spotify_assets.sandbox.spotify_api import Close, Cut, Garbage, Item, Playlist, Slow, StandIn, Status
from spotify_assets.settings import load_settings
from spotify_assets.spotify import (
    Answer,
    Budget,
    CredentialsError,
    LoginNeededError,
    NotFoundError,
    QuotaExhaustedError,
    RefusedError,
    SpotifyClient,
    SpotifyError,
    UnavailableError,
    app,
    failures,
    http,
)
from spotify_assets.spotify.app import App
from spotify_assets.spotify.login import log_in
from spotify_assets.spotify.reads import Reads
from spotify_assets.spotify.state import SpotifyState
from spotify_assets_tests.spotify.conftest import settings_for, shown, visit

SECOND, THIRD = ("second-app", "second-secret"), ("third-app", "third-secret")
WAYS_TO_BREAK = (Status(503), Status(500, text="oops"), Close(), Cut(), Garbage(), Garbage("[]"))


def client_for(api: StandIn, **overrides) -> SpotifyClient:
    return SpotifyClient(settings_for(api, **overrides))


@pytest.fixture
def client(api) -> SpotifyClient:
    """By client credentials."""
    return client_for(api)


@pytest.fixture
def user(api) -> SpotifyClient:
    """With a login."""
    return client_for(api, refresh_token=api.refresh_token)


def tracks(api: StandIn, count: int) -> list[str]:
    return list(api.catalogue.tracks)[:count]


def read(client: SpotifyClient, ids, budget: int = 1000, kind="tracks") -> list[Answer]:
    return list(client.metadata(kind, ids, Budget(budget)))


def until_error(answers) -> tuple[list, SpotifyError | None]:
    """What was given before the error, and the error."""
    given = []
    try:
        given.extend(answers)
    except SpotifyError as error:
        return given, error
    return given, None


def asked(api: StandIn) -> Counter:
    """How often each object was asked for."""
    return Counter(call.path.rsplit("/", 1)[1] for call in api.calls)


class TestResource:
    def test_nothing_connects_before_a_call(self, api):
        resource = SpotifyResource(settings=settings_for(api))

        assert resource.is_configured
        assert resource.client is resource.client
        assert resource.client.has_login() is False
        assert (api.calls, api.token_calls, os.listdir()) == ([], [], [])

    def test_without_an_app(self, api):
        resource = SpotifyResource(settings=load_settings(api_url=api.url))

        assert not resource.is_configured
        assert not resource.client.has_login()
        with pytest.raises(CredentialsError, match="SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET"):
            resource.client.playlist("0" * 22)

    def test_in_dagster(self, api):
        @dg.asset
        def fetched(spotify: SpotifyResource) -> int:
            return len(list(spotify.client.metadata("tracks", tracks(api, 3), Budget(9))))

        settings = settings_for(api, refresh_token=api.refresh_token)
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                [fetched], resources={"spotify": SpotifyResource(settings=settings)}, instance=instance
            )

            assert result.output_for_node("fetched") == 3
            assert not secrets_in(api, repr([*instance.all_logs(result.run_id), *instance.get_runs()]))

    def test_shows_no_secret(self, api):
        settings = settings_for(api, refresh_token=api.refresh_token)
        resource = SpotifyResource(settings=settings)
        resource.client.me()

        shown = [
            resource,
            resource.client,
            resource.client._apps,
            resource.client.state,
            resource._convert_to_config_dictionary(),
        ]
        shown += [resource.client.state.of(api.client_id), settings]
        assert not secrets_in(api, f"{shown!r} {shown!s}")


class TestTokens:
    def test_the_app_alone_reads_by_client_credentials(self, api, client):
        read(client, tracks(api, 3))

        assert api.token_calls == ["client_credentials"]
        assert not any(call.user for call in api.calls)
        assert ".cache" not in os.listdir()

    def test_with_a_login_everything_is_read_for_the_user(self, api, user):
        read(user, tracks(api, 3))
        user.me()

        assert user.has_login()
        assert api.token_calls == ["refresh_token"]
        assert all(call.user for call in api.calls)

    def test_what_needs_a_user_is_not_even_asked_for_without_one(self, api, client):
        for call in (client.me, client.my_playlists, lambda: client.recently_played(None)):
            with pytest.raises(LoginNeededError, match="spotify-assets login"):
                call()
        assert api.calls == []

    def test_a_login_made_meanwhile_is_used(self, api, client):
        read(client, tracks(api, 1))
        SpotifyState("state/spotify.json").keep_login(api.client_id, api.refresh_token)

        assert client.me()["id"] == api.user

    def test_a_wrong_secret(self, api):
        client = client_for(api, client_secret="wrong-secret")

        with pytest.raises(CredentialsError, match=r"'standin-app-1'.*SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET"):
            read(client, tracks(api, 20))
        assert (api.calls, len(api.token_calls)) == ([], 1)

    def test_a_secret_with_letters_that_none_has(self, api):
        with pytest.raises(CredentialsError):
            read(client_for(api, client_secret="sécret"), tracks(api, 1))

    def test_a_login_that_has_ended(self, api, user):
        api.revoke_refresh_tokens()

        with pytest.raises(LoginNeededError, match=r"SPOTIFY_ASSETS_REFRESH_TOKEN.*run `spotify-assets login`"):
            user.me()

    def test_a_stored_login_that_has_ended(self, api, client):
        client.state.keep_login(api.client_id, api.refresh_token)
        api.revoke_refresh_tokens()

        with pytest.raises(LoginNeededError, match="six months: run `spotify-assets login`"):
            client.me()

    def test_an_expired_token_is_replaced_once_by_eight_threads(self, api, client):
        ids = tracks(api, 41)
        read(client, ids[:9])
        api.expire_tokens()
        api.latency = 0.02
        api.calls.clear()

        assert len(read(client, ids[9:])) == 32
        assert api.token_calls == ["client_credentials"] * 2
        assert 1 <= sum(call.status == 401 for call in api.calls) <= 8

    def test_a_token_is_replaced_before_it_ends(self, api, client):
        api.token_seconds = 0.2
        read(client, tracks(api, 1))
        time.sleep(0.15)
        read(client, tracks(api, 1))

        assert [call.status for call in api.calls] == [200, 200]
        assert len(api.token_calls) == 2

    def test_a_token_that_is_refused_again(self, api, client, user):
        api.fail("/v1/tracks", Status(401), times=None)

        with pytest.raises(LoginNeededError, match="spotify-assets login"):
            read(client, tracks(api, 1))
        with pytest.raises(RefusedError, match="401"):
            read(user, tracks(api, 1))
        assert len(api.calls) == 4
        assert len(api.token_calls) == 4

    @pytest.mark.parametrize("broken", [*WAYS_TO_BREAK, Status(429, retry_after=0), Garbage('{"access_token": null}')])
    def test_the_way_to_a_token_breaks(self, api, client, broken):
        api.fail("/api/token", broken)

        assert len(read(client, tracks(api, 9))) == 9

    def test_an_app_that_has_to_wait_for_its_token_leaves_it_to_another(self, api):
        api.apps |= dict([SECOND])
        api.latency = 0.02
        api.fail("/api/token", Status(429, retry_after=50))

        started = time.monotonic()
        assert len(read(client_for(api), tracks(api, 50))) == 50
        assert time.monotonic() - started < 10

    def test_no_token_to_be_had(self, api, client):
        api.fail("/api/token", Status(503), times=None)
        api.latency = 0.02

        with pytest.raises(UnavailableError, match="503"):
            read(client, tracks(api, 20))

    def test_of_threads_that_wait_for_a_token_all_hear_that_there_is_none(self, api, client, caplog):
        caplog.set_level(logging.DEBUG, "spotify_assets.spotify")
        api.fail("/api/token", Status(400, reason="nope"), times=None)
        api.latency = 0.1

        results = [result for _, result in client.each(client.playlist, list(api.playlists))]

        assert all(isinstance(result, RefusedError) for result in results)
        assert [record.args[1] for record in caplog.records] == ["/api/token"]

    def test_a_new_refresh_token_is_kept_where_the_old_one_was(self, api, client, monkeypatch):
        client.state.keep_login(api.client_id, api.refresh_token)
        kept_since = client.state.of(api.client_id).authorized_at
        new = "standin-refresh-token-new"
        monkeypatch.setattr(api, "_refresh", lambda app, token: api._grant(app, "playlist-read-private", new))
        client.me()

        known = client.state.of(api.client_id)
        assert known.refresh_token.get_secret_value() == new
        assert known.authorized_at == kept_since

    def test_a_login_in_another_process_replaces_one_that_was_revoked(self, api, client):
        client.state.keep_login(api.client_id, "standin-refresh-token-old")
        ask, asked_with = client._transport.user_token, []

        def logged_in_meanwhile(client_id, secret, refresh_token):
            asked_with.append(refresh_token)
            SpotifyState("state/spotify.json").keep_login(client_id, api.refresh_token)
            return ask(client_id, secret, refresh_token)

        client._transport.user_token = logged_in_meanwhile

        assert client.me()["id"] == api.user
        assert asked_with == ["standin-refresh-token-old", api.refresh_token]


class TestPlaylists:
    def test_all_of_the_users_own_by_fifty(self, api, user):
        for number in range(103):
            key = f"{number:022}"
            api.playlists[key] = Playlist(key, f"List {number}")

        playlists = user.my_playlists()

        assert [playlist["id"] for playlist in playlists] == list(api.playlists)
        assert [(call.query["limit"], call.query["offset"]) for call in api.calls] == [
            ("50", "0"),
            ("50", "50"),
            ("50", "100"),
        ]

    def test_one(self, api, client):
        key = next(iter(api.playlists))

        assert client.playlist(key)["name"] == api.playlists[key].name
        assert api.calls[0].query == {"additional_types": "track,episode"}

    @pytest.mark.parametrize("key", ["0" * 22, "short", "37i9dQZF1DXcBWIGoYBM5M", "../me", ""])
    def test_none_such(self, api, user, key):
        for call in (user.playlist, user.playlist_pages):
            with pytest.raises(NotFoundError, match=f"playlist {re.escape(key)}: Spotify has no such playlist"):
                call(key)

    def test_pages_by_offset(self, api, user):
        key = next(key for key, playlist in api.playlists.items() if len(playlist.items) == 120)

        pages = user.playlist_pages(key)

        assert [len(page["items"]) for page in pages] == [50, 50, 20]
        assert [call.query["offset"] for call in api.calls] == ["0", "50", "100"]
        assert {call.path for call in api.calls} == {f"/v1/playlists/{key}/items"}

    def test_an_empty_one_has_a_page(self, api, user):
        key = next(key for key, playlist in api.playlists.items() if not playlist.items)

        assert [page["items"] for page in user.playlist_pages(key)] == [[]]

    @pytest.mark.parametrize(("changes", "calls"), [(1, 2 + 2), (3, 3 * 2 + 2)])
    def test_one_that_changes_is_read_again(self, api, user, changes, calls):
        key = shrinking(api, changes)

        pages = user.playlist_pages(key)

        assert sum(len(page["items"]) for page in pages) == pages[0]["total"] == 100 - changes
        assert len(api.calls) == calls

    def test_one_that_never_rests(self, api, user):
        key = shrinking(api, 30)

        with pytest.raises(UnavailableError, match=f"playlist {key} changed"):
            user.playlist_pages(key)
        assert len(api.calls) == 8

    def test_items_that_do_not_add_up_to_the_total(self, api, user):
        api.fail("/items", Garbage('{"items": [{}, {}], "total": 3}'), times=None)

        with pytest.raises(UnavailableError, match="changed"):
            user.playlist_pages("0" * 22)

    def test_items_that_only_a_user_may_read(self, api, client):
        with pytest.raises(LoginNeededError, match="spotify-assets login"):
            client.playlist_pages(next(iter(api.playlists)))

    def test_items_that_only_others_may_read(self, api, user):
        key = next(key for key, playlist in api.playlists.items() if playlist.owner_id != api.user)

        with pytest.raises(RefusedError, match="development mode only playlists that one owns or collaborates on"):
            user.playlist_pages(key)

    def test_in_extended_mode_an_app_alone_reads_them(self, api, client):
        api.mode = "extended"
        key = next(iter(api.playlists))

        assert client.playlist_pages(key)[0]["total"] == len(api.playlists[key].items)

    def test_recent_plays_after_a_time(self, api, user):
        plays = user.recently_played(None)["items"]
        after = datetime.fromisoformat(plays[3]["played_at"])

        assert len(plays) == 50
        assert user.recently_played(int(after.timestamp() * 1000))["items"] == plays[:3]

    @pytest.mark.parametrize("body", ["{}", '{"items": []}', '{"items": {}, "total": 3}'])
    def test_what_is_no_page(self, api, user, body):
        api.fail("/v1/(me/playlists|.*/items)", Garbage(body), times=None)

        for call in (user.my_playlists, lambda: user.playlist_pages("0" * 22)):
            with pytest.raises(UnavailableError, match="something else than a page"):
                call()


def shrinking(api: StandIn, times: int) -> str:
    """A playlist of 100 that loses an item after each of the first pages that start it."""

    class Shrinking(list):
        left = times

        def __getitem__(self, part):
            page = list.__getitem__(self, part)
            if isinstance(part, slice) and part.start == 0 and self.left:
                self.left -= 1
                api.playlists[key].items = type(self)(list.__getitem__(self, slice(1, None)))
                api.playlists[key].items.left = self.left
            return page

    key = "7" * 22
    items = Shrinking(Item.track(track) for track in tracks(api, 100))
    api.playlists[key] = Playlist(key, "Shrinking", items=items)
    return key


class TestMetadata:
    def test_each_id_is_asked_for_once(self, api, client):
        ids = tracks(api, 100)

        answers = read(client, ids + ids[::-1])

        assert sorted(answer.id for answer in answers) == sorted(ids)
        assert all(answer.body["name"] == api.catalogue.tracks[answer.id]["name"] for answer in answers)
        assert asked(api) == Counter([*ids, "tracks"])

    def test_no_more_in_flight_than_allowed(self, api):
        api.latency = 0.02
        client = client_for(api, api_concurrency=3)

        read(client, tracks(api, 40))
        list(client.each(client.playlist, list(api.playlists)))

        assert api.max_in_flight == 3

    @pytest.mark.parametrize(("kind", "size"), [("tracks", 50), ("albums", 20), ("artists", 50)])
    def test_batches_where_the_app_may_read_so(self, api, client, kind, size):
        api.mode = "extended"
        ids = [*list(getattr(api.catalogue, kind))[:60], "0" * 22]

        answers = {answer.id: answer for answer in read(client, ids, kind=kind)}

        assert set(answers) == set(ids)
        assert answers["0" * 22] == Answer(kind, "0" * 22, 404, None)
        assert all(answers[key].body["id"] == key for key in ids[:-1])
        assert len(api.calls) == -(-len(ids) // size)

    def test_audio_features_with_an_app_that_may_read_them(self, api):
        api.mode = "extended"
        api.apps |= dict([SECOND])
        api.audio_features_apps = {SECOND[0]}
        ids = [*tracks(api, 104), "0" * 22]
        client = client_for(api, others=[SECOND])

        answers = {answer.id: answer for answer in read(client, [*ids, "tooshort"], kind="audio_features")}

        assert answers.pop("tooshort").status == answers.pop("0" * 22).status == 404
        assert [answers[key].body for key in ids[:-1]] == [api.catalogue.audio_features[key] for key in ids[:-1]]
        assert [call.client_id for call in api.calls if call.status == 403] == [api.client_id]
        assert client.may_read("audio_features")

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            Status(403, text='{"error": {"status": 403}}'),
            Status(403, message="This endpoint is deprecated"),
            Status(404, message="Service not found"),
            Status(410),
        ],
    )
    def test_audio_features_that_no_app_may_read_are_not_asked_for_again(self, api, client, answer):
        if answer:
            api.fail("/v1/audio-features", answer, times=None)

        assert read(client, tracks(api, 300), kind="audio_features") == []
        assert not client.may_read("audio_features")
        assert read(client_for(api), tracks(api, 300), kind="audio_features") == []
        assert len(api.calls) == 1
        until = client.state.of(api.client_id).refused_until["audio_features"]
        assert timedelta(days=6) < until - datetime.now(UTC) <= timedelta(days=7)
        client.state.refuse(api.client_id, "audio_features", datetime.now(UTC))
        read(client_for(api), tracks(api, 1), kind="audio_features")
        assert len(api.calls) == 2

    @pytest.mark.parametrize(
        "answer",
        [
            Status(401, message="Invalid access token"),
            Status(403, message="Insufficient client scope"),
            Status(403, reason="PREMIUM_REQUIRED"),
            Status(403, text="Active premium subscription required for the owner of the app."),
            Status(403, text="<html>Blocked by this network's policy</html>"),
            Status(403, text='{"error": {"code": 403, "message": "Forbidden"}}'),
            Status(403, text=""),
            Status(404, text="<html>Not Found</html>"),
        ],
    )
    def test_audio_features_that_are_refused_for_another_reason_are_asked_for_again(self, api, client, answer):
        api.fail("/v1/audio-features", answer, times=2 if answer.code == 401 else 1)

        with pytest.raises(SpotifyError):
            read(client, tracks(api, 3), kind="audio_features")
        assert client.may_read("audio_features")
        assert client.state.of(api.client_id).refused_until == {}

    def test_audio_features_that_are_no_json(self, api, client):
        api.fail("/v1/audio-features", Garbage(), times=None)

        with pytest.raises(UnavailableError):
            read(client, tracks(api, 3), kind="audio_features")
        assert client.may_read("audio_features")

    def test_that_batches_are_refused_is_found_out_once(self, api, client):
        ids = tracks(api, 30)
        read(client, ids[:10])
        read(client, ids[10:20])
        read(client_for(api), ids[20:])

        assert [call.status for call in api.calls] == [403] + [200] * 30
        assert json.loads(Path("state/spotify.json").read_text())[api.client_id]["single_reads"] == ["tracks"]

    def test_one_id_finds_out_nothing(self, api, client):
        read(client, tracks(api, 1))

        assert [call.status for call in api.calls] == [200]

    def test_an_app_that_is_refused_everything_may_read_in_batches_some_day(self, api, client):
        text = "Active premium subscription required for the owner of the app."
        api.fail("/v1/", Status(403, text=text), times=None)

        with pytest.raises(RefusedError, match=text):
            read(client, tracks(api, 20))
        assert client.state.of(api.client_id).single_reads == set()

    def test_what_is_unknown_or_no_id(self, api, client):
        ids = ["0" * 22, "tooshort", "../me", "", "naïve", *tracks(api, 1)]

        answers = {answer.id: answer.status for answer in read(client, ids)}

        assert answers == dict.fromkeys(ids[:-1], 404) | {ids[-1]: 200}
        assert len(api.calls) == 1 + 3

    def test_a_malformed_id_spoils_no_batch(self, api, client):
        api.mode = "extended"
        ids = [*tracks(api, 60), "tooshort"]

        answers = {answer.id: answer.status for answer in read(client, ids[::-1])}

        assert answers == dict.fromkeys(ids[:-1], 200) | {"tooshort": 404}
        assert len(api.calls) < 16

    def test_a_batch_of_another_length(self, api, client):
        api.mode = "extended"
        api.fail("/v1/tracks", Garbage('{"tracks": [null]}'))

        with pytest.raises(UnavailableError, match="2 tracks of the request"):
            read(client, tracks(api, 2))

    def test_it_ends_when_the_budget_is_used_up(self, api, client):
        budget = Budget(20)
        api.fail("/v1/tracks/", Status(503), times=4)

        answers = list(client.metadata("tracks", tracks(api, 100), budget))

        assert len(api.calls) == client.calls == budget.used == 20
        assert budget.left == 0
        assert len(answers) == 20 - 1 - 4
        assert list(client.metadata("tracks", tracks(api, 100), budget)) == []

    def test_a_budget_of_nothing(self, api, client):
        assert read(client, tracks(api, 3), budget=0) == []
        assert (api.calls, api.token_calls) == ([], [])

    def test_nothing_is_asked_after_the_consumer_stops(self, api, client, monkeypatch):
        monkeypatch.setattr(failures, "WEB_API", replace(failures.WEB_API, first_wait=0.05))
        api.latency = 0.02
        api.fail("/v1/tracks/", Status(503), times=None)
        answers = client.metadata("tracks", ["no id", *tracks(api, 100)], Budget(1000))

        next(answers)
        until = time.monotonic() + 30
        while not api.calls and time.monotonic() < until:
            time.sleep(0.01)
        before = len(api.calls)
        answers.close()
        made = len(api.calls)
        time.sleep(0.1)

        assert before > 0
        assert len(api.calls) == made <= before + 8
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("spotify_")]

    def test_an_error_ends_it_after_what_is_in_flight(self, api, client):
        api.latency = 0.02
        ids = tracks(api, 100)
        api.fail(f"/v1/tracks/{ids[10]}", Status(403, message="Not for you"), times=None)

        answers, error = until_error(client.metadata("tracks", ids, Budget(1000)))

        assert isinstance(error, RefusedError)
        assert "Not for you" in str(error)
        assert {answer.id for answer in answers} >= set(ids[:10])
        assert len(answers) == sum(call.status == 200 for call in api.calls) < 30


class TestEach:
    def test_an_error_stands_beside_the_results_of_others(self, api, user):
        results = dict(user.each(user.playlist_pages, [*api.playlists, "0" * 22]))

        assert isinstance(results.pop("0" * 22), NotFoundError)
        for key, result in results.items():
            if api.playlists[key].owner_id == api.user:
                assert result[0]["total"] == len(api.playlists[key].items)
            else:
                assert isinstance(result, RefusedError)

    def test_nothing_new_begins_when_the_quota_is_used_up(self, api):
        client = client_for(api, api_concurrency=2)
        keys = [*api.playlists, *(f"{number:022}" for number in range(100))]
        api.quota, api.quota_retry_after = 3, 3600

        results = list(client.each(client.playlist, keys))

        assert sorted(key for key, _ in results) == sorted(keys)
        assert sum(isinstance(result, QuotaExhaustedError) for _, result in results) == len(keys) - 3
        assert len(api.calls) <= 5

    def test_what_is_no_error_of_spotify_is_raised(self, api, client):
        with pytest.raises(ZeroDivisionError):
            list(client.each(lambda number: 1 / number, [1, 0]))

    def test_what_is_under_way_makes_no_other_call_when_the_consumer_stops(self, api, user):
        key = next(key for key, playlist in api.playlists.items() if len(playlist.items) == 120)
        api.latency = 0.05

        def pages(what):
            if what == key:
                return user.playlist_pages(key)
            while not api.calls:
                time.sleep(0.01)
            return None

        results = user.each(pages, [key, "another"])
        assert next(results) == ("another", None)
        results.close()

        assert len(api.calls) == 1


class TestQuotas:
    def test_a_short_wait_is_waited_by_all_threads(self, api, client):
        read(client, tracks(api, 2))
        api.calls.clear()
        api.latency = 0.01
        api.fail("/v1/tracks/", Status(429, retry_after=1))

        assert len(read(client, tracks(api, 100))) == 100
        limited = next(call for call in api.calls if call.status == 429)
        begun = [call.at - limited.at for call in api.calls]
        assert not [at for at in begun if 0.3 < at < 1]
        assert max(begun) > 1

    def test_another_app_goes_on_meanwhile(self, api):
        api.apps |= dict([SECOND])
        api.latency = 0.01
        client = client_for(api)
        api.fail("/v1/tracks", Status(429, retry_after=50))

        started = time.monotonic()
        assert len(read(client, tracks(api, 100))) == 100
        assert time.monotonic() - started < 10

    def test_while_an_app_is_probed_another_one_that_has_to_wait_is_given_nothing(self):
        unknown, told_to_wait = (
            Mock(spec=App, pause_left=0.0, **{"reads_singly.return_value": None}),
            Mock(spec=App, pause_left=50.0),
        )
        reads = Reads("tracks", map(str, range(100)))

        assert reads.may_ask([unknown, told_to_wait]) == [unknown]
        reads.next(unknown)
        assert reads.may_ask([unknown, told_to_wait]) == []

    def test_of_apps_that_all_have_to_wait_the_first_to_be_free_goes_on(self, api):
        api.apps |= dict([SECOND])
        client = client_for(api)
        api.fail("/v1/playlists", Status(429, retry_after=50), Status(429, retry_after=1))

        started = time.monotonic()
        assert client.playlist(next(iter(api.playlists)))
        assert 1 < time.monotonic() - started < 10
        assert [call.status for call in api.calls] == [429, 429, 200]
        assert api.calls[1].client_id == api.calls[2].client_id

    def test_a_user_waits_for_the_app_that_knows_them(self, api):
        api.apps |= dict([SECOND])
        user = client_for(api, refresh_token=api.refresh_token)
        api.fail("/v1/me", Status(429, retry_after=1))

        assert user.me()["id"] == api.user
        assert [call.status for call in api.calls] == [429, 200]

    @pytest.mark.parametrize(
        ("fault", "seconds"),
        [
            (Status(429, retry_after=61), 61),
            (Status(429, retry_after=86_400), 86_400),
            (Status(429, retry_after=10**12), 7 * 86_400),
            (Status(429, retry_after=30, reason="QUOTA_EXCEEDED"), 30),
            (Status(429, reason="QUOTA_EXCEEDED"), 3600),
        ],
    )
    def test_a_long_wait_is_not_waited(self, api, client, fault, seconds):
        api.fail("/v1/", fault, times=None)
        key = next(iter(api.playlists))

        with pytest.raises(QuotaExhaustedError) as caught:
            client.playlist(key)
        assert abs(caught.value.until - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(seconds=3)
        assert f"{caught.value.until:%Y-%m-%d %H:%M} UTC" in str(caught.value)
        with pytest.raises(QuotaExhaustedError):
            client.playlist(key)
        assert len(api.calls) == 1

    @pytest.mark.parametrize(("seconds", "is_blocked"), [(60, False), (61, True)])
    def test_more_than_a_minute_blocks_an_app_and_a_minute_is_waited(self, api, seconds, is_blocked):
        api.apps |= dict([SECOND])
        client = client_for(api)
        api.fail("/v1/playlists", Status(429, retry_after=seconds))

        assert client.playlist(next(iter(api.playlists)))
        told_to_wait, answered = api.calls
        assert (told_to_wait.status, answered.status) == (429, 200)
        assert (client.state.of(told_to_wait.client_id).blocked_until is not None) == is_blocked
        assert client.state.of(answered.client_id).blocked_until is None

    def test_a_limit_of_unknown_length(self, api, client, monkeypatch):
        monkeypatch.setattr(app, "UNKNOWN_PAUSE", 0.05)
        api.fail("/v1/", Status(429))

        assert client.playlist(next(iter(api.playlists)))

    def test_a_limit_that_does_not_end(self, api, client):
        api.fail("/v1/", Status(429, retry_after=0), times=None)

        with pytest.raises(UnavailableError, match="limits"):
            client.playlist(next(iter(api.playlists)))
        assert len(api.calls) == failures.WAITS

    def test_the_next_process_asks_no_app_whose_quota_is_used_up(self, api, client):
        api.quota, api.quota_retry_after, api.latency = 20, 3600, 0.01

        answers, error = until_error(client.metadata("tracks", tracks(api, 100), Budget(1000)))
        made = len(api.calls)

        assert isinstance(error, QuotaExhaustedError)
        assert len(answers) == sum(call.status == 200 for call in api.calls) == 19
        assert made <= 20 + 8
        again, error = until_error(client_for(api).metadata("tracks", tracks(api, 100), Budget(1000)))
        assert (again, type(error), len(api.calls)) == ([], QuotaExhaustedError, made)

    def test_a_block_ends(self, api, client):
        client.state.block(api.client_id, datetime.now(UTC) - timedelta(seconds=1))

        assert client_for(api).playlist(next(iter(api.playlists)))

    def test_apps_take_turns(self, api):
        api.apps |= dict([SECOND, THIRD])
        api.latency = 0.01

        assert len(read(client_for(api), tracks(api, 90))) == 90
        by_app = Counter(call.client_id for call in api.calls if call.status == 200)
        assert set(by_app) == set(api.apps)
        # A third each, less what a busy machine delays: apps share one queue of ids.
        assert min(by_app.values()) > 5

    def test_an_app_whose_quota_is_used_up_is_passed_over(self, api):
        api.apps |= dict([SECOND])
        api.quota, api.quota_retry_after = 40, 3600
        api.spent[SECOND[0]] = 30
        ids = tracks(api, 100)

        answers, error = until_error(client_for(api).metadata("tracks", ids, Budget(1000)))

        assert len({answer.id for answer in answers}) == len(answers) == 50 - 2
        assert isinstance(error, QuotaExhaustedError)
        assert not {answer.id for answer in answers} - set(ids)

    def test_all_apps_are_blocked_until_the_first_may_be_asked_again(self, api):
        api.apps |= dict([SECOND])
        client = client_for(api)
        soon, late = (datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours) for hours in (1, 9))
        client.state.block(api.client_id, late)
        client.state.block(SECOND[0], soon)

        with pytest.raises(QuotaExhaustedError) as caught:
            client_for(api).playlist("0" * 22)
        assert caught.value.until == soon

    def test_only_an_app_with_a_login_may_read_for_the_user(self, api, user):
        api.apps |= dict([SECOND])
        user = client_for(api, refresh_token=api.refresh_token)
        for _ in range(3):
            user.me()
        assert {call.client_id for call in api.calls} == {api.client_id}

        api.fail("/v1/me", Status(429, retry_after=3600))
        with pytest.raises(QuotaExhaustedError):
            user.me()
        assert len(read(user, tracks(api, 5))) == 5


class TestBrokenAnswers:
    @pytest.mark.parametrize("broken", WAYS_TO_BREAK)
    def test_it_is_tried_again(self, api, client, broken):
        api.fail("/v1/", broken)

        assert client.playlist(next(iter(api.playlists)))
        assert len(api.calls) == 2

    def test_an_answer_that_comes_too_late(self, api, client, monkeypatch):
        monkeypatch.setattr(http, "TIMEOUT", (1, 0.3))
        api.fail("/v1/", Slow(0.5))

        assert client.playlist(next(iter(api.playlists)))
        assert len(api.calls) == 2

    @pytest.mark.parametrize("broken", [Status(503), Cut()])
    def test_until_it_is_enough(self, api, client, broken):
        api.fail("/v1/", broken, times=None)

        with pytest.raises(UnavailableError, match="5 attempts"):
            client.playlist(next(iter(api.playlists)))
        assert len(api.calls) == 5

    def test_nobody_listens(self, api, client):
        client = client_for(api, api_url="http://127.0.0.1:9")

        with pytest.raises(UnavailableError, match="ConnectionError"):
            read(client, tracks(api, 20))

    def test_errors_of_any_shape(self, api, client):
        for body in ('{"error": "no"}', '{"error": null}', "[]", "<html>no</html>", ""):
            api.fail("/v1/", Status(403, text=body))
            with pytest.raises(RefusedError):
                client.playlist(next(iter(api.playlists)))


class TestWayOut:
    @pytest.fixture(autouse=True)
    def _no_proxy_set(self, monkeypatch):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        monkeypatch.setattr(failures, "WEB_API", replace(failures.WEB_API, first_wait=0.01))

    def test_loopback_is_asked_without_a_proxy(self, api, client, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

        assert client.playlist(next(iter(api.playlists)))

    def test_spotify_itself_is_asked_through_the_proxy(self, monkeypatch):
        heard = []

        class Proxy(BaseHTTPRequestHandler):
            def do_CONNECT(self):
                heard.append(self.path)
                self.send_error(403)

            def log_message(self, *_):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
            threading.Thread(target=proxy.serve_forever, args=(0.01,)).start()
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_port}")
            client = SpotifyClient(load_settings(client_id="an-app", client_secret="its-secret"))
            with pytest.raises(UnavailableError, match="ProxyError"):
                client.playlist("0" * 22)
            client._apps[0]._token = app._Token("a-token", False, float("inf"))
            with pytest.raises(UnavailableError, match="ProxyError"):
                client.playlist("0" * 22)
            proxy.shutdown()
        assert heard == ["accounts.spotify.com:443"] * 5 + ["api.spotify.com:443"] * 5

    def test_a_netrc_does_not_replace_the_token(self, api, client, monkeypatch):
        Path("netrc").write_text("machine 127.0.0.1 login somebody password else\n")
        monkeypatch.setenv("NETRC", "netrc")

        assert client.playlist(next(iter(api.playlists)))


def secrets_in(api: StandIn, text: str) -> list[str]:
    """Secrets of the stand-in that occur; all are made up after one pattern."""
    return re.findall(r"standin-(?:secret|access-token|refresh-token|code)-\w+|Basic \S+|Bearer \S+", text)


def test_nothing_leaks(api):
    records = []

    class Everything(logging.Handler):
        def emit(self, record):
            records.append(f"{record.name}: {logging.Formatter().format(record)} {record.__dict__!r}")

    handler = Everything(0)
    root = logging.getLogger()
    loggers = [logging.getLogger(f"spotipy{name}") for name in ("", ".client", ".oauth2", ".util")]
    levels = [(logger, logger.level) for logger in [root, *loggers]]
    for logger, _ in levels:
        logger.setLevel(logging.DEBUG)
    root.addHandler(handler)
    errors = []
    wrong, odd = "standin-secret-0", "standin-secret-é"
    try:
        settings = settings_for(api)
        log_in(settings, free_port(), visit, lambda line: None)
        user, alone = SpotifyClient(settings), client_for(api, spotify_state="other.json")
        user.me()
        read(user, tracks(api, 5))
        api.expire_tokens()
        user.my_playlists()
        api.fail("/v1/tracks/", *WAYS_TO_BREAK, Status(429, retry_after=0), Status(401))
        read(user, tracks(api, 20))
        api.fail("/api/token", *WAYS_TO_BREAK[:4], Garbage('{"access_token": {"standin-access-token-x": 1}}'))
        attempts = [
            lambda: user.playlist("0" * 22),
            lambda: user.playlist_pages(next(k for k, p in api.playlists.items() if p.owner_id != api.user)),
            alone.me,
            lambda: alone.playlist_pages(next(iter(api.playlists))),
            lambda: read(client_for(api, client_secret=odd, spotify_state="o.json"), tracks(api, 1)),
            lambda: read(client_for(api, client_secret=wrong, spotify_state="o.json"), tracks(api, 1)),
            lambda: (api.fail("/v1/me", Close(), times=None), user.me()),
            lambda: (api.heal(), api.revoke_refresh_tokens(), api.expire_tokens(), user.me()),
            lambda: log_in(settings_for(api, client_secret=wrong), free_port(), visit, lambda line: None),
        ]
        for attempt in attempts:
            with pytest.raises(SpotifyError) as caught:
                attempt()
            errors.append(shown(caught.value))
    finally:
        root.removeHandler(handler)
        for logger, level in levels:
            logger.setLevel(level)

    assert not secrets_in(api, "\n".join(records))
    assert not secrets_in(api, "\n".join(errors))
    assert not [record for record in records if record.startswith("spotipy")]
    ours = [record for record in records if record.startswith("spotify_assets.spotify: ")]
    assert re.match(
        r"spotify_assets.spotify: GET /v1/me/?: status 200 in \d+ ms", next(r for r in ours if "/v1/me" in r)
    )
    assert any("urllib3" in record for record in records)
