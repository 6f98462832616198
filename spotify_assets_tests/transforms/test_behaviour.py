import pytest

from spotify_assets import transforms
from spotify_assets.model.behaviour import DIMENSIONS
from spotify_assets.settings import load_settings
from spotify_assets_tests.transforms.test_sessions import play

PARTIALS = ("monthly_behaviour", "hourly_listening", "session_edges")


@pytest.fixture
def behaviour(frame, computed):
    """(plays, skip_rate, finished_rate, play_share) in `listening_behaviour`, by year, dimension and value."""

    def compute(rows, **overrides):
        plays, settings = frame("plays", rows), load_settings(**overrides)
        partials = {name: getattr(transforms, name)(plays, settings=settings) for name in PARTIALS}
        found = computed("listening_behaviour", **partials, settings=settings).collect()
        return {
            (row["year"], row["dimension"], row["value"]): (
                row["plays"],
                row["skip_rate"],
                row["finished_rate"],
                row["play_share"],
            )
            for row in found
        }

    return compute


def test_behaviour_by_year_and_of_all_years(behaviour):
    rows = [
        play("2023-12-31 22:00:00", platform="ios 17", conn_country=None, shuffle=True, skipped=None),
        play("2024-01-01 09:00:00", reason_start="clickrow", reason_end="unknown", skipped=True, offline=False),
        play("2024-02-29 09:30:00", content_type="episode", skipped=False, incognito=True),
    ]
    found = behaviour(rows)
    assert {key[1:]: figures for key, figures in found.items() if key[0] == 0} == {
        ("platform_family", "ios"): (1, None, 1.0, 0.333333),
        ("platform_family", "android"): (2, 0.5, 1.0, 0.666667),
        ("conn_country", "unknown"): (1, None, 1.0, 0.333333),
        ("conn_country", "SE"): (2, 0.5, 1.0, 0.666667),
        ("hour", "22"): (1, None, 1.0, 0.333333),
        ("hour", "09"): (2, 0.5, 1.0, 0.666667),
        ("day_of_week", "7"): (1, None, 1.0, 0.333333),
        ("day_of_week", "1"): (1, 1.0, None, 0.333333),
        ("day_of_week", "4"): (1, 0.0, 1.0, 0.333333),
        ("content_type", "track"): (2, 1.0, 1.0, 0.666667),
        ("content_type", "episode"): (1, 0.0, 1.0, 0.333333),
        ("reason_start", "trackdone"): (2, 0.0, 1.0, 0.666667),
        ("reason_start", "clickrow"): (1, 1.0, None, 0.333333),
        ("reason_end", "trackdone"): (2, 0.0, 1.0, 0.666667),
        ("reason_end", "unknown"): (1, 1.0, None, 0.333333),
        ("shuffle", "true"): (1, None, 1.0, 0.333333),
        ("shuffle", "unknown"): (2, 0.5, 1.0, 0.666667),
        ("offline", "false"): (1, 1.0, None, 0.333333),
        ("offline", "unknown"): (2, 0.0, 1.0, 0.666667),
        ("incognito", "true"): (1, 0.0, 1.0, 0.333333),
        ("incognito", "unknown"): (2, 1.0, 1.0, 0.666667),
        ("position_in_session", "1"): (3, 0.5, 1.0, 1.0),
    }
    assert found[2023, "hour", "22"] == (1, None, 1.0, 1.0)
    assert found[2024, "content_type", "track"] == (1, 1.0, None, 0.5)
    assert (2024, "hour", "22") not in found


def test_each_dimension_divides_all_plays(behaviour):
    """Also of a device that is unknown, which is a member of its dimension besides."""
    rows = [
        play("2023-12-31 22:00:00", platform="unknown"),
        play("2024-01-01 09:00:00", conn_country="ZZ", reason_end="unknown"),
    ]
    found = behaviour(rows)
    totals = {name: 0 for _, name, _ in found}
    for (year, name, _), (plays, *_) in found.items():
        totals[name] += plays if year == 0 else 0
    assert totals == dict.fromkeys(DIMENSIONS, 2)
    assert found[0, "platform_family", "unknown"][0] == 1


@pytest.mark.parametrize("grain", ["monthly", "daily"])
def test_places_in_a_session_go_on_over_partitions(behaviour, grain):
    """Eleven plays from 23:40 of a month's last day, after two sessions of one play, and one implausible play."""
    ends = [f"2024-01-31 23:{minute}:00" for minute in range(43, 60, 3)]
    ends += [f"2024-02-01 00:0{minute}:00" for minute in (1, 4, 7)] + ["2024-02-01 00:10:00", "2024-02-01 00:13:00"]
    rows = [
        play("2024-01-10 12:00:00"),
        play("2024-01-20 12:00:00"),
        *[play(end, chr(97 + number)) for number, end in enumerate(ends)],
        play("2024-02-01 00:20:00", ms=3_600_000, is_implausible=True),
    ]
    found = behaviour(rows, plays_grain=grain)
    placed = {key[2]: figures[0] for key, figures in found.items() if key[:2] == (0, "position_in_session")}
    assert placed == {
        "1": 3, "2": 1, "3-5": 3, "6-10": 5, "11+": 1, "unknown": 1,
    }  # fmt: skip


def test_play_lengths_are_a_survival_curve_of_tracks(frame, computed):
    rows = [
        play("2023-12-31 12:00:00", ms=0, skipped=True, reason_end="fwdbtn"),
        play("2023-12-31 13:00:00", ms=4_999, skipped=None, reason_end="unknown"),
        play("2024-01-01 12:00:00", ms=5_000, skipped=False, reason_end="fwdbtn"),
        play("2024-01-01 13:00:00", ms=600_000),
        play("2024-01-01 14:00:00", ms=3_600_000),
        play("2024-01-01 16:00:00", ms=5_000, content_type="episode"),
    ]
    partial = transforms.monthly_play_lengths(frame("plays", rows), settings=load_settings())
    found = computed("play_lengths", monthly_play_lengths=partial).orderBy("year", "second_bucket").collect()
    columns = ("year", "second_bucket", "plays", "skipped", "skips_known", "finished", "plays_reached", "survival")
    assert [tuple(row[name] for name in columns) for row in found] == [
        (0, 0, 2, 1, 1, 0, 5, 1.0),
        (0, 5, 1, 0, 1, 0, 3, 0.6),
        (0, 600, 2, 0, 2, 2, 2, 0.4),
        (2023, 0, 2, 1, 1, 0, 2, 1.0),
        (2024, 5, 1, 0, 1, 0, 3, 1.0),
        (2024, 600, 2, 0, 2, 2, 2, 0.666667),
    ]
