"""Podcast episodes and audiobook chapters, by rows of `daily_spoken_plays`."""

from datetime import UTC, date, datetime, time

import pytest

MARCH = date(2024, 3, 1)
LEAP_DAY = date(2024, 2, 29)
# Of an hour each, but for `u`, whose length nobody knows.
EPISODES = {"a": "Talk", "b": "Talk", "c": "TALK ", "u": "Talk", "x": "unknown", "z": "Zoo"}
HOUR = 3_600_000


def heard(on=MARCH, episode="a", ms=HOUR // 2, finished=0, plays=1, streams=1, listener="anna", hour=12):
    """A row of `daily_spoken_plays`."""
    at = datetime.combine(on, time(hour), UTC)
    return {
        "window_at": datetime.combine(on.replace(day=1), time(), UTC),
        "listener": listener,
        "date": on,
        "episode_key": episode,
        "plays": plays,
        "streams": streams,
        "ms_played": ms,
        "finished": finished,
        "first_played_at": at,
        "last_played_at": at,
    }


@pytest.fixture
def episodes(computed, frame):
    def compute(*days):
        told = [
            {
                "episode_key": key,
                "content_type": "episode",
                "episode_name": f"#{key}",
                "show_name": show,
                "duration_ms": None if key == "u" else HOUR,
            }
            for key, show in EPISODES.items()
        ]
        told.append({"episode_key": "B", "content_type": "audiobook", "episode_name": "1", "show_name": "Talk"})
        days = frame("daily_spoken_plays", days)
        return computed("episode_metrics", daily_spoken_plays=days, dim_episode=frame("dim_episode", told)), days

    return compute


@pytest.fixture
def shows(computed, episodes):
    def compute(*days):
        of_episodes, days = episodes(*days)
        found = computed("show_metrics", episode_metrics=of_episodes, daily_spoken_plays=days).collect()
        return sorted(found, key=lambda row: (row["listener"], row["rank"]))

    return compute


def only(rows, *columns):
    return [tuple(row[name] for name in columns) for row in rows]


def test_an_episode_that_was_heard_in_parts(episodes):
    found, _ = episodes(
        heard(LEAP_DAY, plays=3, streams=2, ms=HOUR // 4),
        # The same local day in two partitions.
        heard(MARCH, ms=HOUR // 8),
        heard(MARCH, ms=HOUR // 8, hour=13, streams=0) | {"window_at": datetime(2024, 2, 1, tzinfo=UTC)},
    )
    [row] = found.collect()
    assert only([row], "plays", "parts", "days", "ms_played", "finished", "completion") == [
        (5, 3, 2, HOUR // 2, False, 0.5)
    ]
    assert only([row], "episode_name", "show_name", "content_type", "duration_ms") == [("#a", "Talk", "episode", HOUR)]
    assert (row["first_played_at"], row["last_played_at"]) == (datetime(2024, 2, 29, 12), datetime(2024, 3, 1, 13))


@pytest.mark.parametrize(
    ("day", "completion"),
    [
        (heard(ms=HOUR // 3), 0.333333),
        (heard(ms=HOUR // 3, finished=1), 1),
        (heard(ms=3 * HOUR), 1),
        (heard(episode="u"), None),
        (heard(episode="u", finished=1), None),
    ],
)
def test_completion_of_an_episode(episodes, day, completion):
    [row] = episodes(day)[0].collect()
    assert (row["completion"], row["finished"]) == (completion, day["finished"] == 1)


def test_a_show_is_the_sum_of_its_episodes(shows):
    found = shows(
        heard(LEAP_DAY, "a", ms=HOUR // 4, streams=2, plays=2),
        heard(MARCH, "a", ms=HOUR // 4),
        heard(MARCH, "b", ms=HOUR // 2, finished=1),
        heard(MARCH, "c", ms=1000, streams=0, hour=13),  # another spelling, and only touched
        heard(MARCH, "u", ms=HOUR),
        heard(MARCH, "B", ms=HOUR),
        heard(MARCH, "x"),
    )
    assert only(found, "content_type", "show_name", "ms_played", "rank") == [
        ("episode", "TALK ", 2 * HOUR + 1000, 1),
        ("audiobook", "Talk", HOUR, 2),
    ]
    counts = ("episodes", "plays", "days", "episodes_finished", "episodes_resumed", "lengths_known", "completion")
    assert only(found[:1], *counts) == [(4, 6, 2, 1, 1, 3, round((0.5 + 1 + 0.000278) / 3, 6))]
    assert only(found[1:], *counts) == [(1, 1, 1, 0, 0, 0, None)]
    assert only(found[:1], "longest_binge", "longest_binge_on") == [(3, MARCH)]


def test_the_first_of_two_equal_binges_counts_and_none_where_nothing_was_heard(shows):
    [row] = shows(*[heard(day, episode) for day in (MARCH, LEAP_DAY) for episode in "ab"], heard(LEAP_DAY, "b"))
    assert (row["longest_binge"], row["longest_binge_on"]) == (2, LEAP_DAY)
    [row] = shows(heard(streams=0))
    assert (row["longest_binge"], row["longest_binge_on"]) == (0, None)


def test_listeners_are_apart_and_ties_break_by_key(shows):
    found = shows(heard(episode="a"), heard(episode="z"), heard(episode="a", listener="ben"))
    assert [row["listener"] for row in found] == ["anna", "anna", "ben"]
    assert found[0]["show_key"] < found[1]["show_key"]
    assert found[2]["show_key"] in {found[0]["show_key"], found[1]["show_key"]}


def test_without_spoken_word_there_are_no_rows(episodes, shows):
    assert episodes()[0].collect() == []
    assert shows() == []
