from datetime import date

import pytest

from spotify_assets import transforms
from spotify_assets.transforms.keys import hash64
from spotify_assets_tests.transforms.test_metrics import episode, partials, played

__all__ = ["partials"]  # a fixture


def members(rows, key):
    """Keys of the members for unknown and not applicable."""
    return sorted((row[key] for row in rows if row[key] in (-1, -2, "unknown", "not_applicable")), key=str)


@pytest.fixture
def content(partials, computed):
    return lambda rows: partials(rows)["monthly_content"]


def test_every_dimension_has_members_for_unknown_and_not_applicable(content, partials, computed):
    monthly, hourly = (
        content([played("2024-01-31 12:00:00")]),
        partials([played("2024-01-31 12:00:00")])["hourly_listening"],
    )
    made = {
        "listener_key": computed("dim_listener", hourly_listening=hourly),
        "date_key": computed("dim_date", hourly_listening=hourly),
        "time_key": computed("dim_time"),
        "reason_key": computed("dim_reason"),
        "platform_key": computed("dim_platform", hourly_listening=hourly),
        "artist_key": computed("dim_artist", monthly_content=monthly),
        "album_key": computed("dim_album", monthly_content=monthly),
        "track_key": computed("dim_track", monthly_content=monthly),
        "episode_key": computed("dim_episode", monthly_content=monthly),
        "playlist_key": computed("dim_playlist"),
    }
    for key, frame in made.items():
        assert len(members(frame.collect(), key)) == 2, key


def test_attributes_are_the_latest_seen_and_of_several_the_smallest(content, computed):
    rows = [
        played("2024-01-01 12:00:00", "a", "band"),
        played("2024-03-01 12:00:00", "b", "Band"),
        played("2024-03-01 12:00:00", "c", "BAND"),
        played("2024-02-01 12:00:00", "d", "bAND"),
    ]
    names = {
        row["artist_name"]
        for row in computed("dim_artist", monthly_content=content(rows))
        .where("artist_key > -1 OR artist_key < -2")
        .collect()
    }
    assert names == {"BAND"}


def test_a_track_takes_its_latest_row_whole(content, computed):
    rows = [
        played("2024-01-01 12:00:00", "a", "Old", track_name="Song", album_name="First", recording_key=1),
        played("2024-02-01 12:00:00", "a", "New", track_name="Song!", album_name=None, recording_key=2),
        played("2024-03-01 12:00:00", "a", None, track_name=None, album_name=None, recording_key=3),
    ]
    [row] = computed("dim_track", monthly_content=content(rows)).where("track_key = 'a'").collect()
    assert (row["track_name"], row["artist_name"], row["album_name"], row["recording_key"]) == (
        "Song!",
        "New",
        None,
        2,
    )
    assert (f"{row['first_played_at']:%m}", f"{row['last_played_at']:%m}") == ("01", "03")


def test_a_track_without_any_name_is_unknown_by_name(content, computed):
    rows = [played("2024-01-01 12:00:00", "a", None, track_name=None, album_name=None)]
    [row] = computed("dim_track", monthly_content=content(rows)).where("track_key = 'a'").collect()
    assert (row["track_name"], row["artist_key"], row["album_key"]) == ("unknown", -1, -1)


def test_every_key_of_a_fact_is_in_its_dimension(frame, content, computed):
    rows = [played("2024-01-31 12:00:00"), played("2024-01-31 13:00:00", "b", None, album_name=None),
            episode("2024-01-31 14:00:00"), played("2024-01-31 15:00:00", "c", reason_end="new-code")]  # fmt: skip
    facts = transforms.fct_plays(frame("plays", rows)).collect()
    monthly = content(rows)
    for key, dimension in (
        ("track_key", computed("dim_track", monthly_content=monthly)),
        ("artist_key", computed("dim_artist", monthly_content=monthly)),
        ("album_key", computed("dim_album", monthly_content=monthly)),
        ("episode_key", computed("dim_episode", monthly_content=monthly)),
    ):
        assert {row[key] for row in facts} <= {row[key] for row in dimension.collect()}, key
    by_track = {row["track_key"]: row for row in facts}
    assert (by_track["b"]["artist_key"], by_track["not_applicable"]["artist_key"]) == (-1, -2)
    assert by_track["c"]["reason_end_key"] == "other"


def test_dates_are_whole_years_with_iso_weeks(partials, computed):
    hourly = partials([played("2024-12-30 12:00:00")])["hourly_listening"]
    days = {row["date_key"]: row for row in computed("dim_date", hourly_listening=hourly).collect()}
    assert len(days) == 366 + 2
    monday, sunday = days[20241230], days[20240107]
    assert (monday["iso_year"], monday["iso_week"], monday["day_of_week"]) == (2025, 1, 1)
    assert (monday["month_name"], monday["day_name"], monday["month_start"]) == (
        "December",
        "Monday",
        date(2024, 12, 1),
    )
    assert (sunday["day_of_week"], sunday["is_weekend"], sunday["iso_week"]) == (7, True, 1)


@pytest.mark.parametrize(
    ("platform", "family"),
    [
        ("android os 9 api 28 (samsung, sm-g960f)", "android"),
        ("ios 13.3.1 (iphone11,8)", "ios"),
        ("windows 10 (10.0.19041; x64; appx)", "windows"),
        ("osx", "macos"),
        ("os x 10.15.7 [x86 8]", "macos"),
        ("linux [x86-64 0]", "linux"),
        ("webplayer (websocket rfc6455)", "web"),
        ("web_player windows 10;chrome 120.0.0.0;desktop", "web"),
        ("partner google cast_tv;chromecast;;tpapi", "speaker_or_tv"),
        ("partner android_tv sony;bravia", "speaker_or_tv"),
        ("unknown", "unknown"),
        ("fridge", "other"),
    ],
)
def test_families_of_devices(partials, computed, platform, family):
    hourly = partials([played("2024-01-31 12:00:00", platform=platform)])["hourly_listening"]
    [row] = [
        row
        for row in computed("dim_platform", hourly_listening=hourly).collect()
        if row["platform_key"] not in (-1, -2)
    ]
    assert (row["platform"], row["platform_family"]) == (platform, family)


def test_keys_are_functions_of_the_name_alone(spark):
    [row] = spark.createDataFrame([("band",)], "name string").select(hash64("name").alias("key")).collect()
    assert row["key"] == spark.sql("SELECT xxhash64('band')").collect()[0][0]


def test_a_bridge_row_for_every_named_artist(content, computed):
    rows = [played("2024-01-31 12:00:00", "a"), played("2024-01-31 13:00:00", "b", None)]
    found = computed("bridge_track_artist", dim_track=computed("dim_track", monthly_content=content(rows))).collect()
    assert [(row["track_key"], row["artist_position"]) for row in found] == [("a", 0)]
