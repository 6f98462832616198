import io
import json
from datetime import UTC, date, datetime

import pytest

from spotify_assets.readers.errors import UnreadableError
from spotify_assets.readers.metadata import read_metadata_file, response_line
from spotify_assets_tests.readers.test_playlists import HOSTILE, artist, id_of, track

FETCHED = "2024-01-31T13:37:00+00:00"


def line(answer_id, body, fetched_at=FETCHED, status=None):
    """A response as this project lands it."""
    return response_line(answer_id, status or (404 if body is None else 200), body, fetched_at)


def album(name="Album", /, *artists, **more):
    return track("A", *artists, on=name)["album"] | {
        "type": "album",
        "label": "Label",
        "genres": ["pop", " ", 5, "rock"],
        "external_ids": {"upc": "0123"},
    } | more  # fmt: skip


def full_artist(name="Band", /, **more):
    return artist(name, genres=["pop"], images=[{"url": "https://i.scdn.co/face"}], followers={"total": 7}) | more


def features(name="A", /, **more):
    """An audio features object, as Spotify answers it."""
    return {
        "danceability": 0.366, "energy": 0.963, "key": 11, "loudness": -5.301, "mode": 0, "speechiness": 0.142,
        "acousticness": 0.000273, "instrumentalness": 0, "liveness": 0.115, "valence": 0.211, "tempo": 137.114,
        "type": "audio_features", "id": id_of(name), "uri": f"spotify:track:{id_of(name)}",
        "track_href": f"https://api.spotify.com/v1/tracks/{id_of(name)}",
        "analysis_url": f"https://api.spotify.com/v1/audio-analysis/{id_of(name)}",
        "duration_ms": 366213, "time_signature": 4,
    } | more  # fmt: skip


def read(content, name="a.ndjson", kind="tracks", max_bytes=1_000_000):
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    return list(
        read_metadata_file(
            io.BytesIO(content.encode() if isinstance(content, str) else content), name, kind, max_bytes
        )
    )


def test_our_lines():
    found, unknown = read(line(id_of("A"), track("A")) + line(id_of("B"), None))
    assert (found["track_id"], found["is_found"], found["track_name"]) == (id_of("A"), True, "A")
    assert found["fetched_at"] == datetime(2024, 1, 31, 13, 37, tzinfo=UTC)
    assert (unknown["track_id"], unknown["is_found"], unknown.get("track_name")) == (id_of("B"), False, None)


def test_an_album():
    [found] = read(line(id_of("Album"), album("Album", "Band", "Guest")), kind="albums")
    assert {name: value for name, value in found.items() if name != "fetched_at"} == {
        "album_id": id_of("Album"),
        "is_found": True,
        "album_name": "Album",
        "album_artist_id": id_of("Band"),
        "album_artist_name": "Band",
        "album_type": "album",
        "total_tracks": 10,
        "release_date": date(2020, 2, 29),
        "release_date_precision": "day",
        "image_url": "https://i.scdn.co/big",
        "label": "Label",
        "genres": ["pop", "rock"],
        "upc": "0123",
    }


def test_an_artist():
    [found] = read(line(id_of("Band"), full_artist()), kind="artists")
    assert (found["artist_name"], found["genres"], found["followers"]) == ("Band", ["pop"], 7)
    assert found["image_url"] == "https://i.scdn.co/face"


def test_audio_features():
    silent = features("Silence", key=-1, tempo=0, energy=1.5, valence=None, time_signature=0)
    found, unknown, quiet = read(
        line(id_of("A"), features()) + line(id_of("B"), None) + line(id_of("C"), silent), kind="audio_features"
    )
    assert {name: value for name, value in found.items() if name != "fetched_at"} == {
        "track_id": id_of("A"), "is_found": True,
        "danceability": 0.366, "energy": 0.963, "speechiness": 0.142, "acousticness": 0.000273,
        "instrumentalness": 0.0, "liveness": 0.115, "valence": 0.211, "loudness": -5.301, "tempo": 137.114, "key": 11,
        "mode": 0, "time_signature": 4,
    }  # fmt: skip
    assert (unknown["track_id"], unknown["is_found"], unknown.get("energy")) == (id_of("B"), False, None)
    assert [quiet[name] for name in ("track_id", "key", "tempo", "energy", "valence")] == [id_of("C"), *[None] * 4]


def test_a_dump_of_audio_features_has_null_for_what_spotify_lacks():
    found = read({"audio_features": [features("A"), None, features("B")]}, "a.json", "audio_features")
    assert [one and one["track_id"] for one in found] == [id_of("A"), None, id_of("B")]
    assert read(line(id_of("A"), track("A")), kind="audio_features") == [None]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", json.dumps(track("A")) + "\r\n\n" + json.dumps(track("B"))),
        ("a.ndjson", "\ufeff" + json.dumps({"tracks": [track("A"), track("B")]})),
        ("a.NDJSON", json.dumps([track("A"), track("B")])),
        ("a.json", {"tracks": [track("A"), track("B")]}),
        ("a.json", [track("A"), track("B")]),
        ("a.json", json.dumps([track("A"), track("B")], indent=2)),
    ],
)
def test_objects_alone_don_t_tell_when(name, content):
    assert [(row["track_id"], row["track_name"], row["fetched_at"]) for row in read(content, name)] == [
        (id_of("A"), "A", None),
        (id_of("B"), "B", None),
    ]


def test_a_document_of_one_object():
    [row] = read(track("A"), "a.json")
    assert row["track_id"] == id_of("A")


@pytest.mark.parametrize("torn", [b'{"id": "', '{"name": "caf\u00e9'.encode()[:-1], b"\xff\xfe\x00", b"[" * 100_000])
def test_a_torn_line_costs_no_other(torn):
    good = line(id_of("A"), track("A")).encode()
    assert [row and row["track_id"] for row in read(good + torn)] == [id_of("A"), None]
    assert [row and row["track_id"] for row in read(torn + b"\n" + good)] == [None, id_of("A")]


@pytest.mark.parametrize(
    "entry",
    [
        5,
        None,
        "x",
        [],
        {},
        {"error": {"status": 429, "message": "slow down"}},
        {"id": id_of("A"), "error": {"status": 404}},
        track("A", id="short", uri=None),
        track("A", id=5, uri=5),
        {"id": id_of("A"), "status": 429, "body": None},
        {"id": id_of("A"), "status": 200, "body": "x"},
        {"id": id_of("A"), "status": "x", "body": []},
        {"id": id_of("A"), "status": 500, "body": {"error": {"status": 500}}},
        {"id": "short", "status": 404, "body": None},
        {"status": 200, "body": track("A")},
        album(),
        {"id": id_of("A"), "status": 200, "body": full_artist()},
    ],
)
def test_what_tells_of_no_track(entry):
    broken, good = read([entry, track("B")], "a.json")
    assert (broken, good["track_id"]) == (None, id_of("B"))


def test_an_error_in_the_body_of_a_404_is_an_unknown_id():
    [row] = read(
        {"id": id_of("A"), "fetched_at": FETCHED, "status": 404, "body": {"error": {"status": 404}}}, "a.json"
    )
    assert (row["track_id"], row["is_found"], row.get("track_name")) == (id_of("A"), False, None)


@pytest.mark.parametrize(("kind", "body"), [("track", track()), ("album", album()), ("artist", full_artist())])
def test_the_id_that_was_asked_for_counts_and_not_the_one_that_it_was_moved_to(kind, body):
    [row] = read(line(id_of("Asked"), body), kind=f"{kind}s")
    assert (row[f"{kind}_id"], row[f"{kind}_name"]) == (id_of("Asked"), body["name"])


def test_empty_files():
    assert read("") == read("\n \r\n") == read([], "a.json") == read({"tracks": []}, "a.json") == []
    with pytest.raises(UnreadableError, match="no valid JSON"):
        read("", "a.json")


def test_a_document_has_a_size_limit_and_lines_have_none():
    lines = "".join(line(id_of(str(number)), track("A")) for number in range(50))
    with pytest.raises(UnreadableError, match="SPOTIFY_ASSETS_MAX_JSON_MB"):
        read(lines, "a.json", max_bytes=2000)
    assert len(list(filter(None, read(lines, max_bytes=2000)))) == 50


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_a_hostile_value_in_any_field_costs_no_other_line(value):
    bodies = {"tracks": track("A"), "albums": album(), "artists": full_artist(), "audio_features": features()}
    for kind, body in bodies.items():
        lines = [line(body["id"], body | {field: value}) for field in body]
        lines += [json.dumps(json.loads(line(body["id"], body)) | {field: value}) + "\n" for field in
                  ("id", "fetched_at", "status", "body")]  # fmt: skip
        text = "".join(lines).encode("utf-8", "replace")
        rows = read(text + line(body["id"], body).encode(), kind=kind)
        assert len(rows) == len(lines) + 1
        assert rows[-1]["is_found"]
