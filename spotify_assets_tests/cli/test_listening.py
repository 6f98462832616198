"""`stats`, `top` and `recap`, on literal rows of the tables that they read."""

from datetime import date

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets_tests.dashboard.warehouses import FULL, write_lake, write_warehouse

pytestmark = pytest.mark.integration

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
        {"listener": "anna", "record": "latest_start", "record_value": 245.0, "unit": "minutes",
         "happened_on": date(2024, 3, 1)},
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
        "latest start of a session 4:05 2024-03-01",
        "most skipped artist 75% Band",
    ]


def recap_of(year=2024, **more):
    """A row of `yearly_recap` whose lists are empty, unless told."""
    lists = {name: [] for name, type_ in TABLES["yearly_recap"].spark_types.items() if type_ == "array<string>"}
    counts = dict.fromkeys(("plays", "tracks", "new_tracks", "artists", "new_artists"), 12_000)
    days = {"active_days": 200, "days": 366, "discoveries_kept": 0, "sessions": 0, "longest_streak_days": 0}
    return (
        {"listener": "anna", "year": year, "ms_played": 10 * HOUR, "is_complete": True} | lists | counts | days | more
    )


def test_a_recap_compares_with_the_year_before(lake, lines):
    lake("period_listening", period("all", "2023-05-01", 30))
    lake(
        "yearly_recap",
        recap_of(2023),
        recap_of(
            2024,
            ms_played=15 * HOUR,
            is_complete=False,
            year_before_ms_played=12 * HOUR,
            biggest_day=date(2024, 2, 29),
            biggest_day_ms_played=5 * HOUR,
            top_month=date(2024, 2, 1),
            top_month_ms_played=8 * HOUR,
            longest_streak_days=1_000,
            longest_streak_start=date(2024, 1, 5),
            obsessive_week_start=date(2024, 3, 4),
            obsessive_week_track="[bold]Song",
            obsessive_week_artist="Band\x1b",
            obsessive_week_plays=40,
            discoveries_kept=6,
            kept_artists=["A", "B", "C", "D", "E"],
            sessions=1_200,
            mean_session_ms=2_700_000.0,
            longest_session_ms=int(7.5 * HOUR),
            top_genre="rock",
            top_genre_share=0.4,
            genre_coverage=0.75,
            listening_age=42,
            listening_span_start=1999,
            release_coverage=0.6,
            top_platform_family="ios",
            top_platform_family_share=0.5,
            skip_rate=0.304,
        ),
        recap_of(2022, listener="ben"),
    )
    assert lines("recap", "2024") == [
        "anna in 2024, so far",
        "hours 15 (+25% on the year before)",
        "plays 12,000",
        "days with a play 200 of 366",
        "tracks 12,000, 12,000 of them new",
        "artists 12,000, 12,000 of them new",
        "new artists that stayed 6: A, B, C, D, E, ...",
        "biggest day 2024-02-29, 5.0 hours",
        "biggest month 2024-02, 8.0 hours",
        "longest streak 1,000 days, from 2024-01-05",
        "most obsessive week 40 plays of Band\\x1b - [bold]Song, from 2024-03-04",
        "sessions 1,200 of 45 minutes on average, the longest 7.5 hours",
        "top genre rock, 40%; the genre is known of 75% of the time",
        "listening age 42, by music of 1999 to 2003; the year is known of 60% of the time",
        "most used device ios, 50% of the time",
        "skipped, shuffled 30%, -",
    ]
    # What isn't known isn't told.
    assert lines("recap", "2023") == [
        "anna in 2023",
        "hours 10",
        "plays 12,000",
        "days with a play 200 of 366",
        "tracks 12,000, 12,000 of them new",
        "artists 12,000, 12,000 of them new",
        "new artists that stayed 0",
        "skipped, shuffled -, -",
    ]
    assert lines("recap", "2022", expect=1) == ["Error: anna has no plays in 2022; there are 2023, 2024"]


def test_a_recap_has_the_top_by_wrapped_s_rules_beside_ours_where_they_differ(lake, lines):
    lake("period_listening", period("all", "2023-05-01", 30))
    ours = {
        "ours_artists": ["One", "Two"],
        "ours_artists_plays": ["1000", "10"],
        "ours_artists_ms_played": [str(9 * HOUR), str(HOUR)],
        "ours_tracks": ["Song", "Song"],
        "ours_tracks_by": ["One", "Two"],
        "ours_tracks_plays": ["1000", "10"],
        "ours_tracks_ms_played": [str(9 * HOUR), str(HOUR)],
    }
    wrapped = {
        "wrapped_artists": ["One", "Two"],
        "wrapped_artists_plays": ["900", "10"],
        "wrapped_tracks": ["Song"],
        "wrapped_tracks_by": ["Two"],
        "wrapped_tracks_plays": ["2000"],
    }
    lake("yearly_recap", recap_of(2024, **ours, **wrapped), recap_of(2023, **ours, **wrapped | {
        "wrapped_tracks": ["Song", "Song"],
        "wrapped_tracks_by": ["One", "Two"],
        "wrapped_tracks_plays": ["900", "9"],
    }))  # fmt: skip
    assert lines("recap", "2024")[8:] == [
        "top artists plays hours",
        "1 One 1,000 9",
        "2 Two 10 1",
        "top tracks plays hours by Wrapped's rules plays",
        "1 One - Song 1,000 9 Two - Song 2,000",
        "2 Two - Song 10 1",
        "By Wrapped's rules, the number of plays counts, not their time: plays of more than 30 seconds, up to 15 "
        "November, without private sessions.",
    ]
    assert "Wrapped" not in " ".join(lines("recap", "2023"))


def test_a_lake_whose_recaps_are_not_computed_yet_says_so(lake, lines):
    lake("period_listening", period("all", "2023-05-01", 30))
    assert lines("recap", "2024", expect=1) == ["Error: there is no recap yet: spotify-assets sync"]


def test_whose_listening_it_is(lake, lines):
    assert "there are no plays yet" in lines("stats", expect=1)[0]
    lake("period_listening", *[period("all", "2024-01-01", len(name), name) for name in ("anna", "benny", "me")])
    assert lines("stats")[0] in ("me, since 2024-01-01", "me; --listener also takes anna, benny")
    assert "benny, since 2024-01-01" in lines("stats", SPOTIFY_ASSETS_LISTENER="nobody")
    assert lines("stats", "--listener", "anna")[0] == "anna, since 2024-01-01"
    assert lines("stats", "--listener", "x", expect=1) == [
        "Error: there is no listener 'x'; there are anna, benny, me"
    ]


@pytest.fixture
def full_lake(tmp_path, monkeypatch):
    """A lake with a year of which not much is known, and one that is over."""
    monkeypatch.setenv("SPOTIFY_ASSETS_LAKE_URI", str(tmp_path / "lake"))
    with duckdb.connect(str(write_warehouse(tmp_path / "w.duckdb", FULL)), read_only=True) as connection:
        write_lake(str(tmp_path / "lake"), connection, TABLES)


def test_a_recap_is_of_the_last_year_that_is_over(full_lake, lines):
    assert lines("recap", "--listener", "anna")[0] == "anna in 2023"
    assert lines("recap", "--year", "2024", "--listener", "anna")[0] == "anna in 2024, so far"
    assert "YEAR is 2023, and --year 2024; say one" in lines("recap", "2023", "--year", "2024", expect=2)[-1]


def test_a_recap_is_written_as_a_file_and_as_pictures(full_lake, lines, tmp_path):
    html, cards = tmp_path / "out/recap.html", tmp_path / "cards"
    printed = lines("recap", "2024", "--listener", "anna", "--html", str(html), "--cards", str(cards))
    assert "4 of 61 days" in html.read_text()
    names = sorted(path.name for path in cards.iterdir())
    kinds = ("albums", "artists", "moments", "months", "overview", "tracks")
    assert names == [f"recap-2024-{kind}-{size}.png" for kind in kinds for size in ("story", "wide")]
    assert sorted(printed) == sorted(map(str, [html, *cards.iterdir()]))
    (tmp_path / "file").touch()
    refused = lines("recap", "2024", "--listener", "anna", "--html", str(tmp_path / "file/recap.html"), expect=1)
    assert "can't be written: " in refused[-1]


def test_reports_are_written_where_they_are_new(full_lake, lines, tmp_path):
    files = [str(tmp_path / "lake/_reports" / name) for name in ("anna/2023.html", "anna/2024.html", "ben/2024.html")]
    assert lines("recap", "--report") == [*files, "3 reports written, 0 are as they were, 0 removed."]
    assert lines("recap", "--report") == ["0 reports written, 3 are as they were, 0 removed."]
