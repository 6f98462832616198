"""What is marked as saved: by id or by names, in any listener's library."""

import pytest
from pyspark.sql import functions as F

from spotify_assets.transforms.keys import album_key, artist_key, name_key, recording_key
from spotify_assets.transforms.saved import mark_saved
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.transforms.test_metrics import partials, played

__all__ = ["partials"]  # a fixture

ID, OTHER = "1" * 22, "2" * 22
ENTRIES = [
    ("tracks", ID, "Song", "Band"),
    ("tracks", None, "Local", "Me"),
    ("albums", ID, "Album", "Band"),
    ("artists", None, "Band", None),
    ("artists", None, None, None),
    ("bannedTracks", OTHER, "Noise", "Band"),
    ("shows", OTHER, "Night Talk", "Radio"),
    ("episodes", ID, "Pilot", "Other Show"),
]


@pytest.fixture
def library(frame):
    names = ("section", "item_id", "name", "artist_name")
    return frame("raw_library", [dict(zip(names, entry, strict=True)) for entry in ENTRIES])


@pytest.fixture
def marked(spark, library):
    """`is_saved` by name of rows that have these columns."""

    def marked(dimension, columns, *rows, saved=None):
        given = spark.createDataFrame(list(rows), columns).drop("is_saved")
        keys = {
            "recording_key": recording_key(F.col("artist_name"), F.col("name"), F.col("name")),
            "album_key": album_key(F.col("artist_name"), F.col("name")),
            "artist_key": artist_key(F.col("name")),
        }
        found = mark_saved(dimension, given.withColumns(keys), library if saved is None else saved).collect()
        assert len(found) == len(rows)
        return {row["name"]: row["is_saved"] for row in found}

    return marked


def test_tracks_by_id_and_by_names(marked, spark):
    local = spark.range(1).select(name_key(F.lit("Me"), F.lit("Local"))).collect()[0][0]
    found = marked(
        "tracks",
        "track_key string, name string, artist_name string",
        (ID, "Song (renamed)", "Band"),
        (OTHER, "song", "BAND"),  # the same recording under another id
        (local, "Local", "Me"),
        ("3" * 22, "Noise", "Band"),  # hidden, not saved
        ("4" * 22, "Song", "Other"),
    )
    assert found == {"Song (renamed)": True, "song": True, "Local": True, "Noise": False, "Song": False}


def test_albums_and_artists(marked):
    columns = "album_id string, artist_id string, name string, artist_name string"
    albums = [(ID, None, "Renamed", "Band"), (None, None, "ALBUM", "band"), (OTHER, None, "Album", "Other")]
    assert marked("albums", columns, *albums) == {"Renamed": True, "ALBUM": True, "Album": False}
    artists = [(None, OTHER, "band", None), (None, ID, "Other", None)]
    assert marked("artists", columns, *artists) == {"band": True, "Other": False}


def test_without_a_library_nothing_is_known(marked, frame):
    columns = "track_key string, name string, artist_name string"
    assert marked("tracks", columns, (ID, "Song", "Band"), saved=frame("raw_library", [])) == {"Song": None}


def test_a_dimension_has_the_mark(partials, computed, library):
    monthly = partials([played("2024-01-31 12:00:00", ID, "Band", track_name="Song", album_name="Album")])
    rows = computed("dim_artist", monthly_content=monthly["monthly_content"], raw_library=library).collect()
    assert {row["artist_name"]: row["is_saved"] for row in rows} == {
        "Band": True,
        "unknown": None,
        "not_applicable": None,
    }


def test_episodes_by_id_and_their_shows_by_name(computed, frame, library):
    when = utc("2024-01-31 12:00:00")
    told = [
        {
            "content_key": key,
            "content_type": "episode",
            "episode_name": name,
            "show_name": show,
            "last_played_at": when,
        }
        for key, name, show in [
            (ID, "Pilot (again)", "Other Show"),
            (OTHER, "First", "NIGHT TALK "),
            ("3" * 22, "A", "B"),
        ]
    ]
    monthly = frame("monthly_content", told)
    rows = computed("dim_episode", monthly_content=monthly, raw_library=library).collect()
    assert {row["episode_name"]: (row["is_saved"], row["is_show_saved"]) for row in rows} == {
        "Pilot (again)": (True, False),
        "First": (False, True),
        "A": (False, False),
        "unknown": (None, None),
        "not_applicable": (None, None),
    }
