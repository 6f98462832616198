"""`stats`, `top` and `recap`, on literal rows of the tables that they read."""

from datetime import date

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES

HOUR = 3_600_000


def period(kind, start, hours, listener="anna", **more):
    counts = dict.fromkeys(
        ("plays", "tracks", "new_tracks", "artists", "new_artists", "albums", "sessions", "active_days", "days"),
        12_000,
    )
    row = {"listener": listener, "period_type": kind, "period_start": date.fromisoformat(start)}
    return row | counts | {"ms_played": hours * HOUR, "is_complete": True, "skip_rate": 0.304} | more


def place(rank, name, hours, start="2024-01-01", kind="year", entity="track", **more):
    row = {"listener": "anna", "entity_type": entity, "period_type": kind, "period_start": date.fromisoformat(start)}
    figures = {"plays": 1_000 * rank, "ms_played": hours * HOUR, "share": hours / 100, "is_new": False}
    return row | {"rank": rank, "name": name, "artist_name": "Band"} | figures | more


@pytest.fixture
def lake(tmp_path, monkeypatch):
    """A lake to write rows of tables into."""
    for place in ("lake", "landing"):
        monkeypatch.setenv(f"SPOTIFY_ASSETS_{place.upper()}_URI", str(tmp_path / place))
    lake = Lake(str(tmp_path / "lake"))

    def write(table, *rows):
        nothing = dict.fromkeys(TABLES[table].columns)
        write_deltalake(
            lake.table_uri(table), pa.Table.from_pylist([nothing | row for row in rows], TABLES[table].arrow_schema)
        )

    return write


@pytest.fixture
def lines(run):
    """Lines that a command prints, without lines of dashes and runs of spaces."""

    def said(*arguments, **options):
        printed = run(*arguments, **options).splitlines()
        words = [" ".join(line.replace("─", " ").split()) for line in printed]
        return [line for line in words if line]

    return said


def test_top_is_a_chart_of_all_time_or_of_a_year(lake, lines):
    lake("period_listening", period("all", "2023-05-01", 30))
    lake(
        "top_charts",
        place(1, "Song", 20, rank_change=2),
        place(2, "[bold]Other\x1b", 3, is_new=True),
        place(3, "Third", 2),
        place(4, "Fourth", 1, rank_change=0),
        place(1, "Old", 25, "2023-05-01", "all"),
        place(1, "Band", 50, "2023-05-01", "all", entity="artist"),
        place(1, "Theirs", 9, "2023-05-01", "all", listener="ben"),
    )
    assert lines("top", "tracks", "--year", "2024", "--limit", "3") == [
        "Top tracks of anna, 2024",
        "track artist plays hours share since the year before",
        "1 Song Band 1000 20 20% +2",
        "2 [bold]Other\\x1b Band 2000 3 3% new",
        "3 Third Band 3000 2 2% back",
    ]
    assert lines("top", "tracks", "--year", "2024")[-1] == "4 Fourth Band 4000 1 1% ="
    assert lines("top", "tracks")[2:] == ["1 Old Band 1000 25 25%"]
    assert lines("top", "artists")[1:] == ["artist plays hours share", "1 Band 1000 50 50%"]
    assert "anna has no albums in 2024" in lines("top", "albums", "--year", "2024", expect=1)[0]


def test_stats_are_totals_years_and_records(lake, lines):
    lake(
        "period_listening",
        period("all", "2023-05-01", 1_234, shuffle_share=None, night_share=0.1, half_of_listening_artists=7),
        period("year", "2024-01-01", 1_000),
        period("year", "2023-01-01", 234, skip_rate=None),
        period("day", "2024-02-29", 9),
    )
    lake(
        "records",
        {"listener": "anna", "record": "longest_session", "record_value": 1.5 * HOUR, "unit": "ms",
         "happened_on": date(2024, 2, 29)},
        {"listener": "anna", "record": "most_skipped_artist", "record_value": 0.75, "unit": "share",
         "artist_name": "Band"},
        {"listener": "ben", "record": "longest_gap", "record_value": 9.0, "unit": "days"},
    )  # fmt: skip
    assert lines("stats") == [
        "anna, since 2023-05-01",
        "all time",
        "hours 1,234",
        "plays 12,000",
        "days with a play 12,000 of 12,000",
        "tracks, artists, albums 12,000, 12,000, 12,000",
        "sessions 12,000",
        "skipped, shuffled 30%, -",
        "from 0:00 to 4:59 10%",
        "half of the time 7 artists",
        "year hours plays tracks artists new artists skipped",
        "2023 234 12,000 12,000 12,000 12,000 -",
        "2024 1,000 12,000 12,000 12,000 12,000 30%",
        "record what when",
        "longest session 1.5 hours 2024-02-29",
        "most skipped artist 75% Band",
    ]


def test_a_recap_compares_with_the_year_before(lake, lines):
    lake(
        "period_listening",
        period("all", "2023-05-01", 30),
        period("year", "2023-01-01", 10),
        period("year", "2024-01-01", 15, is_complete=False, year_before_ms_played=12 * HOUR),
        period("month", "2024-02-01", 8),
        period("month", "2024-03-01", 8),
        period("month", "2023-05-01", 10),
        period("day", "2024-02-29", 5),
        period("day", "2023-05-01", 9),
    )
    lake("top_charts", *[place(rank, f"Song {rank}", 9 - rank) for rank in range(1, 8)])
    found = lines("recap", "2024")
    assert found[:2] == ["anna in 2024, so far", "the year"]
    assert found[2] == "hours 15 (+25% on the year before)"
    assert found[7:9] == ["biggest day 2024-02-29, 5.0 hours", "biggest month 2024-02, 8.0 hours"]
    assert found[found.index("top tracks artist plays hours") + 5] == "5 Song 5 Band 5000 4"
    assert "Song 6" not in " ".join(found)
    assert "hours 10" in lines("recap", "2023")
    assert lines("recap", "2022", expect=1) == ["Error: anna has no plays in 2022; there are 2023, 2024"]


def test_whose_listening_it_is(lake, lines):
    assert "there are no plays yet" in lines("stats", expect=1)[0]
    lake("period_listening", *[period("all", "2024-01-01", len(name), name) for name in ("anna", "benny", "me")])
    assert lines("stats")[0] in ("me, since 2024-01-01", "me; --listener also takes anna, benny")
    assert "benny, since 2024-01-01" in lines("stats", SPOTIFY_ASSETS_LISTENER="nobody")
    assert lines("stats", "--listener", "anna")[0] == "anna, since 2024-01-01"
    assert lines("stats", "--listener", "x", expect=1) == [
        "Error: there is no listener 'x'; there are anna, benny, me"
    ]
