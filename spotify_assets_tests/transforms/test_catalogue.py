"""What playlists and the Web API tell of tracks, and how it reaches the dimensions of what was played."""

import io
from datetime import date, datetime

import pytest
from pyspark.sql import functions as F

from spotify_assets import transforms
from spotify_assets.readers.metadata import read_metadata_file
from spotify_assets.transforms.keys import artist_key, content_key
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.readers.test_metadata import album, full_artist, line
from spotify_assets_tests.readers.test_playlists import artist, episode, id_of, local, track
from spotify_assets_tests.transforms.test_metrics import episode as played_episode
from spotify_assets_tests.transforms.test_metrics import partials, played
from spotify_assets_tests.transforms.test_playlists import only, raw_items, tracks

__all__ = ["partials", "tracks"]  # fixtures


def responses(kind, *bodies, fetched_at="2024-01-15T12:00:00Z"):
    """Rows of a kind's table: what the Web API answered; an id alone is unknown to it."""
    lines = [
        line(body, None, fetched_at) if isinstance(body, str) else line(body["id"], body, fetched_at)
        for body in bodies
    ]
    return list(read_metadata_file(io.BytesIO("".join(lines).encode()), "a.ndjson", kind, 1_000_000))


@pytest.fixture
def catalogue(computed, frame, tracks):
    """`track_catalogue` of snapshots and responses."""

    def make(*snapshots, told=()):
        return computed(
            "track_catalogue", playlist_tracks=tracks(*snapshots), track_metadata=frame("track_metadata", told)
        )

    return make


@pytest.fixture
def content(partials):
    return lambda *rows: partials(rows)["monthly_content"]


def by_key(rows, key):
    return {row[key]: row for row in rows.collect() if row[key] not in (-1, -2, "unknown", "not_applicable")}


def heard(name="Song", at="2024-01-10 12:00:00", who="Band", **more):
    """A play that names its track's id."""
    return played(at, id_of(name), who, track_name=name, **more)


def named(spark, name="Song", who="Band", at="2024-01-10 12:00:00", **more):
    """A play that names no id, as account data has it, with the keys that `plays` gives it."""
    names = spark.createDataFrame([(who, name)], "who string, name string")
    [(key, recording)] = names.selectExpr(
        "concat('name:', md5(concat_ws('\x1f', lower(who), lower(name))))", "xxhash64(lower(who), lower(name))"
    ).collect()
    return played(at, key, who, track_name=name, album_name=None, content_uri=None, recording_key=recording, **more)


def test_a_row_for_each_spelling(catalogue):
    spelled = [track("Song", name=name) for name in ("Song", "song", "Song", "Other")]
    rows = catalogue(*[raw_items(on, one) for on, one in enumerate(spelled, 1)]).orderBy("seen_at").collect()
    assert only(rows, "track_key", "track_name", "seen_at") == [
        (id_of("Song"), "song", datetime(2024, 1, 2)),
        (id_of("Song"), "Song", datetime(2024, 1, 3)),
        (id_of("Song"), "Other", datetime(2024, 1, 4)),
    ]
    assert rows[0]["recording_key"] == rows[1]["recording_key"] != rows[2]["recording_key"]
    assert len({row["spelling_key"] for row in rows}) == 3


def test_attributes_are_the_latest_that_are_known(catalogue):
    told = responses("tracks", track("Song", duration_ms=3, explicit=True, external_ids={}, popularity=40))
    snapshots = [
        raw_items(10, track("Song", duration_ms=1)),
        raw_items(15, track("Song", duration_ms=2, explicit=None)),
    ]
    [row] = catalogue(*snapshots, told=told).collect()
    assert only([row], "duration_ms", "explicit", "isrc", "popularity", "release_date", "seen_at") == [
        (3, True, "USX9P2000001", 40, date(2020, 2, 29), datetime(2024, 1, 15, 12))
    ]
    [row] = catalogue(*snapshots, raw_items(16, track("Song", duration_ms=4)), told=told).collect()
    assert only([row], "duration_ms", "explicit", "popularity") == [(4, False, 40)]


def test_an_api_dated_before_a_playlist_and_one_without_a_date_are_older(catalogue):
    for fetched_at in ("2024-01-01T00:00:00Z", None, "9999-01-01T00:00:00Z"):
        told = responses("tracks", track("Song", duration_ms=3, popularity=1), fetched_at=fetched_at)
        [row] = catalogue(raw_items(2, track("Song", duration_ms=2)), told=told).collect()
        assert only([row], "duration_ms", "popularity") == [(2, 1)]


def test_lists_of_artists_stay_what_they_were(catalogue):
    payloads = [
        track("A", "Band", "Guest"),
        track("B", artists=[]),
        track("C", artists=[{"name": "Home"}]),
        track("D", artists=[{"name": "Home"}, artist("Band"), {"name": None}]),
    ]
    rows = sorted(catalogue(raw_items(1, *payloads)).collect(), key=lambda row: row["track_key"])
    assert only(rows, "artist_names", "artist_ids") == [
        (["Band", "Guest"], [id_of("Band"), id_of("Guest")]),
        (None, None),
        (["Home"], [""]),
        (["Home", "Band"], ["", id_of("Band")]),
    ]


def test_unknown_ids_episodes_and_removed_items_are_no_tracks(catalogue):
    assert catalogue(raw_items(1, episode(), None), told=responses("tracks", id_of("Song"))).collect() == []


def test_a_track_of_the_history_takes_what_is_told_of_its_id(content, catalogue, computed):
    monthly = content(heard(at="2024-02-10 12:00:00"), heard("Other"))
    told = catalogue(raw_items(1, track("Song", name="Song (old)")))
    found = by_key(computed("dim_track", monthly_content=monthly, track_catalogue=told), "track_key")
    attributes = ("track_name", "isrc", "duration_ms", "explicit", "disc_number", "track_number", "image_url")
    assert {key: only([row], *attributes)[0] for key, row in found.items()} == {
        id_of("Song"): ("Song", "USX9P2000001", 200_000, False, 1, 3, "https://i.scdn.co/big"),
        id_of("Other"): ("Other", None, None, None, None, None, None),
    }


def test_of_a_play_and_a_response_the_later_names_the_track(content, catalogue, computed):
    monthly = content(heard(at="2024-01-10 12:00:00"))
    for fetched_at, expected in (("2024-01-10T11:00:00Z", "Song"), ("2024-01-10T13:00:00Z", "Song (new)")):
        told = catalogue(told=responses("tracks", track("Song", name="Song (new)"), fetched_at=fetched_at))
        [row] = by_key(computed("dim_track", monthly_content=monthly, track_catalogue=told), "track_key").values()
        assert (row["track_name"], row["first_played_at"]) == (expected, datetime(2024, 1, 10, 12))


def test_told_and_played_alike_at_the_same_moment_is_one_track(content, catalogue, computed):
    told = catalogue(told=responses("tracks", track("Song"), fetched_at="2024-01-10T12:00:00Z"))
    found = computed("dim_track", monthly_content=content(heard()), track_catalogue=told)
    assert [row["track_uri"] for row in by_key(found, "track_key").values()] == [f"spotify:track:{id_of('Song')}"]
    assert found.count() == 1 + 2


def test_plays_that_only_name_a_track_meet_the_id_that_a_playlist_gives_it(spark, partials, catalogue, computed):
    heard_of = partials([named(spark), named(spark, "SONG", "band", "2024-01-11 12:00:00"), named(spark, "Other")])
    told = catalogue(raw_items(1, track("Song")))
    dim = by_key(computed("dim_track", **heard_of, track_catalogue=told), "track_key")
    assert {row["track_name"]: row["canonical_track_key"] for row in dim.values()} == {
        "SONG": id_of("Song"),
        "Song": id_of("Song"),
        "Other": next(key for key, row in dim.items() if row["track_name"] == "Other"),
    }
    metrics = computed("track_metrics", **heard_of, track_catalogue=told).collect()
    assert {(row["track_name"], row["track_key"][:5], row["total_plays"]) for row in metrics} == {
        ("SONG", id_of("Song")[:5], 2),
        ("Other", "name:", 1),
    }


def test_a_played_id_comes_before_one_that_is_only_told(partials, catalogue, computed):
    told = catalogue(raw_items(1, track("Song")))
    [(recording,)] = told.select("recording_key").collect()
    heard_of = partials([played("2024-01-10 12:00:00", "z" * 22, track_name="Song", recording_key=recording)])
    [row] = computed("track_metrics", **heard_of, track_catalogue=told).collect()
    assert row["track_key"] == "z" * 22


def test_no_play_disappears_where_metadata_is_missing_or_says_that_there_is_nothing(
    frame, partials, catalogue, computed
):
    plays = [heard(), heard("Other", who=None, album_name=None), played_episode("2024-01-10 14:00:00")]
    told = catalogue(told=responses("tracks", id_of("Song"), id_of("Other")))
    unknown = {
        kind: frame(f"{kind}_metadata", responses(f"{kind}s", id_of("Band"), id_of("Album")))
        for kind in ("album", "artist")
    }
    inputs = partials(plays) | {"track_catalogue": told}
    assert len(by_key(computed("dim_track", **inputs), "track_key")) == 2
    assert len(by_key(computed("dim_artist", **inputs, artist_metadata=unknown["artist"]), "artist_key")) == 1
    assert len(by_key(computed("dim_album", **inputs, album_metadata=unknown["album"]), "album_key")) == 1
    assert sum(row["total_plays"] for row in computed("track_metrics", **inputs).collect()) == 2


def test_an_artist_takes_id_image_and_genres(frame, content, catalogue, computed):
    metadata = responses("artists", full_artist("Band", genres=["pop", "rock"]), full_artist("Unheard", genres=None))
    rows = by_key(
        computed(
            "dim_artist",
            monthly_content=content(heard(who="BAND "), heard("Other", who="Unknown")),
            track_catalogue=catalogue(raw_items(1, track("Song", "band", "Guest"))),
            artist_metadata=frame("artist_metadata", metadata),
        ),
        "artist_key",
    )
    columns = ("artist_id", "image_url", "genres")
    assert {row["artist_name"]: only([row], *columns)[0] for row in rows.values()} == {
        "Band": (id_of("Band"), "https://i.scdn.co/face", "pop, rock"),
        "Guest": (id_of("Guest"), None, None),
        "Unknown": (None, None, None),
        "Unheard": (id_of("Unheard"), "https://i.scdn.co/face", None),
    }
    played_at = {row["artist_name"]: row["last_played_at"] for row in rows.values()}
    assert (played_at["Band"], played_at["Guest"]) == (datetime(2024, 1, 10, 12), None)


def test_an_artist_without_an_id_is_known_by_name_beside_the_albums(catalogue, computed):
    told = catalogue(raw_items(1, track("Song", artists=[{"name": "Home"}])))
    rows = by_key(computed("dim_artist", track_catalogue=told), "artist_key")
    assert sorted(only(rows.values(), "artist_name")) == [("Band",), ("Home",)]


def test_an_album_takes_cover_release_and_label(frame, content, catalogue, computed):
    metadata = responses("albums", album("Album", release_date="2021-05", release_date_precision="month"))
    inputs = {
        "monthly_content": content(heard(album_name="ALBUM")),
        "track_catalogue": catalogue(raw_items(1, track("Song", on="Album"))),
    }
    columns = ("album_id", "release_date", "release_date_precision", "image_url", "label", "genres", "total_tracks")
    [row] = by_key(computed("dim_album", **inputs), "album_key").values()
    day = (date(2020, 2, 29), "day")
    assert only([row], *columns) == [(id_of("Album"), *day, "https://i.scdn.co/big", None, None, 10)]
    inputs["album_metadata"] = frame("album_metadata", metadata)
    [row] = by_key(computed("dim_album", **inputs), "album_key").values()
    month = (date(2021, 5, 1), "month")
    assert only([row], *columns) == [(id_of("Album"), *month, "https://i.scdn.co/big", "Label", "pop, rock", 10)]


def test_every_album_has_its_artist(frame, catalogue, computed):
    """Also where a response on an album is all that is known of its artist."""
    metadata = responses("albums", album("Album"), album("Stray", "Nobody"), album("Nameless", name=None))
    told = catalogue(raw_items(1, track("Song", on="Album")))
    albums = computed("dim_album", track_catalogue=told, album_metadata=frame("album_metadata", metadata)).collect()
    artists = computed("dim_artist", track_catalogue=told).collect()
    assert {row["artist_key"] for row in albums} <= {row["artist_key"] for row in artists}
    assert "Label" in {row["label"] for row in albums}


def test_two_artists_of_one_spelling_are_one(spark, catalogue, computed):
    told = catalogue(raw_items(1, track("A", "Band"), track("B", "BAND")))
    [row] = by_key(computed("dim_artist", track_catalogue=told), "artist_key").values()
    [(expected,)] = spark.createDataFrame([("band",)], "name string").select(artist_key(F.col("name"))).collect()
    assert row["artist_key"] == expected


def test_a_bridge_row_for_each_artist_of_a_track(spark, content, catalogue, computed):
    monthly = content(heard(), heard("Other", who="Else"))
    told = catalogue(
        raw_items(1, track("Song", "Band", "Guest")),
        raw_items(2, track("Song", "Band", "New guest", "BAND"), local("Demo", "Me", "You")),
        raw_items(3, track("Theirs", "Guest", album=track("x", "Band")["album"])),
    )
    dim_track = computed("dim_track", monthly_content=monthly, track_catalogue=told)
    bridge = computed("bridge_track_artist", dim_track=dim_track, track_catalogue=told)
    artists = computed("dim_artist", monthly_content=monthly, track_catalogue=told)
    named_bridge = bridge.join(artists, "artist_key").join(dim_track.select("track_key", "track_name"), "track_key")
    rows = named_bridge.orderBy("track_name", "artist_position").collect()
    assert [(row["track_name"], row["artist_position"], row["artist_name"].lower()) for row in rows] == [
        ("Demo", 0, "me"),
        ("Demo", 1, "you"),
        ("Other", 0, "else"),
        ("Song", 0, "band"),
        ("Song", 1, "new guest"),
        ("Theirs", 0, "guest"),
    ]
    assert bridge.count() == len(rows)


def test_episodes_of_plays_and_playlists_are_one(content, tracks, computed):
    monthly = content(played_episode("2024-01-31 12:00:00") | {"content_key": id_of("e1"), "content_uri": None})
    items = tracks(raw_items(1, episode("#1", name="#1 (old)"), episode("#2")))
    rows = by_key(computed("dim_episode", monthly_content=monthly, playlist_tracks=items), "episode_key")
    columns = ("episode_name", "duration_ms", "release_date", "release_date_precision", "last_played_at")
    told = (1_800_000, date(2023, 1, 1), "year")
    assert {key: only([row], *columns)[0] for key, row in rows.items()} == {
        id_of("e1"): ("#1", *told, utc("2024-01-31 12:00:00").replace(tzinfo=None)),
        id_of("e2"): ("#2", *told, None),
    }


def test_names_alone_give_the_same_key_in_plays_and_playlists(spark, tracks):
    [row] = tracks(raw_items(1, local("Demo", "Me"))).collect()
    frame = spark.createDataFrame([(None, "ME ", "demo")], "id string, who string, name string")
    [(expected,)] = frame.select(content_key(*map(frame.__getitem__, frame.columns))).collect()
    assert row["track_key"] == expected
    assert named(spark, "Demo", "Me")["content_key"] == expected
    assert (
        transforms.fct_playlist_tracks(tracks(raw_items(1, local("Demo", "Me")))).collect()[0]["track_key"] == expected
    )
