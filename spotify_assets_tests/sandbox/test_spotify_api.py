import copy
import json
import socket
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import jsonschema
import pytest
import requests
import spotipy
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.oauth2 import SpotifyClientCredentials, SpotifyOAuth, SpotifyOauthError

from spotify_assets.landing.zone import LandingZone
from spotify_assets.sandbox.exports import land_sample_exports
from spotify_assets.sandbox.spotify_api import (
    Catalogue,
    Close,
    Cut,
    Garbage,
    Item,
    Playlist,
    Slow,
    StandIn,
    Status,
    sample_playlists,
)

PLAYS = 3_000
DAY = date(2026, 11, 20)
SCHEMA = json.loads((Path(__file__).parent / "spotify_schema.json").read_text())
UNKNOWN = "0" * 22
EDITORIAL = "37i9dQZF1DXcBWIGoYBM5M"
SCOPES = "playlist-read-private user-read-recently-played"
MODES = ["development", "extended"]


@pytest.fixture(scope="module")
def server():
    with StandIn(plays=PLAYS, day=DAY) as server:
        yield server


@pytest.fixture
def api(server):
    """The module's server, as it was when it started."""
    changed = ("mode", "latency", "quota", "quota_retry_after", "token_seconds", "deny_login", "apps")
    before = copy.deepcopy({name: getattr(server, name) for name in (*changed, "playlists", "recent")})
    yield server
    for name, value in before.items():
        setattr(server, name, value)
    server.heal()
    server.max_in_flight = 0
    for made in (server.calls, server.spent, server.token_calls):
        made.clear()


@pytest.fixture
def user(api):
    return token(api, grant_type="refresh_token", refresh_token=api.refresh_token).json()["access_token"]


@pytest.fixture
def app(api):
    return token(api, grant_type="client_credentials").json()["access_token"]


@pytest.fixture
def track_id(api):
    return next(iter(api.catalogue.tracks))


@pytest.fixture
def album_id(api):
    return next(iter(api.catalogue.albums))


@pytest.fixture
def long(api):
    return named(api, "Evening Drive")


@pytest.fixture
def mixed(api):
    return named(api, "Odds & Ends")


@pytest.fixture
def friends(api):
    return named(api, "Frida's Finds")


def named(api, name):
    return next(playlist for playlist in api.playlists.values() if playlist.name == name)


def token(api, client_id=None, secret=None, **form):
    client_id = client_id or api.client_id
    return requests.post(f"{api.url}/api/token", data=form, auth=(client_id, secret or api.apps[client_id]), timeout=5)


def get(api, path, bearer, **query):
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return requests.get(f"{api.url}/v1{path}", query, headers=headers, timeout=5)


def error_of(response):
    conform(response.json(), "ErrorObject")
    error = response.json()["error"]
    assert error["status"] == response.status_code
    return error["status"], error["message"]


@cache
def validator(definition):
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": SCHEMA["$defs"]})


def conform(document, definition):
    validator(definition).validate(document)


def spotipy_of(api, auth_manager):
    auth_manager.OAUTH_TOKEN_URL = f"{api.url}/api/token"
    # Of its own session spotipy retries a 429, and loses the reason.
    client = spotipy.Spotify(auth_manager=auth_manager, requests_session=requests.Session())
    client.prefix = f"{api.url}/v1/"
    return client


# Answers and their schema


def test_the_schema_notices_what_is_wrong(api, user, mixed):
    page = get(api, f"/playlists/{mixed.id}/items", user).json()
    for spoil in (
        lambda page: page.pop("total"),
        lambda page: page["items"][0].update(track=page["items"][0]["item"]),
        lambda page: page["items"][1]["item"].update(id=None),
        lambda page: page["items"][7]["item"].update(release_date="2024"),
        lambda page: page["items"][2]["item"]["album"].update(relase_date="2024"),
    ):
        spoilt = copy.deepcopy(page)
        spoil(spoilt)
        with pytest.raises(jsonschema.ValidationError):
            conform(spoilt, "PagingPlaylistTrackObject")


def test_the_schema_is_one_and_says_where_it_is_from():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["source"]["title"] == "Spotify Web API"
    assert SCHEMA["adjustments"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("path", "definition"),
    [
        ("/me", "PrivateUserObject"),
        ("/me/playlists", "PagingPlaylistObject"),
        ("/me/player/recently-played", "CursorPagingPlayHistoryObject"),
        ("/playlists/{long}", "PlaylistObject"),
        ("/playlists/{mixed}", "PlaylistObject"),
        ("/playlists/{empty}", "PlaylistObject"),
        ("/playlists/{friends}", "PlaylistObject"),
        ("/playlists/{long}/items?limit=50&offset=100", "PagingPlaylistTrackObject"),
        ("/playlists/{mixed}/items", "PagingPlaylistTrackObject"),
        ("/playlists/{empty}/items", "PagingPlaylistTrackObject"),
        ("/albums/{album}/tracks", "PagingSimplifiedTrackObject"),
        ("/tracks/{track}", "TrackObject"),
        ("/albums/{album}", "AlbumObject"),
        ("/artists/{artist}", "ArtistObject"),
        ("/episodes/{episode}", "EpisodeObject"),
    ],
)
def test_answers_conform_in_both_modes(api, user, mode, path, definition):
    api.mode = mode
    ids = {name: next(iter(getattr(api.catalogue, f"{name}s"))) for name in ("track", "album", "artist", "episode")}
    names = {"long": "Evening Drive", "mixed": "Odds & Ends", "empty": "To Be Sorted", "friends": "Frida's Finds"}
    ids |= {key: named(api, name).id for key, name in names.items()}
    response = get(api, path.format(**ids), user)
    assert response.status_code == 200
    conform(response.json(), definition)


@pytest.mark.parametrize(("kind", "definition"), [("track", "ManyTracks"), ("album", "ManyAlbums")])
def test_batches_and_the_old_items_conform_in_extended_mode(api, user, long, kind, definition):
    api.mode = "extended"
    ids = [*list(getattr(api.catalogue, f"{kind}s"))[:3], UNKNOWN]
    conform(get(api, f"/{kind}s", user, ids=",".join(ids)).json(), definition)
    conform(get(api, f"/playlists/{long.id}/tracks", user, limit=5).json(), "PagingPlaylistTrackObject")


def test_every_object_of_the_catalogue_conforms(api):
    kinds = {"tracks": "TrackObject", "albums": "AlbumObject", "artists": "ArtistObject", "episodes": "EpisodeObject"}
    kinds["audio_features"] = "AudioFeaturesObject"
    for kind, definition in kinds.items():
        for document in list(getattr(api.catalogue, kind).values())[:15]:
            conform(document, definition)


# The catalogue


def test_the_catalogue_agrees_with_the_sample_exports(api, tmp_path):
    land_sample_exports(LandingZone(str(tmp_path)), PLAYS)
    with zipfile.ZipFile(tmp_path / "history" / "demo-anna" / "my_spotify_data.zip") as archive:
        names = [name for name in archive.namelist() if name.startswith("Spotify") and name.endswith(".json")]
        records = [record for name in names for record in json.loads(archive.read(name)) if isinstance(record, dict)]
    tracks, episodes = {}, {}
    for record in records:
        if record["spotify_track_uri"]:
            tracks[record["spotify_track_uri"].split(":")[2]] = tuple(
                record[f"master_metadata_{name}"] for name in ("track_name", "album_artist_name", "album_album_name")
            )
        if record["spotify_episode_uri"]:
            episodes[record["spotify_episode_uri"].split(":")[2]] = record["episode_name"], record["episode_show_name"]
    assert len(tracks) > 100
    assert len(episodes) > 20
    found = {key: api.catalogue.tracks[key] for key in tracks}
    assert tracks == {
        key: (track["name"], track["artists"][0]["name"], track["album"]["name"]) for key, track in found.items()
    }
    assert all(track["album"]["artists"] == track["artists"][:1] for track in found.values())
    assert episodes == {
        key: (episode["name"], episode["show"]["name"])
        for key, episode in ((key, api.catalogue.episodes[key]) for key in episodes)
    }


def test_the_other_listener_plays_the_same_tracks(api, tmp_path):
    land_sample_exports(LandingZone(str(tmp_path)), PLAYS)
    extended = (tmp_path / "history" / "demo-ben").glob("Spotify Extended*/*.json")
    uris = {record["spotify_track_uri"] for path in extended for record in json.loads(path.read_text())} - {None}
    assert {uri.split(":")[2] for uri in uris} <= set(api.catalogue.tracks)


def test_the_catalogue_is_the_same_every_time_and_agrees_with_itself(api):
    again, tracks = Catalogue(PLAYS), list(api.catalogue.tracks.values())
    assert all(again.tracks[track["id"]] == track for track in tracks)
    for track in tracks:
        album = api.catalogue.albums[track["album"]["id"]]
        assert track["album"].items() <= album.items()
        of_album = album["tracks"]["items"][track["track_number"] - 1]
        assert of_album.items() <= track.items()
        assert all(artist.items() <= api.catalogue.artists[artist["id"]].items() for artist in track["artists"])
    assert 0.02 < sum(len(track["artists"]) == 2 for track in tracks) / len(tracks) < 0.3
    assert {track["album"]["release_date_precision"] for track in tracks} == {"year", "month", "day"}
    assert len({track["external_ids"]["isrc"] for track in tracks}) == len(tracks)
    assert all([image["height"] for image in track["album"]["images"]] == [640, 300, 64] for track in tracks)


def test_what_is_changed_in_the_catalogue_is_served_so():
    with StandIn(plays=1_000) as api:
        first, second = list(api.catalogue.tracks)[:2]
        bearer = token(api, grant_type="client_credentials").json()["access_token"]
        api.catalogue.tracks[first]["name"] = "Another Name"
        del api.catalogue.tracks[second]
        assert get(api, f"/tracks/{first}", bearer).json()["name"] == "Another Name"
        assert get(api, f"/tracks/{second}", bearer).status_code == 404


def test_fields_are_absent_as_the_mode_has_it_or_as_asked():
    with StandIn(plays=1_000) as api:
        bearer = token(api, grant_type="client_credentials").json()["access_token"]
        artist, track = next(iter(api.catalogue.artists)), next(iter(api.catalogue.tracks))
        assert not {"genres", "followers", "popularity"} & get(api, f"/artists/{artist}", bearer).json().keys()
        assert not {"popularity", "available_markets"} & get(api, f"/tracks/{track}", bearer).json().keys()
        assert get(api, f"/tracks/{track}", bearer).json()["external_ids"]["isrc"]
        api.mode = "extended"
        assert {"genres", "followers", "popularity"} <= get(api, f"/artists/{artist}", bearer).json().keys()
        api.missing_fields = {"images"}
        assert "images" not in get(api, f"/tracks/{track}", bearer).json()["album"]
        assert "genres" in get(api, f"/artists/{artist}", bearer).json()


# Playlists


def test_items_come_in_pages_whose_links_lead_on(api, user, long):
    page = get(api, f"/playlists/{long.id}/items", user, limit=50).json()
    ids, offsets = [], []
    while True:
        ids += [item["item"]["id"] for item in page["items"]]
        offsets.append(page["offset"])
        if not page["next"]:
            break
        page = requests.get(page["next"], headers={"Authorization": f"Bearer {user}"}, timeout=5).json()
    assert offsets == [0, 50, 100]
    assert ids == [item.id for item in long.items]
    assert page["total"] == 120
    assert page["previous"].endswith("/items?offset=50&limit=50")


def test_a_playlist_embeds_a_hundred_items_and_its_next_link_is_a_trap(api, user, long):
    items = get(api, f"/playlists/{long.id}", user).json()["items"]
    assert (len(items["items"]), items["total"]) == (100, 120)
    assert f"/v1/playlists/{long.id}/tracks?" in items["next"]
    headers = {"Authorization": f"Bearer {user}"}
    assert error_of(requests.get(items["next"], headers=headers, timeout=5)) == (403, "Forbidden")
    api.mode = "extended"
    rest = requests.get(items["next"], headers=headers, timeout=5).json()["items"]
    assert [item["track"]["id"] for item in rest] == [item.id for item in long.items[100:]]


def test_kinds_of_items(api, user, mixed):
    items = get(api, f"/playlists/{mixed.id}/items", user).json()["items"]
    kinds = [(item["item"] or {}).get("type") for item in items]
    assert kinds == ["track"] * 7 + ["episode", None, "track"]
    assert (items[0]["added_at"], items[0]["added_by"]) == (None, None)
    assert items[1]["added_by"]["id"] == "someone-else-1"
    local = items[6]
    assert local["is_local"]
    assert (local["item"]["id"], local["item"]["name"]) == (None, "Demo Tape")
    assert local["item"]["uri"] == "spotify:local:The+Neighbours:Kitchen+Sessions:Demo+Tape:201"
    assert items[9]["item"] == items[2]["item"]


def test_what_is_changed_in_a_playlist_is_served_so(api, user, track_id):
    playlist = Playlist("A" * 22, "Mine", collaborative=True, owner_id="somebody", items=[Item.track(track_id)])
    api.playlists[playlist.id] = playlist
    before = get(api, f"/playlists/{playlist.id}", user).json()
    assert before["items"]["items"][0]["item"]["id"] == track_id
    playlist.items.append(Item.removed(added_at=datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)))
    after = get(api, f"/playlists/{playlist.id}", user).json()
    assert after["items"]["items"][1]["added_at"] == "2025-02-03T04:05:06Z"
    assert before["snapshot_id"] != after["snapshot_id"]


def test_an_item_that_the_catalogue_lacks_is_null(api, user, mixed):
    mixed.items.append(Item.track(UNKNOWN))
    assert get(api, f"/playlists/{mixed.id}/items", user).json()["items"][-1]["item"] is None


def test_in_development_mode_other_peoples_items_stay_theirs(api, user, app, friends, long):
    assert "items" not in get(api, f"/playlists/{friends.id}", user).json()
    assert "items" not in get(api, f"/playlists/{long.id}", app).json()
    for playlist, bearer in ((friends, user), (long, app)):
        assert error_of(get(api, f"/playlists/{playlist.id}/items", bearer)) == (403, "Forbidden")
    friends.collaborative = True
    assert get(api, f"/playlists/{friends.id}/items", user).status_code == 200


def test_in_extended_mode_whatever_is_public_can_be_read(api, user, app, friends, mixed):
    api.mode = "extended"
    assert get(api, f"/playlists/{friends.id}", app).json()["items"]["total"] == 60
    assert get(api, f"/playlists/{friends.id}/items", app).status_code == 200
    assert not mixed.public
    assert get(api, f"/playlists/{mixed.id}/items", user).status_code == 200
    assert error_of(get(api, f"/playlists/{mixed.id}/items", app)) == (404, "Resource not found")


def test_spotifys_own_playlists_are_gone_in_development_mode(api, user):
    api.playlists[EDITORIAL] = Playlist(EDITORIAL, "Today's Top Hits", owner_id="spotify", followed=False)
    assert error_of(get(api, f"/playlists/{EDITORIAL}", user)) == (404, "Resource not found")
    api.mode = "extended"
    assert get(api, f"/playlists/{EDITORIAL}", user).json()["name"] == "Today's Top Hits"


def test_my_playlists_are_those_followed(api, user, friends):
    page = get(api, "/me/playlists", user, limit=3).json()
    assert [playlist["name"] for playlist in page["items"]] == ["Evening Drive", "Odds & Ends", "To Be Sorted"]
    assert [playlist["items"]["total"] for playlist in page["items"]] == [120, 10, 0]
    assert page["next"].endswith("?offset=3&limit=3")
    friends.followed = False
    assert get(api, "/me/playlists", user).json()["total"] == 3


def test_playlists_change_from_day_to_day():
    today, tomorrow = (sample_playlists(day) for day in (DAY, DAY + timedelta(days=1)))
    assert today == sample_playlists(DAY)
    (key,) = (key for key, playlist in today.items() if playlist.name == "Evening Drive")
    before, after = ([item.id for item in playlists[key].items] for playlists in (today, tomorrow))
    assert len(after) == len(set(after)) == 120
    assert len(set(after) - set(before)) == len(set(before) - set(after)) == 2
    stayed = set(before) & set(after)
    assert [key for key in before if key in stayed] != [key for key in after if key in stayed]
    added = {item.id: item.added_at for item in tomorrow[key].items}
    assert all(added[item.id] == item.added_at for item in today[key].items if item.id in added)
    assert max(added.values()).date() == DAY + timedelta(days=1)


# Recently played


def test_of_the_plays_the_latest_fifty_are_shown_newest_first(api, user):
    assert len(api.recent) == 60
    api.recent.sort()
    page = get(api, "/me/player/recently-played", user, limit=50).json()
    shown = [item["played_at"] for item in page["items"]]
    assert shown == [f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z" for at, _ in sorted(api.recent)[:-51:-1]]
    assert page["next"] is None


def test_cursors_lead_back_in_time(api, user, track_id):
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    api.recent = [(start + timedelta(minutes=n, milliseconds=n), track_id) for n in range(5)]
    ms = [1_795_176_000_000 + n * 60_001 for n in range(5)]
    page = get(api, "/me/player/recently-played", user, limit=2).json()
    assert [item["played_at"] for item in page["items"]] == ["2026-11-20T12:04:00.004Z", "2026-11-20T12:03:00.003Z"]
    assert page["cursors"] == {"after": str(ms[4]), "before": str(ms[3])}
    headers = {"Authorization": f"Bearer {user}"}
    older = requests.get(page["next"], headers=headers, timeout=5).json()
    assert older["cursors"] == {"after": str(ms[2]), "before": str(ms[1])}
    newer = get(api, "/me/player/recently-played", user, after=ms[3]).json()
    assert newer["cursors"] == {"after": str(ms[4]), "before": str(ms[4])}
    nothing = get(api, "/me/player/recently-played", user, after=ms[4]).json()
    assert (nothing["items"], nothing["cursors"], nothing["next"]) == ([], None, None)
    conform(nothing, "CursorPagingPlayHistoryObject")


# What is refused


@pytest.mark.parametrize(
    ("path", "query", "answer"),
    [
        ("/tracks/nonsense", {}, (400, "Invalid base62 id")),
        (f"/tracks/{UNKNOWN}", {}, (404, "Resource not found")),
        (f"/albums/{UNKNOWN}", {}, (404, "Resource not found")),
        (f"/artists/{UNKNOWN}", {}, (404, "Resource not found")),
        (f"/playlists/{UNKNOWN}/items", {}, (404, "Resource not found")),
        ("/me/playlists", {"limit": 51}, (400, "Invalid limit")),
        ("/me/playlists", {"limit": 0}, (400, "Invalid limit")),
        ("/me/playlists", {"offset": -1}, (400, "Invalid offset")),
        ("/me/player/recently-played", {"limit": 51}, (400, "Invalid limit")),
        ("/me/player/recently-played", {"after": "soon"}, (400, "Invalid after")),
        ("/me/player/recently-played", {"after": 1, "before": 2}, (400, "Only one of after and before may be given")),
        ("/no/such/thing", {}, (404, "Service not found")),
        ("/users/somebody/playlists", {}, (403, "Forbidden")),
        ("/audio-features/x", {}, (403, "Forbidden")),
    ],
)
def test_refusals(api, user, path, query, answer):
    assert error_of(get(api, path, user, **query)) == answer


def test_items_are_fifty_at_most(api, user, long):
    assert error_of(get(api, f"/playlists/{long.id}/items", user, limit=51)) == (400, "Invalid limit")


@pytest.mark.parametrize(("kind", "limit"), [("tracks", 50), ("albums", 20), ("artists", 50)])
def test_batches(api, app, kind, limit):
    ids = list(getattr(api.catalogue, kind))
    assert error_of(get(api, f"/{kind}", app, ids=ids[0])) == (403, "Forbidden")
    api.mode = "extended"
    found = get(api, f"/{kind}", app, ids=",".join([ids[0], UNKNOWN, ids[1]])).json()[kind]
    assert [document and document["id"] for document in found] == [ids[0], None, ids[1]]
    assert get(api, f"/{kind}", app, ids=",".join([ids[0]] * limit)).status_code == 200
    assert get(api, f"/{kind}", app, ids=",".join([ids[0]] * (limit + 1))).status_code == 400
    assert get(api, f"/{kind}", app).status_code == 400


def test_audio_features_are_for_some_apps_in_extended_mode(api, app, track_id):
    for paths in (f"/audio-features/{track_id}", f"/audio-features?ids={track_id}"):
        assert error_of(get(api, paths, app)) == (403, "Forbidden")
        api.audio_features_apps = {api.client_id}
        assert error_of(get(api, paths, app)) == (403, "Forbidden")
        api.mode = "extended"
        assert get(api, paths, app).status_code == 200
        api.audio_features_apps = set()
        assert error_of(get(api, paths, app)) == (403, "Forbidden")
        api.mode = "development"
    api.mode, api.audio_features_apps = "extended", {api.client_id}
    assert get(api, "/audio-features", app, ids=",".join([track_id] * 101)).status_code == 400
    found = get(api, "/audio-features", app, ids=f"{track_id},{UNKNOWN}").json()
    assert found == {"audio_features": [api.catalogue.audio_features[track_id], None]}


@pytest.mark.parametrize("path", ["/me", "/me/playlists", "/me/player/recently-played"])
def test_an_app_without_a_user_has_no_me(api, app, path):
    assert error_of(get(api, path, app)) == (401, "Valid user authentication required")


def test_an_album_has_its_tracks(api, app, album_id):
    tracks = get(api, f"/albums/{album_id}/tracks", app, limit=1, offset=1).json()
    assert tracks["items"][0]["track_number"] == 2
    assert tracks["total"] == get(api, f"/albums/{album_id}", app).json()["total_tracks"]


def test_me_has_an_id_that_lasts_and_no_personal_details(api, user):
    me = get(api, "/me", user).json()
    assert me["id"] == api.user != me["account_id"]
    assert not {"email", "country", "product", "followers", "explicit_content"} & me.keys()


# Tokens


def test_tokens_are_asked_for(api, track_id):
    assert error_of(get(api, f"/tracks/{track_id}", None)) == (401, "No token provided")
    assert error_of(get(api, f"/tracks/{track_id}", "made-up")) == (401, "Invalid access token")


def test_tokens_expire(api, track_id):
    api.token_seconds = 0.05
    bearer = token(api, grant_type="client_credentials").json()["access_token"]
    assert get(api, f"/tracks/{track_id}", bearer).status_code == 200
    time.sleep(0.06)
    assert error_of(get(api, f"/tracks/{track_id}", bearer)) == (401, "The access token expired")


def test_tokens_given_out_so_far_can_be_expired(api, user, track_id):
    api.expire_tokens()
    assert error_of(get(api, f"/tracks/{track_id}", user)) == (401, "The access token expired")
    fresh = token(api, grant_type="refresh_token", refresh_token=api.refresh_token).json()
    assert (fresh["token_type"], fresh["expires_in"]) == ("Bearer", 3600)
    assert get(api, f"/tracks/{track_id}", fresh["access_token"]).status_code == 200


def test_revoked_refresh_tokens_are_refused_until_a_new_login():
    with StandIn(plays=1_000) as api:
        api.revoke_refresh_tokens()
        refused = token(api, grant_type="refresh_token", refresh_token=api.refresh_token)
        assert refused.status_code == 400
        assert refused.json() == {"error": "invalid_grant", "error_description": "Refresh token revoked"}
        fresh = token(api, **login(api)).json()["refresh_token"]
        assert token(api, grant_type="refresh_token", refresh_token=fresh).status_code == 200


@pytest.mark.parametrize(
    ("secret", "form", "error"),
    [
        ("wrong", {"grant_type": "client_credentials"}, "invalid_client"),
        (None, {"grant_type": "refresh_token", "refresh_token": "made-up"}, "invalid_grant"),
        (None, {"grant_type": "authorization_code", "code": "made-up"}, "invalid_grant"),
        (None, {"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_token_refusals(api, secret, form, error):
    refused = token(api, secret=secret, **form)
    assert (refused.status_code, refused.json()["error"]) == (400, error)


def test_token_calls_are_noted_apart(api, user, app):
    assert api.token_calls == ["refresh_token", "client_credentials"]
    assert api.calls == []


# Login


def login(api, redirect_uri="http://127.0.0.1:8888/callback", scope=SCOPES):
    """The form that a login at /authorize leads to."""
    query = {"client_id": api.client_id, "redirect_uri": redirect_uri, "scope": scope, "response_type": "code"}
    asked = requests.get(f"{api.url}/authorize", query | {"state": "s1"}, allow_redirects=False, timeout=5)
    assert asked.status_code == 302
    assert asked.headers["location"].startswith(f"{redirect_uri}?")
    answer = parse_qs(urlparse(asked.headers["location"]).query)
    assert answer["state"] == ["s1"]
    return {"grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": redirect_uri}


def test_a_code_is_good_for_one_login(api):
    form = login(api)
    granted = token(api, **form).json()
    assert granted["scope"] == SCOPES
    assert get(api, "/me", granted["access_token"]).json()["id"] == api.user
    assert token(api, grant_type="refresh_token", refresh_token=granted["refresh_token"]).status_code == 200
    assert token(api, **form).json()["error"] == "invalid_grant"


def test_a_login_has_no_more_than_its_scopes(api):
    bearer = token(api, **login(api, scope="playlist-read-private")).json()["access_token"]
    assert get(api, "/me", bearer).status_code == 200
    assert error_of(get(api, "/me/player/recently-played", bearer)) == (403, "Insufficient client scope")


def test_the_redirect_uri_must_stay_the_same(api):
    form = login(api) | {"redirect_uri": "http://127.0.0.1:8888/other"}
    assert token(api, **form).json()["error"] == "invalid_grant"


def test_a_login_can_be_denied(api):
    api.deny_login = True
    query = {"client_id": api.client_id, "redirect_uri": "http://127.0.0.1:1/", "response_type": "code", "state": "x"}
    asked = requests.get(f"{api.url}/authorize", query, allow_redirects=False, timeout=5)
    assert asked.headers["location"] == "http://127.0.0.1:1/?state=x&error=access_denied"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "http://localhost:8888/callback"},
        {"redirect_uri": "https://example.com/"},
        {"response_type": "token"},
    ],
)
def test_logins_that_are_refused(api, wrong):
    query = {"client_id": api.client_id, "redirect_uri": "http://127.0.0.1:8888/", "response_type": "code"} | wrong
    asked = requests.get(f"{api.url}/authorize", query, allow_redirects=False, timeout=5)
    assert asked.status_code == 400


# Apps and quotas


def test_the_quota_is_each_apps_own(api, track_id):
    api.apps["standin-app-2"] = "standin-secret-2"
    api.quota = 2
    first, second = (
        token(api, client_id, grant_type="client_credentials").json()["access_token"] for client_id in api.apps
    )
    statuses = [get(api, f"/tracks/{track_id}", bearer).status_code for bearer in (first, first, first, second)]
    assert statuses == [200, 200, 429, 200]
    assert [call.client_id for call in api.calls] == ["standin-app-1"] * 3 + ["standin-app-2"]
    exhausted = get(api, f"/tracks/{track_id}", first)
    assert exhausted.json()["error"]["reason"] == "QUOTA_EXCEEDED"
    assert "retry-after" not in exhausted.headers
    conform(exhausted.json(), "ErrorObject")
    api.quota_retry_after = 86_400
    assert get(api, f"/tracks/{track_id}", first).headers["retry-after"] == "86400"


def test_the_refresh_token_is_good_for_any_app(api):
    api.apps["standin-app-2"] = "standin-secret-2"
    form = {"grant_type": "refresh_token", "refresh_token": api.refresh_token}
    bearer = token(api, "standin-app-2", **form).json()["access_token"]
    get(api, "/me", bearer)
    assert [(call.client_id, call.user) for call in api.calls] == [("standin-app-2", True)]


# Faults


def test_a_fault_happens_once_and_where_it_was_ordered(api, app, track_id, album_id):
    api.fail("/v1/tracks/", Status(503))
    assert get(api, f"/albums/{album_id}", app).status_code == 200
    assert error_of(get(api, f"/tracks/{track_id}", app)) == (503, "Service Unavailable")
    assert get(api, f"/tracks/{track_id}", app).status_code == 200


def test_faults_come_in_order_as_often_as_asked(api, app, track_id):
    api.fail("/v1/tracks/", Status(503), Status(404), times=2)
    statuses = [get(api, f"/tracks/{track_id}", app).status_code for _ in range(5)]
    assert statuses == [503, 404, 503, 404, 200]
    assert [call.status for call in api.calls] == statuses


def test_faults_can_last_until_healed(api, app, track_id):
    api.fail("/v1/", Status(500), times=None)
    assert {get(api, f"/tracks/{track_id}", app).status_code for _ in range(4)} == {500}
    api.heal()
    assert get(api, f"/tracks/{track_id}", app).status_code == 200


def test_a_status_may_bear_a_wait_or_plain_text(api, app, track_id):
    text = "Active premium subscription required for the owner of the app."
    api.fail("/v1/tracks/", Status(429, retry_after=1), Status(403, text=text), Status(403, reason="PREMIUM"))
    limited, plain, reasoned = (get(api, f"/tracks/{track_id}", app) for _ in range(3))
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "1")
    assert (plain.status_code, plain.text) == (403, text)
    assert reasoned.json()["error"] == {"status": 403, "message": "Forbidden", "reason": "PREMIUM"}


def test_an_answer_may_be_cut(api, app, track_id):
    api.fail("/v1/tracks/", Cut())
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(api, f"/tracks/{track_id}", app)
    assert get(api, f"/tracks/{track_id}", app).status_code == 200


def test_a_connection_may_close_with_no_answer(api, app, track_id):
    api.fail("/v1/tracks/", Close())
    with pytest.raises(requests.exceptions.ConnectionError):
        get(api, f"/tracks/{track_id}", app)
    assert [call.status for call in api.calls] == [0]


def test_an_answer_may_be_no_json(api, app, track_id):
    api.fail("/v1/tracks/", Garbage())
    garbage = get(api, f"/tracks/{track_id}", app)
    assert garbage.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        garbage.json()


def test_an_answer_may_be_late(api, app, track_id):
    api.fail("/v1/tracks/", Slow(0.2))
    start = time.monotonic()
    assert get(api, f"/tracks/{track_id}", app).json()["id"] == track_id
    assert 0.2 <= time.monotonic() - start < 2


def test_tokens_may_fail_too(api):
    api.fail("/api/token", Status(503))
    assert token(api, grant_type="client_credentials").status_code == 503
    assert token(api, grant_type="client_credentials").status_code == 200


# The server


def test_calls_are_noted(api, user, track_id):
    start = time.monotonic()
    get(api, f"/tracks/{track_id}", user, market="SE")
    get(api, "/tracks/", None, ids=track_id)
    first, second = api.calls
    assert (first.method, first.path, first.query) == ("GET", f"/v1/tracks/{track_id}", {"market": "SE"})
    assert (first.client_id, first.user, first.status) == (api.client_id, True, 200)
    assert start <= first.at <= second.at
    assert (second.path, second.client_id, second.user, second.status) == ("/v1/tracks", None, False, 401)


def test_many_calls_wait_at_once(api, app):
    api.latency = 0.1
    ids = list(api.catalogue.tracks)[:24]
    start = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda key: get(api, f"/tracks/{key}", app).json()["id"], ids))
    assert found == ids
    assert 6 <= api.max_in_flight <= 8
    assert time.monotonic() - start < 1.8  # one after the other would take 2.4 s


def test_it_starts_fast_and_stops_for_good():
    threads_before, began = threading.active_count(), time.monotonic()
    api = StandIn().start()
    assert time.monotonic() - began < 2  # a fifth of a second, where nothing else runs
    api.latency = 30
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(requests.get, f"{api.url}/v1/me")
        while not api.calls:
            time.sleep(0.01)
        api.stop()
        with pytest.raises(requests.ConnectionError):
            waiting.result(5)
    assert threading.active_count() == threads_before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlparse(api.url).port), timeout=1)


def test_it_comes_back_at_the_same_address():
    api = StandIn(plays=1_000).start()
    url, session = api.url, requests.Session()
    assert session.get(f"{url}/v1/me", timeout=5).status_code == 401
    api.stop()
    with api:
        assert api.url == url
        assert session.get(f"{url}/v1/me", timeout=5).status_code == 401
        with pytest.raises(RuntimeError, match="runs already"):
            api.start()


def test_it_has_no_address_before_it_is_started():
    with pytest.raises(RuntimeError, match="no address"):
        _ = StandIn(plays=1_000).url


# spotipy


def test_spotipy_reads_it_as_an_app(api, track_id, album_id):
    manager = SpotifyClientCredentials(api.client_id, api.client_secret, cache_handler=MemoryCacheHandler())
    client = spotipy_of(api, manager)
    assert client.track(track_id)["id"] == track_id
    assert client.album(album_id)["tracks"]["items"] == client.album_tracks(album_id)["items"]
    with pytest.raises(spotipy.SpotifyException) as refused:
        client.tracks([track_id])
    assert refused.value.http_status == 403
    api.mode = "extended"
    assert client.tracks([track_id])["tracks"][0]["id"] == track_id
    assert api.token_calls == ["client_credentials"]


def test_spotipy_reads_it_as_the_user(api, long):
    seeded = {"access_token": "", "refresh_token": api.refresh_token, "expires_at": 0, "scope": SCOPES}
    manager = SpotifyOAuth(
        api.client_id,
        api.client_secret,
        "http://127.0.0.1:8888/callback",
        scope=SCOPES,
        cache_handler=MemoryCacheHandler(seeded),
        open_browser=False,
    )
    client = spotipy_of(api, manager)
    assert client.me()["id"] == api.user
    assert client.current_user_playlists(limit=50)["total"] == 4
    page = client.playlist_items(long.id, limit=50)
    pages = [page]
    while page := client.next(page):
        pages.append(page)
    assert [len(page["items"]) for page in pages] == [50, 50, 20]
    assert len(client.current_user_recently_played(limit=50)["items"]) == 50
    api.quota = 0
    with pytest.raises(spotipy.SpotifyException) as exhausted:
        client.me()
    assert (exhausted.value.http_status, exhausted.value.reason) == (429, "QUOTA_EXCEEDED")
    assert api.token_calls == ["refresh_token"]


def test_spotipy_tells_a_revoked_login():
    with StandIn(plays=1_000) as api:
        api.revoke_refresh_tokens()
        manager = SpotifyOAuth(api.client_id, api.client_secret, "http://127.0.0.1:8888/", open_browser=False)
        manager.OAUTH_TOKEN_URL = f"{api.url}/api/token"
        manager.cache_handler = MemoryCacheHandler()
        with pytest.raises(SpotifyOauthError) as refused:
            manager.refresh_access_token(api.refresh_token)
        assert refused.value.error == "invalid_grant"
