"""Genres, eras and audio features by local month, on a few days of plays and a small catalogue."""

from datetime import date

import pytest

from spotify_assets.model.catalogue import SHARES

FAMILIES = {"rock": "rock", "hard rock": "rock", "jazz": "jazz", "noise": "other"}
# Each track is a recording of the same number, by an artist of the same number, unless a test says otherwise.
NUMBERS = {"a": 1, "b": 2, "c": 3}


def day(month_and_day, year=2024):
    return date.fromisoformat(f"{year}-{month_and_day}")


def heard(on, track="a", plays=1, ms=100_000, listener="anna", **more):
    """A row of `daily_track_plays`."""
    return {
        "listener": listener,
        "date": on,
        "recording_key": NUMBERS[track],
        "artist_key": NUMBERS[track],
        "plays": plays,
        "ms_played": ms,
    } | more


@pytest.fixture
def months(computed, frame):
    """Rows of one of the tables by month, of what was heard and a catalogue."""

    def compute(table, days, tracks=(), **inputs):
        first_last = {}
        for row in days:
            first, last = first_last.get(row["listener"], (row["date"], row["date"]))
            first_last[row["listener"]] = (min(first, row["date"]), max(last, row["date"]))
        rows = {
            "daily_track_plays": days,
            "dim_listener": [
                {"listener": name, "first_date": first, "last_date": last}
                for name, (first, last) in first_last.items()
            ],
            "dim_recording": [
                {"recording_key": number, "canonical_recording_key": number, "canonical_track_key": track}
                for track, number in NUMBERS.items()
            ],
            "dim_track": [
                {"track_key": track, "canonical_track_key": track, "artist_key": NUMBERS[track]} | values
                for track, values in dict(tracks).items()
            ],
            "dim_artist": [],
            "bridge_track_artist": [],
            "genre_families": [{"genre": genre, "genre_family": family} for genre, family in FAMILIES.items()],
        } | inputs
        taken = {name: frame(name, values) for name, values in rows.items() if values is not None}
        found = computed(table, **taken).collect()
        return sorted(found, key=lambda row: tuple(row)[:3])

    return compute


def only(rows, *columns):
    return [tuple(row[name] for name in columns) for row in rows]


def by(track, *artists):
    """Rows of `bridge_track_artist`."""
    return [{"track_key": track, "artist_key": key, "artist_position": place} for place, key in enumerate(artists)]


def test_genres_of_a_tracks_artists_count_in_equal_parts_and_a_track_without_for_coverage_only(months):
    found = months(
        "genre_trends",
        [
            heard(day("03-01"), "a", plays=4, ms=400),
            heard(day("03-31"), "b", plays=2, ms=300),
            heard(day("03-02"), "c"),
        ],
        # Both artists of a are known, one has two genres and one of them is the other's, too; b has its own genre.
        {"a": {"genres": "never taken"}, "b": {"genres": "Jazz"}, "c": {}},
        dim_artist=[{"artist_key": 1, "genres": "rock, hard rock"}, {"artist_key": 9, "genres": "rock, noise, jazz"}],
        bridge_track_artist=[*by("a", 1, 9), *by("b", 2)],
    )
    assert only(found, "genre_family", "plays", "ms_played", "share") == [
        ("jazz", 3.0, 400, 0.571429),
        ("other", 1.0, 100, 0.142857),
        ("rock", 2.0, 200, 0.285714),
    ]
    assert set(only(found, "known_ms_played", "music_ms_played", "coverage")) == {(700, 100_700, 0.006951)}
    assert not any(row["is_complete"] or row["is_emerging"] or row["is_fading"] for row in found)


def test_three_thirds_of_plays_are_one(months):
    tracks = {track: {"genres": "rock, jazz, noise"} for track in NUMBERS}
    found = months("genre_trends", [heard(day("03-01"), track) for track in NUMBERS], tracks)
    assert only(found, "plays", "ms_played") == [(1.0, 100_000)] * 3


def test_months_without_plays_count_as_none_in_what_trails(months):
    """A year of rock, three years of nothing but for podcasts, and then jazz."""
    days = [heard(date(2020, month, 29), "a", ms=100) for month in range(1, 13)]
    days += [heard(day("01-31"), "b", ms=300), heard(day("02-29"), "a", ms=100), heard(day("02-29"), "c", ms=100),
             heard(day("03-01"), "a", ms=1)]  # fmt: skip
    tracks = {"a": {"genres": "rock"}, "b": {"genres": "jazz"}}
    found = {(row["month"], row["genre_family"]): row for row in months("genre_trends", days, tracks)}
    assert len(found) == 2 * 51
    empty = found[date(2021, 1, 1), "rock"]
    assert (empty["plays"], empty["share"], empty["coverage"], empty["is_complete"]) == (0, None, None, True)
    assert only([empty], "trailing_12_ms_played", "trailing_12_known_ms_played", "growth") == [(1100, 1100, 0.0)]
    # Nothing in the 12 months to December 2021, rock alone in those before.
    assert only([found[date(2021, 12, 1), "rock"]], "trailing_12_share", "growth") == [(None, None)]
    rock, jazz = found[day("02-01"), "rock"], found[day("02-01"), "jazz"]
    trailing = ("trailing_12_ms_played", "trailing_12_known_ms_played", "trailing_12_share")
    assert only([rock, jazz], *trailing) == [(100, 400, 0.25), (300, 400, 0.75)]
    # Of the 24 months before, January alone had jazz: mean 1/24, deviation sqrt(1/24 - 1/576).
    assert only([jazz], "share", "z_score", "is_emerging") == [(0, -0.208514, False)]
    assert only([rock], "share", "z_score", "is_emerging") == [(1, None, True)]
    assert found[day("02-01"), "rock"]["coverage"] == 0.5
    # The last month isn't over: it is told by no flag.
    assert only([found[day("03-01"), "rock"]], "is_complete", "is_emerging") == [(False, False)]


def test_a_family_fades_and_grows_against_two_deviations_of_two_years(months):
    days = [heard(date(2022 + month // 12, 1 + month % 12, 1), "a", ms=90 + month % 2) for month in range(24)]
    days += [heard(date(2022 + month // 12, 1 + month % 12, 1), "b", ms=10 - month % 2) for month in range(24)]
    days += [heard(day("01-01"), "a", ms=10), heard(day("01-01"), "b", ms=90), heard(day("02-01"), "a")]
    found = months("genre_trends", days, {"a": {"genres": "rock"}, "b": {"genres": "jazz"}})
    january = {row["genre_family"]: row for row in found if row["month"] == day("01-01")}
    # Shares of 0.9 and 0.91 in turn: mean 0.905, deviation 0.005.
    assert only([january["rock"], january["jazz"]], "z_score", "is_emerging", "is_fading") == [
        (-161.0, False, True),
        (161.0, True, False),
    ]
    early = [row for row in found if row["month"] < date(2023, 1, 1)]
    assert not any(row["is_emerging"] or row["is_fading"] or row["z_score"] is not None for row in early)
    # 11 months of 90 or 91 % and one of 10 %, by the same and a year of 90 or 91 %.
    assert january["rock"]["growth"] == round((996 + 10) / 1200 - 1086 / 1200, 6)
    assert found[0]["growth"] is None


@pytest.mark.parametrize("table", ["genre_trends", "era_activity", "audio_profile"])
def test_without_catalogue_data_there_are_no_rows(months, table):
    assert months(table, [heard(day("03-01"))], {"a": {}}, genre_families=[]) == []


def test_listeners_and_local_months_are_apart(months):
    days = [heard(day("02-29"), window_at=None), heard(day("03-01")), heard(day("03-01"), listener="ben", plays=5)]
    tracks = {"a": {"genres": "rock", "release_year": 1999}}
    assert only(months("era_activity", days, tracks), "listener", "month", "plays", "is_complete") == [
        ("anna", day("02-01"), 1, True),
        ("anna", day("03-01"), 1, False),
        ("ben", day("03-01"), 5, False),
    ]
    assert only(months("genre_trends", days, tracks), "listener", "month", "plays") == [
        ("anna", day("02-01"), 1.0),
        ("anna", day("03-01"), 1.0),
        ("ben", day("03-01"), 5.0),
    ]


def test_eras_are_of_the_canonical_recordings_main_track(months):
    found = months(
        "era_activity",
        [heard(day("02-01"), "a", ms=100), heard(day("02-02"), "b", ms=200), heard(day("02-03"), "c", ms=300),
         heard(day("04-30"), "c")],
        {"a": {"release_year": 1989}, "b": {"release_year": 2000}, "c": {}},
        # b is a spelling of a.
        dim_recording=[
            {"recording_key": 1, "canonical_recording_key": 1, "canonical_track_key": "a"},
            {"recording_key": 2, "canonical_recording_key": 1, "canonical_track_key": "a"},
            {"recording_key": 3, "canonical_recording_key": 3, "canonical_track_key": "c"},
        ],
    )  # fmt: skip
    columns = ("month", "release_decade", "plays", "ms_played", "share", "known_ms_played", "music_ms_played")
    assert only(found, *columns, "coverage") == [(day("02-01"), 1980, 2, 300, 1, 300, 600, 0.5)]


@pytest.mark.parametrize(("year", "decade"), [(1989, 1980), (1990, 1990), (2000, 2000), (1900, 1900)])
def test_a_decade_starts_with_its_year_0(months, year, decade):
    [row] = months("era_activity", [heard(day("02-01"))], {"a": {"release_year": year}})
    assert row["release_decade"] == decade


def test_a_profile_is_weighted_by_time_and_compared_with_the_year_before(months):
    def features(number, **more):
        return dict.fromkeys(SHARES, number) | more

    found = months(
        "audio_profile",
        [
            heard(date(2022, 2, 1), "a", ms=100),  # more than a year before
            heard(day("02-29", 2024), "a", ms=300),
            heard(day("02-01", 2024), "b", ms=100),
            heard(day("02-29", 2024), "c", ms=100),
            heard(day("01-31", 2025), "b", ms=100),
            heard(day("02-01", 2025), "c", ms=50),
            heard(day("03-31", 2025), "b", ms=50),
        ],
        {
            "a": features(0.2, tempo=120.0, loudness=-6.5, mode=1),
            "b": features(0.6, tempo=None, loudness=-10.1, mode=0),
            # One of the seven is missing: not known at all.
            "c": features(0.9, energy=None, tempo=60.0),
        },
    )
    columns = ("month", "energy", "tempo", "loudness", "mode", "distance_to_trailing_year", "trailing_known_ms_played")
    assert only(found, *columns) == [
        (date(2022, 2, 1), 0.2, 120.0, -6.5, 1.0, None, 0),
        (date(2024, 2, 1), 0.3, 120.0, -7.4, 0.75, None, 0),
        (date(2025, 1, 1), 0.6, None, -10.1, 0.0, 0.3, 400),
        (date(2025, 2, 1), None, None, None, None, None, 500),
        (date(2025, 3, 1), 0.6, None, -10.1, 0.0, 0.0, 100),
    ]
    assert only(found, "known_ms_played", "music_ms_played", "coverage", "is_complete") == [
        (100, 100, 1.0, True),
        (400, 500, 0.8, True),
        (100, 100, 1.0, True),
        (0, 50, 0.0, True),
        (50, 50, 1.0, False),
    ]
