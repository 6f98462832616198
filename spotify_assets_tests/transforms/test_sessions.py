from datetime import UTC, date, datetime, timedelta

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets_tests.transforms.test_metrics import played

PARTIALS = ("session_parts", "session_edges")


def play(end, track="a", ms=180_000, **more):
    """A row of `plays` with its start."""
    row = played(end, track, ms=ms, is_implausible=False) | more
    return row | {"started_at": row["played_at"] - timedelta(milliseconds=row["ms_played"])}


@pytest.fixture
def sessions(frame, computed):
    """`listening_sessions` of some plays, in order."""

    def compute(rows, **overrides):
        settings = load_settings(**overrides)
        plays = frame("plays", rows)
        parts = {name: getattr(transforms, name)(plays, settings=settings) for name in PARTIALS}
        found = computed("listening_sessions", **parts, settings=settings)
        return [row.asDict() for row in found.orderBy("listener", "session_start").collect()]

    return compute


def test_a_session_ends_where_nothing_plays_for_half_an_hour(sessions):
    rows = [
        play("2024-01-10 12:03:00"),
        play("2024-01-10 12:36:00", "b"),  # starts at 12:33, exactly 30 minutes later
        play("2024-01-10 13:09:01", "c"),  # a second more
        play("2024-01-10 20:00:00", "d", listener="ben"),
    ]
    found = sessions(rows)
    assert [(row["listener"], row["session_start"], row["session_end"], row["plays"]) for row in found] == [
        ("anna", datetime.fromisoformat("2024-01-10 12:00:00"), datetime.fromisoformat("2024-01-10 12:36:00"), 2),
        ("anna", datetime.fromisoformat("2024-01-10 13:06:01"), datetime.fromisoformat("2024-01-10 13:09:01"), 1),
        ("ben", datetime.fromisoformat("2024-01-10 19:57:00"), datetime.fromisoformat("2024-01-10 20:00:00"), 1),
    ]
    assert [row["gap_before_ms"] for row in found] == [None, 30 * 60_000 + 1_000, None]
    assert len(sessions(rows, session_gap_minutes=31)) == 2


def test_figures_of_a_session(sessions):
    rows = [
        play("2024-01-10 12:00:00", "a", skipped=True, ms=10_000, is_stream=False, reason_start="clickrow"),
        play("2024-01-10 12:03:00", "b", artist_name="Other", platform="ios"),
        play("2024-01-10 12:06:00", "a", platform="ios", shuffle=True),
        play("2024-01-10 12:40:00", "e", 1_800_000, content_type="episode", recording_key=None, artist_name=None,
             album_name=None),
        play("2024-01-10 12:43:00", "b", artist_name="Other"),
    ]  # fmt: skip
    [row] = sessions(rows)
    names = (
        "plays", "streams", "ms_played", "spoken_plays", "tracks", "artists", "skips", "shuffles", "deliberate_starts",
        "top_artist_plays", "platforms", "hand_offs", "first_platform", "session_type",
    )  # fmt: skip
    assert tuple(row[name] for name in names) == (
        5, 4, 2_350_000, 1, 2, 2, 1, 1, 1, 2, 2, 2, "android", "mixed",
    )  # fmt: skip
    assert (row["first_recording_key"], row["last_recording_key"], row["date"]) == (
        ord("a"), ord("b"), date(2024, 1, 10),
    )  # fmt: skip


def test_types_of_sessions(sessions):
    def run(day, count, **more):
        minutes = [datetime(2024, 1, day, 12, tzinfo=UTC) + timedelta(minutes=3 * number) for number in range(count)]
        return [play(f"{end:%Y-%m-%d %H:%M:%S}", chr(97 + number), **more) for number, end in enumerate(minutes)]

    other_album = run(2, 6)
    other_album[2] |= {"album_name": "Single"}
    shuffled = run(3, 5, shuffle=True)
    for number, row in enumerate(shuffled):
        row |= {"artist_name": f"Band {number // 2}"}
    shuffled[0]["shuffle"] = None
    long = run(4, 4, ms=3_600_000)
    for number, row in enumerate(long):
        row |= {"artist_name": f"Band {number}"}
    chosen = [
        row | {"played_at": row["played_at"] + timedelta(days=1), "play_id": row["play_id"] + "+"} for row in long
    ]
    for row in chosen:
        row["started_at"] += timedelta(days=1)
    chosen[1]["reason_start"] = "playbtn"
    found = sessions([*run(1, 5), *other_album, *shuffled, *long, *chosen])
    assert [row["session_type"] for row in found] == [
        "album_run", "artist_binge", "shuffle_mix", "background", "mixed",
    ]  # fmt: skip
    assert [row["longest_album_run"] for row in found] == [5, 3, 2, 1, 1]


def test_a_session_across_partitions_is_one(sessions):
    """Over midnight, a month's end and year's end, in a zone where it begins on the next day."""
    rows = [
        play("2023-12-30 12:00:00"),
        play("2023-12-31 23:50:00", "b"),
        play("2023-12-31 23:59:00", "c", ms=600_000),
        play("2024-01-01 00:02:00", "b"),
        play("2024-01-01 12:00:00", "d"),
        play("2024-01-20 12:00:00", "d"),
        play("2024-02-20 12:00:00", "d"),
    ]
    expected = [
        ("2023-12-30 11:57:00", date(2023, 12, 30), 1, 1),
        ("2023-12-31 23:47:00", date(2024, 1, 1), 3, 2),
        ("2024-01-01 11:57:00", date(2024, 1, 1), 1, 1),
        ("2024-01-20 11:57:00", date(2024, 1, 20), 1, 1),
        ("2024-02-20 11:57:00", date(2024, 2, 20), 1, 1),
    ]
    for grain in ("monthly", "daily"):
        found = sessions(rows, plays_grain=grain, timezones={"anna": "Asia/Tokyo"})
        assert [
            (f"{row['session_start']:%Y-%m-%d %H:%M:%S}", row["date"], row["plays"], row["tracks"]) for row in found
        ] == expected, grain


def test_a_month_that_is_one_session_joins_both_neighbours(sessions):
    """With partitions of a day: a session of three days, and each partition has one part."""
    rows = [
        play(f"2024-01-{1 + number * 20 // 1440:02d} {number * 20 // 60 % 24:02d}:{number * 20 % 60:02d}:00", "a",
             play_id=str(number))
        for number in range(150)
    ]  # fmt: skip
    [row] = sessions(rows, plays_grain="daily")
    assert (row["plays"], row["tracks"], row["longest_album_run"]) == (150, 1, 150)


def test_crossfade_and_plays_at_once_are_one_session_and_implausible_ones_in_none(sessions):
    rows = [
        play("2024-01-10 12:03:00"),
        play("2024-01-10 12:05:50", "b"),  # starts 10 s before the end of the one before
        play("2024-01-10 14:00:00", "c", ms=2 * 3_600_000),  # began before both, on another device
        play("2024-01-10 14:00:30", "d", ms=3_600_000, is_implausible=True),
    ]
    [row] = sessions(rows)
    assert (row["session_start"], row["session_end"], row["plays"]) == (
        datetime.fromisoformat("2024-01-10 12:00:00"),
        datetime.fromisoformat("2024-01-10 14:00:00"),
        3,
    )


def test_there_are_no_sessions_without_plays(sessions):
    assert sessions([]) == []
