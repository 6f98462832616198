"""The life of tracks, artists and albums: a few days of plays each, and random ones against a naive implementation."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest

from spotify_assets.settings import load_settings

OTHER_MEASURES = (
    *("skips", "skips_known", "skipped_ms_played", "shuffles", "shuffles_known", "deliberate_starts", "starts_known"),
    *("finished", "unfinished_ms_played", "implausible_plays"),
)


def day(month_and_day, year=2024):
    return date.fromisoformat(f"{year}-{month_and_day}")


def on(date_, plays=1, key=1, listener="anna", **more):
    """A row of `daily_track_plays`: the track, artist and album of a number."""
    return {
        "listener": listener,
        "date": date_,
        "recording_key": key,
        "artist_key": key,
        "album_key": key,
        "plays": plays,
        "streams": plays,
        "ms_played": plays * 100_000,
        **dict.fromkeys(
            ("skips", "skips_known", "shuffles", "shuffles_known", "deliberate_starts", "starts_known"), 0
        ),
        **dict.fromkeys(("finished", "unfinished_ms_played", "skipped_ms_played", "implausible_plays"), 0),
    } | more


@pytest.fixture
def lives(computed, frame):
    """Rows of `track_metrics` by listener and recording, of days and the listeners' last days."""

    def compute(days, table="track_metrics", last_day=None, lengths=None, **settings):
        keys = sorted({row["recording_key"] for row in days})
        last_days = {}
        for row in days:
            last_days[row["listener"]] = max(last_days.get(row["listener"], row["date"]), row["date"])
        last_days |= last_day or {}
        entity = table.removesuffix("_metrics").replace("track", "recording")
        inputs = {
            "daily_track_plays": days,
            "dim_listener": [{"listener": name, "last_date": last} for name, last in last_days.items()],
            "dim_recording": [
                {"recording_key": key, "canonical_recording_key": key, "canonical_track_key": f"t{key}"}
                for key in keys
            ],
            f"dim_{entity}": [
                {f"{entity}_key": key, f"canonical_{entity}_key": key}
                | ({"canonical_track_key": f"t{key}", "track_name": f"t{key}"} if entity == "recording" else {})
                for key in keys
            ],
            "dim_track": [{"track_key": f"t{key}", "duration_ms": ms} for key, ms in (lengths or {}).items()],
        }
        found = computed(
            table,
            settings=load_settings(**settings),
            **{name: frame(name, rows) for name, rows in inputs.items()},
        ).collect()
        return {(row["listener"], row[f"{entity}_key"]): row for row in found}

    return compute


def figures(row, *names):
    return tuple(row[name] for name in names)


def test_streaks_and_gaps_are_of_local_days(lives):
    found = lives(
        [
            *[on(day(date_)) for date_ in ("02-28", "02-29", "03-01")],
            on(day("03-05")),
            *[on(day(date_, year), key=2) for date_, year in (("12-30", 2022), ("12-31", 2022), ("01-01", 2023))],
            on(day("01-01", 2024), key=2),
            on(day("03-05"), 9, key=3),
            *[on(day("01-01", 2010) + timedelta(number), key=4, listener="ben") for number in range(3653)],
        ]
    )
    names = ("active_days", "longest_streak_days", "longest_gap_days", "rediscoveries")
    assert figures(found["anna", 1], *names) == (4, 3, 3, 0)
    assert figures(found["anna", 2], *names) == (4, 3, 364, 1)
    assert figures(found["anna", 3], *names) == (1, 1, 0, 0)
    assert figures(found["ben", 4], *names) == (3653, 3653, 0, 0)


def test_peaks_are_the_first_of_several(lives):
    found = lives(
        [
            on(day("01-30"), 2),
            on(day("01-31"), 2),
            on(day("02-05"), 3),
            on(day("02-06"), 1),
            on(day("03-01"), 3),
            on(day("06-01"), key=2),
        ]
    )
    row = found["anna", 1]
    assert figures(row, "best_day", "best_day_plays") == (day("02-05"), 3)
    # January and February have four plays each, and so has no other month.
    assert figures(row, "best_month", "best_month_plays") == (day("01-01"), 4)
    # 30 January to 5 February has seven; 31 January to 6 February only six.
    assert figures(row, "peak_7_days_end", "peak_7_days_plays") == (day("02-05"), 7)
    # On 12 February, the last seven days (6 to 12) have one play.
    assert row["half_life_days"] == 7
    assert figures(found["anna", 2], "peak_7_days_end", "half_life_days") == (day("06-01"), None)


def test_the_half_life_ends_on_a_day_without_a_play(lives):
    days = [on(day("01-01"), 4), on(day("01-05"), 4), on(day("01-10"), 4), on(day("01-14"), 3)]
    # The last seven days have eight plays on 5 January, 4 + 4 up to the 16th, 3 from the 17th.
    found = lives(days, last_day={"anna": day("01-17")})
    assert figures(found["anna", 1], "peak_7_days_plays", "peak_7_days_end") == (8, day("01-05"))
    assert found["anna", 1]["half_life_days"] == 12
    found = lives(days, last_day={"anna": day("01-16")})
    assert found["anna", 1]["half_life_days"] is None


def test_obsessions_are_weeks_that_do_not_overlap(lives):
    found = lives(
        [
            *[on(day(f"01-{number:02d}"), key=1) for number in range(1, 20)],
            *[on(day("01-01"), 4, key=2), on(day("01-08"), 4, key=2)],
            *[on(day("01-06"), 5, key=3), on(day("01-08"), 5, key=3), on(day("01-13"), 5, key=3)],
        ]
    )
    assert {key: row["obsession"] for (_, key), row in found.items()} == {
        1: 3,  # from the 1st, 8th and 15th
        2: 0,
        3: 2,  # from the 6th and 13th
    }
    assert lives([on(day("01-01"), 4)], obsession_plays=4)["anna", 1]["obsession"] == 1


LAST = day("12-31")
# Days before the last of each play, and the state that follows.
STATES = (
    ([29, 0], "new"),
    ([30, 0], "current"),
    ([400, 29], "rediscovered"),
    ([400, 30], "current"),
    ([210, 29], "rediscovered"),
    ([209, 29], "current"),
    ([400] * 14 + [180], "forgotten"),
    ([400] * 13 + [180], "past"),
    ([400] * 14 + [179], "fading"),
    # A quarter of the time since the first: an eighth of the plays is enough.
    ([359] * 6 + [100, 89], "current"),
    ([359] * 7 + [100, 89], "fading"),
    ([719, 179], "fading"),
    ([719, 180], "past"),
)


def test_the_state_is_the_first_that_applies(lives):
    days = [
        on(LAST - timedelta(ago), plays, key)
        for key, (days_ago, _) in enumerate(STATES)
        for ago, plays in Counter(days_ago).items()
    ]
    found = lives(days)
    assert [(days_ago, found["anna", key]["state"]) for key, (days_ago, _) in enumerate(STATES)] == list(STATES)
    assert lives(days, forgotten_after_days=181)["anna", 4]["state"] == "current"


def test_completion_is_by_recording_and_day(lives):
    days = [
        on(day("01-01"), 2, finished=1, unfinished_ms_played=50_000),
        # Heard longer than it is: as if heard to its end.
        on(day("01-02"), 1, unfinished_ms_played=300_000),
        on(day("01-01"), 1, key=2, artist_key=1, unfinished_ms_played=90_000),
    ]
    names = ("completion", "plays_with_length", "length_coverage")
    found = lives(days, lengths={1: 200_000})
    assert figures(found["anna", 1], *names) == (0.75, 3, 1)
    assert figures(found["anna", 2], *names) == (None, 0, 0)
    by_artist = lives(days, "artist_metrics", lengths={1: 200_000})
    assert figures(by_artist["anna", 1], *names) == (0.75, 3, 0.75)
    by_artist = lives(days, "artist_metrics", lengths={1: 200_000, 2: 180_000})
    assert figures(by_artist["anna", 1], *names) == (0.6875, 4, 1)
    assert figures(lives(days)["anna", 1], *names) == (None, 0, 0)


def test_shares_have_their_denominators(lives):
    started = {"deliberate_starts": 1, "starts_known": 3, "skips": 2, "skips_known": 4, "skipped_ms_played": 9_000}
    [row] = lives([on(day("01-01"), 5, **started), on(day("01-02"))]).values()
    assert figures(row, "deliberate_share", "starts_known") == (0.333333, 3)
    assert figures(row, "skip_rate", "skips_known", "skips", "mean_ms_to_skip") == (0.5, 4, 2, 4500)


def test_implausible_plays_make_no_record(lives):
    found = lives(
        [
            on(day("01-01"), 1),
            on(day("01-02"), 4, implausible_plays=4),
            on(day("01-03"), 4, implausible_plays=3),
            on(day("01-01"), 3, key=2, implausible_plays=3),
        ]
    )
    names = ("total_plays", "active_days", "best_day_plays", "peak_7_days_plays", "longest_streak_days")
    assert figures(found["anna", 1], *names) == (9, 2, 1, 2, 1)
    assert figures(found["anna", 2], *names) == (3, 0, 0, 0, 0)
    assert figures(found["anna", 2], "best_day", "best_month", "peak_7_days_end") == (None, None, None)


@pytest.mark.parametrize("table", ["track_metrics", "artist_metrics", "album_metrics"])
def test_lives_agree_with_a_naive_implementation(lives, table):
    chance = random.Random(7)
    days, last = [], day("12-31", 2012)
    for key in range(60):
        spread = chance.choice([3, 20, 100, 1000])
        start = last - timedelta(chance.randrange(2000))
        heard_on = {chance.randrange(spread) for _ in range(chance.choice([1, 5, 40, 200]))}
        days += [
            on(start + timedelta(number), chance.choice([1, 1, 1, 2, 5, 12]), key)
            for number in sorted(heard_on)
            if start + timedelta(number) <= last
        ]
    found = lives(days, table, last_day={"anna": last})
    for (_, key), row in found.items():
        plays = {one["date"]: one["plays"] for one in days if one["recording_key"] == key}
        expected = naive_life(plays, last)
        if table != "track_metrics":
            expected.pop("obsession")
        assert {name: row[name] for name in expected} == expected, plays


def naive_life(plays, today):
    """Figures of one entity, day by day."""
    first, last = min(plays), max(plays)
    every_day = [first + timedelta(number) for number in range((today - first).days + 1)]
    week = {date_: sum(plays.get(date_ - timedelta(ago), 0) for ago in range(7)) for date_ in every_day}
    months = Counter()
    for date_, number in plays.items():
        months[date_.replace(day=1)] += number
    streak = longest_streak = gap = longest_gap = returns = 0
    for date_ in every_day[: (last - first).days + 1]:
        if date_ in plays:
            returns += gap >= 180
            streak, gap = streak + 1, 0
        else:
            streak, gap = 0, gap + 1
        longest_streak, longest_gap = max(longest_streak, streak), max(longest_gap, gap)
    peak = max(week.values())
    peak_end = min(date_ for date_ in every_day if week[date_] == peak)
    declined = [date_ for date_ in every_day if date_ >= peak_end + timedelta(7) and week[date_] * 2 < peak]
    obsessions, free = 0, first
    for date_ in sorted(plays):
        if date_ >= free and sum(plays.get(date_ + timedelta(ahead), 0) for ahead in range(7)) >= 5:
            obsessions, free = obsessions + 1, date_ + timedelta(7)
    in_order = [date_ for date_ in sorted(plays) for _ in range(plays[date_])]
    return {
        "total_plays": sum(plays.values()),
        "active_days": len(plays),
        "days_to_10th_play": (in_order[9] - first).days if len(in_order) >= 10 else None,
        "longest_streak_days": longest_streak,
        "longest_gap_days": longest_gap,
        "rediscoveries": returns,
        "best_day_plays": max(plays.values()),
        "best_day": min(date_ for date_ in plays if plays[date_] == max(plays.values())),
        "best_month_plays": max(months.values()),
        "best_month": min(month for month in months if months[month] == max(months.values())),
        "peak_7_days_plays": peak,
        "peak_7_days_end": peak_end,
        "half_life_days": (declined[0] - peak_end).days if declined else None,
        "obsession": obsessions,
    }
