from datetime import date, datetime

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import utc


def played(at, track="a", artist="Band", ms=200_000, listener="anna", **more):
    """A row of `plays`: of a track, unless more says otherwise."""
    at = utc(at)
    return {
        "play_id": f"{listener}{at}{track}",
        "listener": listener,
        "played_at": at,
        "local_date": at.date(),
        "local_hour": at.hour,
        "content_type": "track",
        "content_key": track,
        "content_uri": f"spotify:track:{track}",
        "track_key": track,
        "recording_key": ord(track[0]),
        "track_name": track,
        "artist_name": artist,
        "album_name": "Album",
        "ms_played": ms,
        "is_stream": ms >= 30_000,
        "platform": "android",
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "skipped": False,
        "shuffle": None,
        "offline": None,
        "incognito": None,
        "conn_country": "SE",
        "month": at.date().replace(day=1),
    } | more


def episode(at, ms=600_000):
    of_track = ("track_key", "recording_key", "track_name", "artist_name", "album_name")
    return played(at, "e", ms=ms, content_type="episode", episode_name="#1", show_name="Show") | dict.fromkeys(
        of_track
    )


@pytest.fixture
def partials(frame):
    """The partial aggregates of some plays."""

    def aggregate(rows, **overrides):
        plays, settings = frame("plays", rows), load_settings(**overrides)
        return {
            name: getattr(transforms, name)(plays, settings=settings)
            for name in ("daily_track_plays", "daily_spoken_plays", "hourly_listening", "monthly_content")
        }

    return aggregate


def test_daily_track_plays_sums_a_recording_by_day(partials):
    rows = [
        played("2024-01-31 12:00:00", skipped=True),
        played("2024-01-31 13:00:00", ms=10_000, skipped=None),
        played("2024-02-01 12:00:00"),
        episode("2024-01-31 12:00:00"),
    ]
    found = partials(rows)["daily_track_plays"].orderBy("date").collect()
    figures = ("date", "plays", "streams", "ms_played", "skips", "skips_known")
    assert [tuple(row[name] for name in figures) for row in found] == [
        (date(2024, 1, 31), 2, 1, 210_000, 1, 1),
        (date(2024, 2, 1), 1, 1, 200_000, 0, 1),
    ]


def test_a_week_of_two_years_is_one_partition_and_in_the_files_of_the_year_of_its_start(partials):
    rows = [played("2024-12-31 12:00:00"), played("2025-01-01 12:00:00")]
    [row] = partials(rows, plays_grain="weekly")["monthly_content"].collect()
    assert (row["window_at"].date(), row["plays"]) == (date(2024, 12, 30), 2)
    assert (row["month"], row["year_start"]) == (date(2024, 12, 1), date(2024, 1, 1))


def test_daily_track_plays_tells_how_plays_began_and_ended(partials):
    rows = [
        played("2024-01-31 12:00:00", reason_start="clickrow", shuffle=True),
        played("2024-01-31 13:00:00", ms=40_000, reason_start="unknown", reason_end="fwdbtn", skipped=True),
        played("2024-01-31 14:00:00", ms=30_000, reason_end="unknown", skipped=None),
        played("2024-01-31 15:00:00", incognito=True),
        played("2024-01-31 16:00:00", album_name="Live"),
    ]
    found = partials(rows)["daily_track_plays"].orderBy("plays").collect()
    figures = (
        "plays",
        "deliberate_starts",
        "starts_known",
        "finished",
        "unfinished_ms_played",
        "skipped_ms_played",
        "wrapped_plays",
    )
    assert [tuple(row[name] for name in figures) for row in found] == [
        (1, 0, 1, 1, 0, 0, 1),
        (4, 1, 3, 2, 70_000, 40_000, 2),
    ]


def test_hourly_listening_counts_how_the_device_was_set(partials):
    rows = [
        played("2024-01-31 12:00:00", offline=True, incognito=False, conn_country="ZZ"),
        played("2024-01-31 12:10:00", offline=False, conn_country=None),
        played("2024-01-31 12:20:00", offline=True, shuffle=True, reason_start="playbtn"),
    ]
    found = partials(rows)["hourly_listening"].orderBy("conn_country").collect()
    figures = (
        "conn_country",
        "plays",
        "offline_plays",
        "offline_known",
        "incognito_plays",
        "incognito_known",
        "shuffles",
        "shuffles_known",
        "deliberate_starts",
    )
    assert [tuple(row[name] for name in figures) for row in found] == [
        ("SE", 1, 1, 1, 0, 0, 1, 1, 1),
        ("unknown", 2, 1, 2, 0, 1, 0, 0, 0),
    ]


def test_daily_spoken_plays_sums_an_episode_by_day(partials):
    rows = [
        episode("2024-01-31 12:00:00", ms=400_000) | {"reason_end": "logout"},
        episode("2024-01-31 13:00:00", ms=200_000),
        played("2024-01-31 14:00:00"),
    ]
    [row] = partials(rows)["daily_spoken_plays"].collect()
    assert (row["episode_key"], row["plays"], row["ms_played"], row["finished"], row["unfinished_ms_played"]) == (
        "e", 2, 600_000, 1, 400_000,
    )  # fmt: skip


def test_monthly_content_tells_how_the_first_play_began(partials):
    rows = [
        played("2024-01-31 12:00:00", "a", platform="ios 13 (iphone 8)", reason_start="clickrow", shuffle=True),
        played("2024-01-31 12:10:00", "a", reason_start="unknown"),
        played("2024-01-31 12:00:00", "b", reason_start="fwdbtn", shuffle=True),
        played("2024-01-31 12:00:00", "c", shuffle=False),
        played("2024-01-31 12:00:00", "d", reason_start="unknown"),
    ]
    found = partials(rows)["monthly_content"].orderBy("content_key").collect()
    assert [(row["first_started_by"], row["first_platform"]) for row in found] == [
        ("deliberate", "ios 13 (iphone 8)"),
        ("shuffle", "android"),
        ("queue", "android"),
        ("unknown", "android"),
    ]


def test_partial_aggregates_tell_what_is_implausible(partials, computed):
    rows = [played("2024-01-31 12:00:00", ms=2_000_000, is_implausible=True), played("2024-01-31 13:00:00")]
    found = partials(rows)
    [by_track] = found["daily_track_plays"].collect()
    [by_day] = computed("daily_listening", **found).collect()
    for row in (by_track, by_day):
        assert (row["plays"], row["implausible_plays"], row["implausible_ms_played"]) == (2, 1, 2_000_000)


def test_a_local_day_that_straddles_two_partitions_is_summed_by_who_reads_it(partials, computed):
    day = date(2024, 2, 1)
    rows = [
        played("2024-01-31 23:30:00", local_date=day, local_hour=0),
        played("2024-02-01 00:30:00", local_date=day, local_hour=1),
    ]
    found = partials(rows)
    assert found["daily_track_plays"].count() == 2
    [row] = computed("daily_listening", **found).collect()
    assert (row["date"], row["plays"], row["tracks"], row["artists"], row["albums"]) == (day, 2, 1, 1, 1)
    assert row["night_ms_played"] == 400_000


@pytest.mark.parametrize(
    ("grain", "windows"),
    [
        ("monthly", ["2024-01-01", "2024-02-01"]),
        ("weekly", ["2024-01-29"]),
        ("daily", ["2024-01-31", "2024-02-01"]),
    ],
)
def test_partial_aggregates_are_by_partition(partials, grain, windows):
    rows = [played("2024-01-31 12:00:00"), played("2024-02-01 12:00:00")]
    found = partials(rows, plays_grain=grain)["hourly_listening"].select("window_at").distinct().collect()
    assert sorted(f"{row['window_at']:%Y-%m-%d}" for row in found) == windows


def test_daily_listening_tells_music_from_spoken_word(partials, computed):
    rows = [played("2024-01-31 12:00:00"), played("2024-01-31 13:00:00", "b", "Other"), episode("2024-01-31 14:00:00")]
    found = partials(rows)
    [row] = computed("daily_listening", **found).collect()
    figures = (
        "plays",
        "ms_played",
        "music_plays",
        "music_ms_played",
        "spoken_plays",
        "spoken_ms_played",
        "tracks",
        "artists",
    )
    assert [row[name] for name in figures] == [3, 1_000_000, 2, 400_000, 1, 600_000, 2, 2]


def test_a_day_of_podcasts_has_no_tracks(partials, computed):
    found = partials([episode("2024-01-31 14:00:00")])
    [row] = computed("daily_listening", **found).collect()
    assert (row["plays"], row["tracks"], row["artists"]) == (1, 0, 0)


def test_the_clock_has_sunday_last(partials):
    rows = [played("2024-01-29 12:00:00"), played("2024-02-04 12:00:00")]  # a Monday and a Sunday
    found = transforms.listening_clock(partials(rows)["hourly_listening"]).orderBy("day_of_week").collect()
    assert [(row["day_of_week"], row["hour"], row["plays"]) for row in found] == [(1, 12, 1), (7, 12, 1)]


def test_track_metrics_rank_by_time_and_then_key(partials, computed):
    rows = [
        played("2024-01-31 12:00:00", "a", skipped=True),
        played("2024-02-28 12:00:00", "a", skipped=False),
        played("2024-01-31 13:00:00", "b", ms=400_000, skipped=None),
        played("2024-01-31 14:00:00", "c", ms=1_000),
        episode("2024-01-31 15:00:00"),
    ]
    found = computed("track_metrics", **partials(rows)).orderBy("rank").collect()
    figures = ("rank", "track_key", "total_plays", "total_streams", "total_ms_played", "avg_ms_played", "skip_rate")
    assert [tuple(row[name] for name in figures) for row in found] == [
        (1, "a", 2, 2, 400_000, 200_000.0, 0.5),
        (2, "b", 1, 1, 400_000, 400_000.0, None),
        (3, "c", 1, 0, 1_000, 1_000.0, 0.0),
    ]
    assert (found[0]["first_played_at"], found[0]["last_played_at"]) == (
        datetime(2024, 1, 31, 12),
        datetime(2024, 2, 28, 12),
    )


def test_ids_of_one_recording_are_one_row_under_the_most_played_id(partials, computed):
    rows = [
        played("2024-01-31 12:00:00", "b", recording_key=7),
        played("2024-01-31 13:00:00", "b", recording_key=7),
        played("2024-01-31 14:00:00", "a", recording_key=7),
        *[played(f"2024-02-0{day} 14:00:00", "name:x", recording_key=7, content_uri=None) for day in range(1, 6)],
    ]
    [row] = computed("track_metrics", **partials(rows)).collect()
    assert (row["track_key"], row["total_plays"]) == ("b", 8)


def test_metrics_of_artists_and_albums(partials, computed):
    rows = [played("2024-01-31 12:00:00", "a", "Band"), played("2024-01-31 13:00:00", "b", "BAND "),
            played("2024-01-31 14:00:00", "c", None)]  # fmt: skip
    found = partials(rows)
    artists = computed("artist_metrics", **found).collect()
    albums = computed("album_metrics", **found).collect()
    assert [(row["artist_name"], row["total_plays"]) for row in artists] == [("BAND ", 2)]
    assert [(row["album_name"], row["artist_name"], row["total_plays"]) for row in albums] == [("Album", "BAND ", 2)]


def test_listeners_are_ranked_apart(partials, computed):
    rows = [played("2024-01-31 12:00:00"), played("2024-01-31 12:00:00", listener="ben")]
    found = computed("track_metrics", **partials(rows)).collect()
    assert sorted((row["listener"], row["rank"]) for row in found) == [("anna", 1), ("ben", 1)]


def test_coverage_is_of_plays_time_and_tracks(computed, frame):
    heard = [
        {"listener": "anna", "recording_key": 1, "track_key": "a", "total_plays": 3, "total_ms_played": 100},
        {"listener": "anna", "recording_key": 2, "track_key": "b", "total_plays": 1, "total_ms_played": 300},
        {"listener": "ben", "recording_key": 2, "track_key": "b", "total_plays": 2, "total_ms_played": 0},
    ]
    tracks = [
        {"track_key": "a", "genres": "pop", "duration_ms": 1, "popularity": 0},
        {"track_key": "b", "features_source": "f.csv", "duration_ms": 2},
    ]
    rows = computed(
        "catalogue_coverage", track_metrics=frame("track_metrics", heard), dim_track=frame("dim_track", tracks)
    ).collect()
    found = {(row["listener"], row["attribute"]): row for row in rows}
    assert len(found) == len(rows) == 10

    def shares(listener, attribute):
        return tuple(found[listener, attribute][f"{name}_share"] for name in ("play", "ms", "track"))

    assert shares("anna", "genre") == (0.75, 0.25, 0.5)
    assert shares("anna", "features") == (0.25, 0.75, 0.5)
    assert shares("anna", "release") == (0, 0, 0)
    assert shares("anna", "length") == (1, 1, 1)
    assert shares("anna", "popularity") == shares("anna", "genre")
    assert shares("ben", "features") == (1, None, 1)
    assert (found["anna", "genre"]["known_plays"], found["anna", "genre"]["plays"]) == (3, 4)
