"""Recaps of a few years: from literal rows of other metric tables, and from plays."""

from datetime import date

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets_tests.transforms.test_metrics import played

HOUR = 3_600_000


def day(text):
    return date.fromisoformat(text)


def year(number=2024, listener="anna", **more):
    """A row of `period_listening`."""
    counts = dict.fromkeys(
        ("streams", "tracks", "artists", "albums", "new_tracks", "new_artists", "active_days", "days"), 9
    )
    time = {"ms_played": 10 * HOUR, "music_ms_played": 8 * HOUR, "spoken_ms_played": 2 * HOUR}
    row = {"listener": listener, "period_type": "year", "period_start": day(f"{number}-01-01"), "plays": 10}
    return row | counts | time | {"skips_known": 0, "shuffles_known": 0, "is_complete": True} | more


def on(text, hours=1, listener="anna", **more):
    """A row of `daily_listening`."""
    row = {"listener": listener, "date": day(text), "plays": 2, "ms_played": hours * HOUR}
    return row | {"implausible_plays": 0, "implausible_ms_played": 0} | more


def place(rank, key, start="2024-01-01", kind="year", entity="artist", plays=3, ms=1_000, listener="anna"):
    """A row of `top_charts`."""
    row = {"listener": listener, "entity_type": entity, "period_type": kind, "period_start": day(start)}
    names = {"name": f"{entity.capitalize()} {key}", "artist_name": f"Artist {key}"}
    return row | names | {"rank": rank, "entity_key": key, "plays": plays, "ms_played": ms}


def heard(text, key=1, plays=1, ms=60_000, listener="anna", **more):
    """A row of `daily_track_plays`: all its keys are of one number, unless told."""
    keys = {"recording_key": key, "artist_key": key, "album_key": key}
    row = {"listener": listener, "date": day(text), "plays": plays, "ms_played": ms, "wrapped_plays": plays}
    return row | keys | more


def dimensions(keys, canonical=(), releases=()):
    """Rows of the dimensions of these keys; releases are years by key."""
    canonical, releases = dict(canonical), dict(releases)
    rows = {}
    for kind, name in (("recording", "track_name"), ("artist", "artist_name"), ("album", "album_name")):
        rows[f"dim_{kind}"] = [
            {
                f"{kind}_key": key,
                f"canonical_{kind}_key": canonical.get(key, key),
                "canonical_track_key": f"id {key}",
                "artist_name": f"Artist {key}",
                name: f"{kind.capitalize()} {key}" if kind != "artist" else f"Artist {key}",
            }
            for key in keys
        ]
    rows["dim_track"] = [{"track_key": f"id {key}", "release_year": releases.get(key)} for key in keys]
    return rows


@pytest.fixture
def recaps(computed, frame):
    """Recaps by listener and year."""

    def compute(years, **inputs):
        rows = {"period_listening": years} | dimensions(()) | inputs
        found = computed("yearly_recap", **{name: frame(name, values) for name, values in rows.items()}).collect()
        return {(row["listener"], row["year"]): row.asDict() for row in found}

    return compute


def picked(row, *names):
    return tuple(row[name] for name in names)


def test_only_spoken_word_leaves_lists_empty_and_figures_of_music_null(recaps):
    spoken = {"music_ms_played": 0, "spoken_ms_played": 10 * HOUR, "tracks": 0, "artists": 0}
    [row] = recaps([year(**spoken)], daily_listening=[on("2024-05-01", 10)]).values()
    lists = [name for name, value in row.items() if isinstance(value, list)]
    assert len(lists) == 21
    assert all(row[name] == [] for name in lists)
    assert picked(row, "wrapped_plays", "discoveries_kept", "sessions") == (0, 0, 0)
    nulls = ("obsessive_week_start", "obsessive_week_plays", "top_genre", "genre_coverage", "listening_age",
             "listening_birth_year", "mean_session_ms", "longest_session_on", "top_platform_family")  # fmt: skip
    assert picked(row, *nulls) == (None,) * len(nulls)
    assert picked(row, "ms_played", "spoken_ms_played", "biggest_day") == (10 * HOUR, 10 * HOUR, day("2024-05-01"))


def test_a_year_without_plays_has_no_row_and_the_last_is_incomplete(recaps):
    found = recaps(
        [
            year(2022),
            year(2024, is_complete=False, year_before_ms_played=0, year_before_plays=0),
            year(2024, "ben", plays=1),
            {"listener": "anna", "period_type": "all", "period_start": day("2022-01-01"), "plays": 20},
            {"listener": "anna", "period_type": "quarter", "period_start": day("2022-01-01"), "plays": 10},
        ],
        daily_listening=[on("2022-06-01"), on("2024-06-01"), on("2024-06-01", 2, listener="ben")],
    )
    assert sorted(found) == [("anna", 2022), ("anna", 2024), ("ben", 2024)]
    compared = ("is_complete", "year_before_ms_played", "year_before_plays")
    assert picked(found["anna", 2022], *compared) == (True, None, None)
    assert picked(found["anna", 2024], *compared) == (False, 0, 0)
    assert [row["biggest_day_ms_played"] for row in found.values()].count(2 * HOUR) == 1


def test_days_months_and_streaks_are_the_first_of_several_and_plausible(recaps):
    found = recaps(
        [year(2023), year(2024), year(2025)],
        daily_listening=[
            on("2023-12-30"),
            on("2023-12-31"),
            on("2024-01-01", 2),
            on("2024-01-02"),
            # As much as January, later; and a day that nobody can have heard.
            on("2024-02-10", 2),
            on("2024-02-11", 1),
            on("2024-03-01", 50, implausible_plays=1, implausible_ms_played=49 * HOUR),
            on("2024-07-01", 90, plays=1, implausible_plays=1, implausible_ms_played=90 * HOUR),
            on("2025-01-01", 90, plays=1, implausible_plays=1, implausible_ms_played=90 * HOUR),
        ],
    )
    columns = ("top_month", "top_month_ms_played", "biggest_day", "biggest_day_ms_played", "longest_streak_days",
               "longest_streak_start")  # fmt: skip
    assert picked(found["anna", 2023], *columns) == (
        *(day("2023-12-01"), 2 * HOUR, day("2023-12-30"), HOUR, 2, day("2023-12-30")),
    )
    assert picked(found["anna", 2024], *columns) == (
        *(day("2024-01-01"), 3 * HOUR, day("2024-01-01"), 2 * HOUR, 2, day("2024-01-01")),
    )
    assert picked(found["anna", 2025], *columns) == (None, None, None, None, 0, None)


def test_top_lists_are_the_first_five_of_the_charts_and_sprint_their_months(recaps):
    [row] = recaps(
        [year()],
        top_charts=[
            *[place(rank, 10 + rank, plays=rank, ms=100 - rank) for rank in (6, 5, 4, 3, 2, 1)],
            place(1, 7, entity="track", ms=9),
            place(1, 8, entity="album", ms=8),
            # Months of the first and second, and of one that isn't in the list.
            place(3, 11, "2024-01-01", "month"),
            place(1, 11, "2024-12-01", "month"),
            place(100, 12, "2024-02-01", "month"),
            place(1, 99, "2024-02-01", "month"),
            place(1, 11, "2023-12-01", "month"),
            place(1, 7, "2024-03-01", "month", "track"),
            place(1, 11, "2024-04-01", "quarter"),
        ],
    ).values()
    assert row["ours_artists"] == ["Artist 11", "Artist 12", "Artist 13", "Artist 14", "Artist 15"]
    assert row["ours_artists_plays"] == ["1", "2", "3", "4", "5"]
    assert row["ours_artists_ms_played"] == ["99", "98", "97", "96", "95"]
    assert picked(row, "ours_tracks", "ours_tracks_by", "ours_tracks_plays", "ours_tracks_ms_played") == (
        *(["Track 7"], ["Artist 7"], ["3"], ["9"]),
    )
    assert picked(row, "ours_albums", "ours_albums_by", "ours_albums_ms_played") == (["Album 8"], ["Artist 8"], ["8"])
    assert row["sprint"] == ["3,,,,,,,,,,,1", ",100,,,,,,,,,,", *[","  * 11] * 3]  # fmt: skip
    assert row["obsessive_week_start"] is None


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        # The most plays, though another was heard longer.
        ([("2024-03-04", 1, 9, 5), ("2024-03-04", 2, 8, 9)], ("2024-03-04", "Track 1", 9)),
        # Of equal ones the first week, then the first key.
        ([("2024-03-11", 1, 9, 5), ("2024-03-04", 3, 9, 5), ("2024-03-04", 2, 9, 5)], ("2024-03-04", "Track 2", 9)),
        # A negative key comes before a positive one, and 9 before 10.
        ([("2024-03-04", 10, 9, 5), ("2024-03-04", 9, 9, 5)], ("2024-03-04", "Track 9", 9)),
        ([("2024-03-04", 5, 9, 5), ("2024-03-04", -6, 9, 5)], ("2024-03-04", "Track -6", 9)),
        # The Monday decides: the week from 30 December 2024 is of that year, that from 1 January 2024, too.
        ([("2024-12-30", 1, 9, 5), ("2024-01-01", 2, 8, 5)], ("2024-12-30", "Track 1", 9)),
        ([("2023-12-25", 1, 99, 5), ("2024-01-01", 2, 8, 5)], ("2024-01-01", "Track 2", 8)),
    ],
)
def test_the_most_obsessive_week(recaps, weeks, expected):
    charts = [place(1, key, start, "week", "track", plays, ms) for start, key, plays, ms in weeks]
    [row] = recaps([year()], top_charts=charts).values()
    start, track, plays = expected
    assert picked(row, "obsessive_week_start", "obsessive_week_track", "obsessive_week_plays") == (
        *(day(start), track, plays),
    )
    assert row["obsessive_week_artist"] == track.replace("Track", "Artist")


def test_wrapped_counts_plays_up_to_15_november(recaps):
    found = recaps(
        [year(2023), year(2024)],
        daily_track_plays=[
            heard("2024-01-01", 1, 2),
            heard("2024-11-15", 2, 3),
            heard("2024-11-16", 1, 50),
            heard("2024-12-31", 1, 50),
            heard("2024-02-29", 3, 9, wrapped_plays=0),
            heard("2023-11-15", 1, 4),
            heard("2023-12-01", 2, 5),
        ],
        **dimensions((1, 2, 3)),
    )
    columns = ("wrapped_plays", "wrapped_tracks", "wrapped_tracks_plays")
    assert picked(found["anna", 2024], *columns) == (5, ["Recording 2", "Recording 1"], ["3", "2"])
    assert picked(found["anna", 2023], *columns) == (4, ["Recording 1"], ["4"])


def test_wrapped_lists_have_five_by_count_with_ties_by_canonical_key(recaps):
    counts = {1: 2, 2: 2, 3: 3, 4: 1, 5: 1, 6: 1, 7: 1}
    [row] = recaps(
        [year()],
        daily_track_plays=[
            *[heard("2024-05-01", key, plays) for key, plays in counts.items()],
            # Two plays of 7 are of what was merged into 4.
            heard("2024-05-02", 7, 1),
            heard("2024-05-03", 9, 30, artist_key=-1, album_key=-1),
        ],
        **dimensions((*counts, 9, -1), canonical={7: 4}),
    ).values()
    assert row["wrapped_plays"] == 42
    assert row["wrapped_artists"] == [f"Artist {key}" for key in (3, 4, 1, 2, 5)]
    assert row["wrapped_artists_plays"] == ["3", "3", "2", "2", "1"]
    assert row["wrapped_tracks"] == [f"Recording {key}" for key in (9, 3, 4, 1, 2)]
    assert row["wrapped_tracks_by"] == [f"Artist {key}" for key in (9, 3, 4, 1, 2)]
    assert row["wrapped_albums"] == [f"Album {key}" for key in (3, 4, 1, 2, 5)]


def test_wrapped_counts_plays_of_more_than_30_seconds_that_were_not_incognito(recaps, frame):
    plays = [
        played("2024-05-01 12:00:00", "a", ms=30_000),
        played("2024-05-01 13:00:00", "a", ms=30_001),
        played("2024-05-01 14:00:00", "b", ms=30_001, incognito=False),
        played("2024-05-01 15:00:00", "b", ms=30_001, incognito=None),
        played("2024-05-01 16:00:00", "a", ms=30_001, incognito=True),
        played("2024-05-01 17:00:00", "c", ms=30_001, incognito=True),
    ]
    days = transforms.daily_track_plays(frame("plays", plays), settings=load_settings()).collect()
    keys = {row[name] for row in days for name in ("recording_key", "artist_key", "album_key")}
    [row] = recaps([year()], daily_track_plays=[row.asDict() for row in days], **dimensions(keys)).values()
    assert picked(row, "wrapped_plays", "wrapped_tracks_plays") == (3, ["2", "1"])
    assert row["wrapped_tracks"] == [f"Recording {ord('b')}", f"Recording {ord('a')}"]
    assert row["wrapped_artists_plays"] == ["3"]


def test_discoveries_are_kept_where_they_became_regulars(recaps):
    def discovered(key, text, plays=10, entity="artist"):
        row = {"listener": "anna", "entity_type": entity, "entity_key": key, "name": f"Artist {key}"}
        return row | {"discovered_on": day(text), "total_plays": plays, "became_regular": plays >= 10}

    found = recaps(
        [year(2023), year(2024)],
        discoveries=[
            discovered(1, "2023-12-31"),
            discovered(2, "2024-01-01", 30),
            discovered(3, "2024-12-31", 40),
            discovered(5, "2024-05-05", 30),
            discovered(4, "2024-01-01", 9),
            discovered(6, "2024-01-01", 99, "track"),
            *[discovered(key, "2024-06-01") for key in (9, 8, 7)],
        ],
    )
    assert picked(found["anna", 2023], "discoveries_kept", "kept_artists") == (1, ["Artist 1"])
    assert picked(found["anna", 2024], "discoveries_kept", "kept_artists") == (
        *(6, ["Artist 3", "Artist 2", "Artist 5", "Artist 7", "Artist 8"]),
    )


def test_the_top_genre_is_of_all_months_of_the_year(recaps):
    def month(text, family, hours, known=3):
        row = {"listener": "anna", "month": day(text), "genre_family": family}
        return row | {"ms_played": hours * HOUR, "known_ms_played": known * HOUR}

    found = recaps(
        [year(2023), year(2024)],
        genre_trends=[
            month("2024-01-01", "rock", 2),
            month("2024-01-01", "jazz", 1),
            month("2024-02-01", "rock", 0, 1),
            month("2024-02-01", "jazz", 1, 1),
            month("2023-05-01", "rock", 0, 0),
        ],
    )
    # Jazz and rock have two hours of four; of eight hours of music.
    columns = ("top_genre", "top_genre_share", "genre_coverage")
    assert picked(found["anna", 2024], *columns) == ("jazz", 0.5, 0.5)
    assert picked(found["anna", 2023], *columns) == (None, None, None)


AGE = ("listening_span_start", "listening_birth_year", "listening_age")


def test_listening_age_of_one_listener_is_of_the_years_with_most_time(recaps):
    found = recaps(
        [year(2023), year(2024)],
        daily_track_plays=[
            # 1999 and 2003 are one span, 1998 and 2003 are none.
            heard("2024-01-01", 1, ms=30),
            heard("2024-02-01", 2, ms=30),
            heard("2024-03-01", 3, ms=20),
            heard("2024-04-01", 4, ms=50),
            # Unknown.
            heard("2024-04-01", 5, ms=500),
            heard("2023-04-01", 4, ms=1),
            heard("2023-04-01", 1, ms=0),
        ],
        **dimensions((1, 2, 3, 4, 5), releases={1: 1999, 2: 2003, 3: 1998, 4: 2020}),
    )
    # Who was born in 1982 was 16 or 17 in 1999, and 20 or 21 in 2003.
    assert picked(found["anna", 2024], *AGE) == (1999, 1982, 42)
    # All spans with 2020 are equal: the earliest.
    assert picked(found["anna", 2023], *AGE) == (2016, 1999, 24)


def test_listening_age_compares_with_the_other_listeners(recaps):
    found = recaps(
        [year(), year(listener="ben"), year(listener="carl")],
        daily_track_plays=[
            # Anna hears most of 2020, but ben and carl do more so. Of 1990, they have a tenth.
            heard("2024-01-01", 1, ms=60),
            heard("2024-01-01", 2, ms=40),
            heard("2024-01-01", 1, ms=90, listener="ben"),
            heard("2022-01-01", 2, ms=10, listener="ben"),
            heard("2024-01-01", 1, ms=900, listener="carl"),
            heard("2024-01-01", 2, ms=100, listener="carl"),
        ],
        **dimensions((1, 2), releases={1: 2020, 2: 1990}),
    )
    # 40 % against 10 %.
    assert picked(found["anna", 2024], *AGE) == (1986, 1969, 55)
    # Ben's year has 2020 alone.
    assert picked(found["ben", 2024], *AGE) == (2016, 1999, 25)
    # Carl's 90 % against 150 of 200.
    assert picked(found["carl", 2024], *AGE) == (2016, 1999, 25)


def test_sessions_are_of_the_year_in_which_they_started(recaps):
    def session(text, ms):
        return {"listener": "anna", "date": day(text), "ms_played": ms}

    [row] = recaps(
        [year()],
        listening_sessions=[
            session("2023-12-31", 900),
            session("2024-01-01", 100),
            session("2024-03-01", 200),
            session("2024-02-01", 200),
        ],
    ).values()
    figures = ("sessions", "mean_session_ms", "longest_session_ms", "longest_session_on")
    assert picked(row, *figures) == (3, round(500 / 3, 6), 200, day("2024-02-01"))


def test_the_top_device_is_a_known_one(recaps):
    def device(family, hours, number=2024, dimension="platform_family"):
        row = {"listener": "anna", "year": number, "dimension": dimension, "value": family}
        return row | {"ms_played": hours * HOUR}

    [row] = recaps(
        [year()],
        listening_behaviour=[
            device("unknown", 5),
            device("ios", 2),
            device("android", 2),
            device("ios", 99, 0),
            device("SE", 9, dimension="conn_country"),
        ],
    ).values()
    assert picked(row, "top_platform_family", "top_platform_family_share") == ("android", 0.2)


def test_without_plays_there_is_none(computed):
    assert computed("yearly_recap").count() == 0
