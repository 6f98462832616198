"""Charts of two listeners' few days, small enough to be ranked by hand."""

from datetime import date

import pytest

from spotify_assets.settings import load_settings

FIRST_DAY = date(2020, 12, 24)
NAMES = {1: "One", 2: "Two", 3: "Three", 4: "Four", 5: "Four (Live)"}
# The live version was merged with the studio recording.
CANONICAL = {5: 4}


def heard(on, track, ms, plays=1, artist=None, album=None, listener="anna"):
    """A row of `daily_track_plays`; artist and album are of the track's number unless told."""
    return {
        "listener": listener,
        "date": date.fromisoformat(on),
        "recording_key": track,
        "artist_key": artist or track,
        "album_key": album or track,
        "plays": plays,
        "ms_played": ms,
    }


@pytest.fixture
def charts(computed, frame):
    """Rows of `top_charts` by listener, entity, period and rank, for what was heard."""

    def compute(days, **overrides):
        listeners = sorted({row["listener"] for row in days})
        names = [
            {"listener_key": number, "listener": name, "first_date": FIRST_DAY}
            for number, name in enumerate(listeners)
        ]
        numbers = [{"key": number, "canonical": CANONICAL.get(number, number)} for number in NAMES]

        def dimension(kind, name):
            rows = [
                {
                    f"{kind}_key": row["key"],
                    f"canonical_{kind}_key": row["canonical"],
                    name: NAMES[row["key"]],
                    "artist_name": f"Artist {row['key']}",
                }
                for row in [*numbers, {"key": -1, "canonical": -1}]
                if row["key"] in NAMES
            ]
            return frame(f"dim_{kind}", rows)

        found = computed(
            "top_charts",
            daily_track_plays=frame("daily_track_plays", days),
            dim_listener=frame("dim_listener", names),
            dim_recording=dimension("recording", "track_name"),
            dim_artist=dimension("artist", "artist_name"),
            dim_album=dimension("album", "album_name"),
            settings=load_settings(**overrides),
        ).collect()
        keys = ("listener", "entity_type", "period_type", "period_start", "rank")
        return sorted((row.asDict() for row in found), key=lambda row: [row[key] for key in keys])

    return compute


def of(rows, entity_type, period_type, *columns, listener="anna"):
    """These columns of one listener's charts of a kind."""
    kind = {"listener": listener, "entity_type": entity_type, "period_type": period_type}
    return [tuple(row[name] for name in columns) for row in rows if kind.items() <= row.items()]


def test_a_chart_ranks_by_time_and_then_key_and_counts_canonical_entities(charts):
    rows = charts(
        [
            heard("2021-01-04", 1, 100, plays=3),
            heard("2021-01-05", 2, 300),
            heard("2021-01-06", 4, 60),
            heard("2021-01-10", 5, 40, plays=2),
            heard("2021-01-10", 3, 500, artist=-1, album=-1),
            heard("2021-01-10", 1, 700, listener="ben"),
        ],
        weekly_chart_size=3,
    )
    figures = ("rank", "entity_key", "name", "artist_name", "plays", "ms_played", "total_ms_played", "share")
    assert of(rows, "track", "week", *figures) == [
        (1, 3, "Three", "Artist 3", 1, 500, 1000, 0.5),
        (2, 2, "Two", "Artist 2", 1, 300, 1000, 0.3),
        # As long as the fourth, whose key is larger.
        (3, 1, "One", "Artist 1", 3, 100, 1000, 0.1),
    ]
    # A track without an artist counts for the total only.
    assert of(rows, "artist", "month", "rank", "entity_key", "name", "plays", "share") == [
        (1, 2, "Artist 2", 1, 0.3),
        (2, 1, "Artist 1", 3, 0.1),
        (3, 4, "Artist 4", 3, 0.1),
    ]
    assert of(rows, "album", "year", "rank", "name", "artist_name")[1:] == [
        (2, "One", "Artist 1"),
        (3, "Four", "Artist 4"),
    ]
    assert of(rows, "track", "all", "period_start", "rank", "entity_key", listener="ben") == [(FIRST_DAY, 1, 1)]


def test_periods_are_of_the_calendar_and_weeks_of_iso_8601(charts):
    rows = charts([heard("2020-12-31", 1, 10), heard("2021-01-03", 1, 20), heard("2024-02-29", 1, 5)])
    starts = {
        name: [(str(start), ms) for start, ms in of(rows, "track", name, "period_start", "ms_played")]
        for name in ("week", "month", "quarter", "year", "all")
    }
    assert starts == {
        # The 53rd week of 2020 ends on 3 January 2021.
        "week": [("2020-12-28", 30), ("2024-02-26", 5)],
        "month": [("2020-12-01", 10), ("2021-01-01", 20), ("2024-02-01", 5)],
        "quarter": [("2020-10-01", 10), ("2021-01-01", 20), ("2024-01-01", 5)],
        "year": [("2020-01-01", 10), ("2021-01-01", 20), ("2024-01-01", 5)],
        "all": [("2020-12-24", 35)],
    }


def test_a_chart_is_compared_with_the_one_before_and_all_before(charts):
    rows = charts(
        [
            heard("2020-12-24", 1, 10),
            heard("2020-12-24", 2, 20),
            heard("2020-12-24", 3, 5),
            # The next week, across the year's end.
            heard("2021-01-03", 1, 20),
            heard("2021-01-03", 2, 10),
            # Two weeks later, so none of these was on the chart before.
            heard("2021-01-18", 1, 10),
            heard("2021-01-18", 3, 20),
        ],
        chart_size=2,
        weekly_chart_size=2,
    )
    figures = ("rank", "previous_rank", "rank_change", "peak_rank", "periods_on_chart", "is_new", "is_reentry")
    found = of(rows, "track", "week", "period_start", "entity_key", *figures)
    assert [(f"{start:%d.%m.}", key, *more) for start, key, *more in found] == [
        ("21.12.", 2, 1, None, None, 1, 1, True, False),
        ("21.12.", 1, 2, None, None, 2, 1, True, False),
        ("28.12.", 1, 1, 2, 1, 1, 2, False, False),
        ("28.12.", 2, 2, 1, -1, 1, 2, False, False),
        ("18.01.", 3, 1, None, None, 1, 1, True, False),
        ("18.01.", 1, 2, None, None, 1, 3, False, True),
    ]
    # The next month is also the next quarter and year.
    for period in ("month", "quarter", "year"):
        assert of(rows, "track", period, "entity_key", "previous_rank") == [(2, None), (1, None), (1, 2), (3, None)]


def test_without_a_play_of_a_track_there_is_no_chart(charts):
    assert charts([]) == []


def test_weeks_have_a_size_of_their_own(charts):
    rows = charts(
        [heard("2021-01-04", key, ms) for key, ms in ((1, 30), (2, 20), (3, 10))], weekly_chart_size=1, chart_size=2
    )
    places = {name: of(rows, "artist", name, "entity_key") for name in ("week", "month", "quarter", "year", "all")}
    assert places == {"week": [(1,)], **{key: [(1,), (2,)] for key in ["month", "quarter", "year", "all"]}}


def test_the_peak_and_the_number_of_charts_are_those_so_far(charts):
    """Also across charts that it missed; another listener's places don't count."""
    weeks = {"2021-01-04": (2, 1), "2021-01-11": (1, 2), "2021-01-25": (3, 4), "2021-02-01": (1, 2)}
    days = [heard(day, key, ms) for day, times in weeks.items() for key, ms in enumerate(times, 1)]
    rows = charts([*days, heard("2021-01-04", 2, 9, listener="ben")])
    found = of(rows, "track", "week", "entity_key", "rank", "peak_rank", "periods_on_chart", "previous_rank")
    assert [row[1:] for row in found if row[0] == 1] == [(1, 1, 1, None), (2, 1, 2, 1), (2, 1, 3, None), (2, 1, 4, 2)]
    assert [row[1:] for row in found if row[0] == 2] == [(2, 2, 1, None), (1, 1, 2, 2), (1, 1, 3, None), (1, 1, 4, 1)]


def test_a_week_that_begins_before_1970(charts):
    rows = charts([heard("1970-01-02", 1, 60_000), heard("1970-01-02", 2, 50_000, listener="ben")])
    assert of(rows, "track", "week", "period_start", "entity_key") == [(date(1969, 12, 29), 1)]
    assert of(rows, "track", "week", "period_start", "entity_key", listener="ben") == [(date(1969, 12, 29), 2)]
