"""Periods and gaps of days that a person can count."""

from datetime import date, timedelta

import pytest

from spotify_assets_tests.conftest import utc


def day(text):
    return date.fromisoformat(text)


def days_of(first, count, step=1):
    """So many days from the first, each `step` days after the one before."""
    return [day(first) + timedelta(days=step * number) for number in range(count)]


@pytest.fixture
def gaps(computed, frame):
    """Rows of `coverage_gaps` by listener and start: each day with a play, of which a file of that month tells."""

    def compute(**listeners):
        days = [(name, one) for name, dates in listeners.items() for one in dates]
        plays = [
            {
                "listener": name,
                "local_date": one,
                "played_at": utc(f"{one} {hour}:00:00"),
                "source_file": f"{file}.json",
            }
            for name, one in days
            for hour, file in ((11, f"a {one:%m}"), (12, f"b {one:%m}"))
        ]
        found = computed(
            "coverage_gaps",
            daily_listening=frame("daily_listening", [{"listener": name, "date": one} for name, one in days]),
            plays=frame("plays", plays),
        ).collect()
        return sorted((row.asDict() for row in found), key=lambda row: (row["listener"], row["gap_start"]))

    return compute


def test_a_gap_is_suspicious_where_the_days_before_lead_one_to_expect_plays(gaps):
    rows = gaps(
        # Every day of 45, then 14 days without: 45 of 90 days lead one to expect 7 of 14.
        anna=[*days_of("2024-01-01", 45), day("2024-02-29")],
        # A day fewer, and 14 days without; then the 15th of February is 13 days after, so no gap.
        ben=[*days_of("2024-01-01", 44), day("2024-02-28"), day("2024-03-13")],
        # Only days within 90 count: every second day from October, of which 45 lie within.
        chloe=[*days_of("2023-10-01", 60, step=2), day("2024-02-12")],
        dev=[day("2024-01-01")],
    )
    figures = (
        "listener",
        "gap_start",
        "gap_end",
        "days",
        "active_days_before",
        "expected_active_days",
        "is_suspicious",
    )
    assert [tuple(str(row[name]) for name in figures) for row in rows] == [
        ("anna", "2024-02-15", "2024-02-28", "14", "45", "7.0", "True"),
        ("ben", "2024-02-14", "2024-02-27", "14", "44", "6.844444", "False"),
        ("chloe", "2024-01-28", "2024-02-11", "15", "45", "7.5", "True"),
    ]


def test_a_gap_lies_between_the_files_of_the_plays_beside_it(gaps):
    [row] = gaps(anna=[day("2024-01-10"), day("2025-01-01")])
    assert (row["days"], row["source_before"], row["source_after"]) == (356, "b 01.json", "a 01.json")
    assert gaps(anna=days_of("2024-01-01", 3, step=14)) == []


def listened(on, ms=100, plays=1, listener="anna", **more):
    """A row of `daily_listening`: of music, unless told."""
    measures = {"plays": plays, "ms_played": ms, "music_plays": plays, "music_ms_played": ms}
    counts = ("streams", "skips", "skips_known", "spoken_plays", "spoken_ms_played", "shuffles", "shuffles_known",
              "deliberate_starts", "starts_known", "offline_plays", "offline_known", "incognito_plays",
              "incognito_known", "night_ms_played", "tracks", "artists", "albums")  # fmt: skip
    return {"listener": listener, "date": day(on)} | dict.fromkeys(counts, 0) | measures | more


def heard(on, track=1, ms=100, plays=1, artist=None, **more):
    """A row of `daily_track_plays`; artist and album are of the track's number unless told."""
    keys = {"recording_key": track, "artist_key": artist or track, "album_key": artist or track}
    return {
        "listener": "anna",
        "date": day(on),
        "plays": plays,
        "ms_played": ms,
        "finished": plays,
        "unfinished_ms_played": 0,
    } | keys | more  # fmt: skip


@pytest.fixture
def periods(computed, frame):
    """Rows of `period_listening` by listener, type and start, of days, tracks, and other inputs."""

    def compute(days, tracks=(), **inputs):
        ends = {}
        for row in days:
            first, last = ends.get(row["listener"], (row["date"], row["date"]))
            ends[row["listener"]] = (min(first, row["date"]), max(last, row["date"]))
        rows = {
            "daily_listening": days,
            "daily_track_plays": tracks,
            "listening_sessions": [],
            "coverage_gaps": [],
            "dim_listener": [
                {"listener_key": number, "listener": name, "first_date": first, "last_date": last}
                for number, (name, (first, last)) in enumerate(ends.items())
            ],
            "dim_recording": [],
            "dim_artist": [],
            "dim_album": [],
            "dim_track": [],
        } | inputs
        found = computed("period_listening", **{name: frame(name, values) for name, values in rows.items()})
        keys = ("listener", "period_type", "period_start")
        return sorted((row.asDict() for row in found.collect()), key=lambda row: [row[key] for key in keys])

    return compute


def of(rows, period_type, *columns, listener="anna"):
    kind = {"listener": listener, "period_type": period_type}
    return [tuple(row[name] for name in columns) for row in rows if kind.items() <= row.items()]


def test_periods_add_up_their_days(periods):
    rows = periods(
        [
            listened("2020-12-31", 200, plays=2, skips=1, skips_known=2, night_ms_played=50),
            listened("2021-01-03", 300, skips_known=2, deliberate_starts=1, starts_known=1),
            listened("2021-01-04", 500, music_plays=0, spoken_plays=1, music_ms_played=0, spoken_ms_played=500),
        ],
        listening_sessions=[
            {"listener": "anna", "date": day(on), "ms_played": ms}
            for on, ms in (("2020-12-31", 120), ("2020-12-31", 80), ("2021-01-03", 300))
        ],
    )
    figures = ("ms_played", "spoken_ms_played", "skip_rate", "active_days", "days", "sessions", "longest_session_ms")
    # The 53rd week of 2020 ends on 3 January; the period of the last day is not complete.
    assert of(rows, "week", "period_start", *figures, "is_complete") == [
        (day("2020-12-28"), 500, 0, 0.25, 2, 4, 3, 300, True),
        (day("2021-01-04"), 500, 500, None, 1, 1, 0, None, False),
    ]
    assert of(rows, "year", "period_start", *figures) == [
        (day("2020-01-01"), 200, 0, 0.5, 1, 1, 2, 120),
        (day("2021-01-01"), 800, 500, 0.0, 2, 4, 1, 300),
    ]
    assert of(rows, "all", "period_start", *figures, "is_complete") == [
        (day("2020-12-31"), 1000, 500, 0.25, 3, 5, 3, 300, False)
    ]
    assert of(rows, "all", "night_share", "deliberate_share", "shuffle_share") == [(0.05, 1.0, None)]
    assert len(of(rows, "day", "plays")) == 3


def test_a_track_counts_once_in_each_period(periods):
    rows = periods(
        [
            listened("2021-01-03", 300, plays=3, tracks=2, artists=1, albums=1),
            listened("2021-01-04", 100, tracks=1, artists=1, albums=1),
            listened("2021-02-01", 200, plays=2, tracks=2, artists=2, albums=2),
        ],
        [
            heard("2021-01-03", 1, artist=7, plays=2, ms=200),
            heard("2021-01-03", 2, artist=7),
            heard("2021-01-04", 1, artist=7),
            heard("2021-02-01", 1, artist=7),
            heard("2021-02-01", 3, artist=-1),
        ],
    )
    figures = ("tracks", "artists", "albums", "new_tracks", "new_artists")
    assert of(rows, "day", *figures) == [(2, 1, 1, 2, 1), (1, 1, 1, 0, 0), (2, 2, 2, 1, 0)]
    assert of(rows, "week", *figures) == [(2, 1, 1, 2, 1), (1, 1, 1, 0, 0), (2, 1, 1, 1, 0)]
    assert of(rows, "month", *figures) == [(2, 1, 1, 2, 1), (2, 1, 1, 1, 0)]
    assert of(rows, "quarter", *figures) == of(rows, "all", *figures) == [(3, 1, 1, 3, 1)]


def test_concentration_is_of_artists_by_time(periods):
    rows = periods(
        [
            listened("2024-01-01", 1000),
            listened("2024-01-02", 0, listener="ben"),
            listened("2024-01-03", listener="cy"),
        ],
        [
            heard("2024-01-01", 1, 400),
            heard("2024-01-01", 2, 400),
            heard("2024-01-01", 3, 200),
            *[heard("2024-01-03", 10 + number, 100, listener="cy") for number in range(20)],
        ],
    )
    figures = ("artist_ms_played", "top_10_share", "half_of_listening_artists", "effective_artists", "gini")
    # 0.4 ^ -0.8 * 0.2 ^ -0.2 = 2.871746; (4 * 1000 - 2 * (400 + 800 + 600)) / (3 * 1000) = 0.133333
    assert of(rows, "year", *figures) == [(1000, 1.0, 2, 2.871746, 0.133333)]
    assert of(rows, "all", *figures, listener="ben") == [(0, None, None, None, None)]
    assert of(rows, "day", *figures, listener="cy") == [(2000, 0.5, 10, 20.0, 0.0)]


def test_completion_and_release_are_of_what_the_catalogue_knows(periods):
    rows = periods(
        [listened("2024-01-01", 1000, plays=7)],
        [
            # Two of four ended; the other two played 60 of 100 ms together.
            heard("2024-01-01", 1, 260, plays=4, finished=2, unfinished_ms_played=60),
            # Replayed within: not more than 1 a play.
            heard("2024-01-01", 2, 340, plays=2, finished=0, unfinished_ms_played=340),
            heard("2024-01-01", 3, 400),
        ],
        dim_recording=[
            {"recording_key": number, "canonical_recording_key": number, "canonical_track_key": f"t{number}"}
            for number in (1, 2, 3)
        ],
        dim_track=[
            {"track_key": "t1", "duration_ms": 100, "release_date": day("2023-12-31"), "release_year": 2023},
            {"track_key": "t2", "duration_ms": 100, "release_date": day("2003-12-31"), "release_year": 2003},
            {"track_key": "t3"},
        ],
    )
    # (2 + 0.6 + 2) / 6; (260 * 2023 + 340 * 2003) / 600
    figures = ("completion", "length_known_plays", "length_coverage", "mean_release_year", "release_coverage")
    assert of(rows, "month", *figures) == [(0.766667, 6, 0.6, 2011.666667, 0.6)]
    # Half of 1 day and of 20 years, five of them leap years, and a day.
    assert of(rows, "all", "release_lag_days") == [((1 + 20 * 365 + 5 + 1) / 2,)]


def test_without_a_catalogue_completion_is_unknown(periods):
    rows = periods([listened("2024-02-29")], [heard("2024-02-29")])
    figures = ("completion", "length_known_plays", "length_coverage", "mean_release_year", "release_lag_days")
    assert of(rows, "day", "period_start", *figures) == [(day("2024-02-29"), None, 0, 0.0, None, None)]
    assert {row["period_type"] for row in rows} == {"day", "week", "month", "quarter", "year", "all"}


COMPARED = ("previous_ms_played", "year_before_ms_played")


def test_a_period_is_compared_with_the_one_before_and_a_year_before(periods):
    rows = periods(
        [
            listened("2023-01-10", 1),
            listened("2023-02-28", 2),
            listened("2023-03-15", 4),
            listened("2024-02-28", 8),
            listened("2024-02-29", 16),
            listened("2024-03-31", 32),
            # The last day: its month is compared with the first 10 days of others, its year with as many of 2024.
            listened("2025-03-10", 64),
        ]
    )
    assert of(rows, "day", "period_start", *COMPARED) == [
        (day("2023-01-10"), None, None),
        (day("2023-02-28"), 0, None),
        (day("2023-03-15"), 0, None),
        (day("2024-02-28"), 0, 2),
        (day("2024-02-29"), 8, 2),
        (day("2024-03-31"), 0, 0),
        (day("2025-03-10"), 0, 0),
    ]
    assert of(rows, "month", "period_start", *COMPARED) == [
        (day("2023-01-01"), None, None),
        (day("2023-02-01"), 1, None),
        (day("2023-03-01"), 2, None),
        (day("2024-02-01"), 0, 2),
        (day("2024-03-01"), 24, 4),
        (day("2025-03-01"), 0, 0),
    ]
    assert of(rows, "year", "previous_ms_played", "previous_plays", "year_before_ms_played", "is_complete") == [
        (None, None, None, True),
        (7, 3, 7, True),
        (24, 2, 24, False),
    ]
    assert of(rows, "all", *COMPARED) == [(None, None)]
    # 52 weeks before the 4th of March 2024 is the 6th of March 2023.
    assert of(rows, "week", "period_start", *COMPARED)[2:5] == [
        (day("2023-03-13"), 0, None),
        (day("2024-02-26"), 0, 2),
        (day("2024-03-25"), 0, 0),
    ]


def test_what_lies_in_a_suspicious_gap_is_not_compared(periods):
    days = [listened("2023-01-10"), listened("2023-02-20"), listened("2024-07-01"), listened("2025-07-03")]
    gap = {
        "listener": "anna",
        "gap_start": day("2023-02-21"),
        "gap_end": day("2024-06-30"),
        "is_suspicious": True,
    }
    harmless = {
        "listener": "anna",
        "gap_start": day("2024-07-02"),
        "gap_end": day("2025-07-02"),
        "is_suspicious": False,
    }
    rows = periods(days, coverage_gaps=[gap, harmless])
    # The quarter and the month before July 2024, and July 2023, lie in the gap; the year 2023 does not.
    assert of(rows, "month", *COMPARED)[2:] == [(None, None), (0, 100)]
    assert of(rows, "quarter", *COMPARED)[1:] == [(None, None), (0, 100)]
    assert of(rows, "year", *COMPARED)[1:] == [(200, 200), (100, 100)]
    assert of(rows, "day", *COMPARED)[2:] == [(None, None), (0, 0)]


def test_a_listener_of_podcasts_alone_has_periods_and_nobody_has_none(periods):
    spoken = listened("2024-02-29", music_plays=0, music_ms_played=0, spoken_plays=1, spoken_ms_played=100)
    figures = ("plays", "spoken_ms_played", "tracks", "new_artists", "artist_ms_played", "gini", "length_coverage")
    assert of(periods([spoken]), "all", *figures) == [(1, 100, 0, 0, 0, None, None)]
    assert periods([]) == []
