from datetime import date, timedelta

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets_tests.transforms.test_metrics import played


def day_in(country, day, track="a", hour=12, **more):
    return played(f"{day} {hour}:00:00", track, conn_country=country, **more)


@pytest.fixture
def places(frame, computed):
    """Rows of `listening_places` and `trips`."""

    def compute(rows):
        plays, settings = frame("plays", rows), load_settings()
        hours = transforms.hourly_listening(plays, settings=settings)
        found = computed("listening_places", hourly_listening=hours)
        named = {
            number: {"recording_key": number, "canonical_recording_key": number, "track_name": chr(number),
                     "artist_name": "Band"}
            for number in {row["recording_key"] for row in rows}
        }  # fmt: skip
        away = computed(
            "trips",
            hourly_listening=hours,
            listening_places=found,
            daily_track_plays=transforms.daily_track_plays(plays, settings=settings),
            dim_recording=frame("dim_recording", list(named.values())),
        )
        return (
            [row.asDict() for row in found.orderBy("listener", "month", "conn_country").collect()],
            [row.asDict() for row in away.orderBy("listener", "trip_start").collect()],
        )

    return compute


def test_a_days_country_is_that_of_most_time_and_of_equal_times_the_first_code(places):
    rows = [
        day_in("SE", "2024-02-28"),
        day_in("SE", "2024-02-29"),
        day_in("DE", "2024-02-29", hour=13),
        day_in("SE", "2024-03-01", ms=200_001),
        day_in("DE", "2024-03-01", hour=13),
        day_in(None, "2024-03-02", ms=900_000),
        day_in("ZZ", "2024-03-03"),
    ]
    found, away = places(rows)
    columns = ("month", "conn_country", "plays", "ms_played", "days", "home")
    assert [tuple(row[name] for name in columns) for row in found] == [
        (date(2024, 2, 1), "DE", 1, 200_000, 1, "DE"),
        (date(2024, 2, 1), "SE", 2, 400_000, 1, "DE"),
        (date(2024, 3, 1), "DE", 1, 200_000, 0, "SE"),
        (date(2024, 3, 1), "SE", 1, 200_001, 1, "SE"),
    ]
    # Home is the country of most days in the trailing year: one day each in February, and the first code counts.
    assert [(row["trip_start"], row["country"], row["home"]) for row in away] == [(date(2024, 2, 28), "SE", "DE")]


def test_trips_are_runs_of_days_in_another_country(places):
    home = [day_in("SE", date(2023, 5, 1) + timedelta(days=number)) for number in range(40)]
    rows = [
        *home,
        *[day_in("IT", "2023-06-20", "b", hour=hour) for hour in (10, 11, 12)],
        *[day_in("IT", "2023-06-22", track, hour=10 + number) for number, track in enumerate("cccad")],
        day_in("FR", "2023-06-23"),
        day_in("SE", "2023-06-24"),
        day_in("IT", "2023-07-01", "b"),
        day_in("IT", "2023-07-16"),
        *[day_in("IT", date(2025, 1, 1) + timedelta(days=number), listener="ben") for number in range(3)],
    ]
    _, away = places(rows)
    columns = ("trip_start", "trip_end", "country", "home", "days", "listening_days", "plays", "top_recordings")
    assert [tuple(row[name] for name in columns) for row in away] == [
        (date(2023, 6, 20), date(2023, 6, 22), "IT", "SE", 3, 2, 8, ["Band - c", "Band - b"]),
        (date(2023, 6, 23), date(2023, 6, 23), "FR", "SE", 1, 1, 1, None),
        (date(2023, 7, 1), date(2023, 7, 1), "IT", "SE", 1, 1, 1, None),
        (date(2023, 7, 16), date(2023, 7, 16), "IT", "SE", 1, 1, 1, None),
    ]


def test_whoever_moves_has_another_home_when_most_days_are_there(places):
    moved = date(2023, 7, 1)
    rows = [
        day_in("SE" if number < 180 else "DE", moved + timedelta(days=number - 180)) for number in range(0, 540, 4)
    ]
    found, away = places(rows)
    homes = {f"{row['month']:%Y-%m}": row["home"] for row in found}
    assert (homes["2023-11"], homes["2024-02"]) == ("SE", "DE")
    assert [row["trip_start"] for row in away] == [moved]


def test_without_plays_there_is_nothing(places):
    assert places([]) == ([], [])
