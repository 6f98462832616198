"""The queries in `analysis` return the same rows from the lake, DuckDB and MySQL; for Snowflake see its own tests."""

from datetime import date

import duckdb
import pytest
import sqlalchemy as sa

from spotify_assets.cli.documentation import ROOT
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets.targets.mysql import MySQL
from spotify_assets.targets.questions import questions, title
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.targets.published import FILES, answers_of_the_lake, comparable, publish, two_snapshots

pytestmark = [pytest.mark.integration, pytest.mark.metrics]

MORE = {
    "anna/2022.json": [
        extended(f"2022-{month:02d}-0{day}T0{hour}:13:37Z", 190_000 + hour, f"Song {day} {hour}", f"Band {hour}",
                 skipped=day == 2)
        for month in (1, 6, 12)
        for day in (1, 2, 3)
        for hour in (4, 8)
    ],
    "ben/2023.json": [
        extended("2023-05-05T20:00:00Z", track=None, spotify_episode_uri=f"spotify:episode:{'e' * 22}",
                 episode_name="Episode", episode_show_name="Show", reason_end="endplay"),
        extended("2023-05-06T20:00:00Z", track="Song 1", ms_played=10_000, reason_end="fwdbtn", platform="Windows 10"),
    ],
    "carl/2024.json": [
        *[extended(f"2024-05-{day:02d}T12:0{minute}:00Z", track="Ear Worm", reason_start="clickrow")
          for day, minute in ((1, 0), (2, 0), (3, 0))],
        *[extended(f"2024-05-{day:02d}T12:04:00Z", track="Ear Worm") for day in (1, 2)],
        extended("2024-12-01T12:00:00Z", 40_000, track="Ear Worm"),
    ],
}  # fmt: skip
BAND_4, BAND_8, BAND_9 = "4" * 22, "8" * 22, "9" * 22
# Title, artist, release and label; those of `MORE` first.
TRACKS = [
    *[(f"Song {day} 4", BAND_4, f"197{day}-10-11", "It's a label") for day in (1, 2, 3)],
    *[(f"Song {day} 8", BAND_8, "1999", "It's a label") for day in (1, 2, 3)],
    ("Never played", BAND_9, "1999-01", "Another"),
]
ARTISTS_CSV = f"""id,name,artist_popularity,artist_genres,followers
{BAND_4},Band 4,70,"['k-pop', 'dance pop']",1000
{BAND_8},Band 8,60,['death metal'],50
{BAND_9},Band 9,50,['k-pop'],500
"""


def with_catalogue(world):
    """Land the files of the Glue tutorials, and two snapshots."""
    ids = [(track.replace(" ", "") + "0" * 22)[:22] for track, *_ in TRACKS]
    albums = [
        f"{id_},{track},{number:022},Album,{release},{label},{artist}"
        for number, (id_, (track, artist, release, label)) in enumerate(zip(ids, TRACKS, strict=True))
    ]
    files = {
        "artists": ARTISTS_CSV.splitlines(),
        "albums": ["track_id,track_name,album_id,album_name,release_date,label,artist_id", *albums],
        "tracks": ["id,track_popularity,explicit", *[f"{id_},{60 + n},False" for n, id_ in enumerate(ids)]],
    }
    for name, lines in files.items():
        world.landing.land(f"catalog/{name}.csv", "\n".join(lines).encode())
    two_snapshots(world)


@pytest.fixture
def world(prepared, mariadb):
    world = prepared(FILES | MORE, with_catalogue)
    world.overrides["mysql_url"] = mariadb.database()
    return world


def of_duckdb(world):
    target = Warehouse(path=world.settings.warehouse)
    publish(world, target)
    with duckdb.connect(target.path, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in questions()}


def of_mysql(world):
    target = MySQL(settings=world.settings)
    publish(world, target)
    with target.engine.connect() as connection:
        return {name: connection.execute(sa.text(f"SELECT * FROM `{name}`")).all() for name in questions()}


TARGETS = {"duckdb": of_duckdb, "mysql": of_mysql, "lake": answers_of_the_lake}


def test_the_same_answers_everywhere(world):
    answers = {
        target: {name: comparable(rows) for name, rows in ask(world).items()} for target, ask in TARGETS.items()
    }
    first = answers.pop("duckdb")
    assert [name for name, rows in first.items() if not rows] == []
    for target, found in answers.items():
        assert {name for name in first if found[name] != first[name]} == set(), target


def test_what_they_answer(world):
    publish(world, Warehouse(path=world.settings.warehouse))
    with duckdb.connect(world.settings.warehouse, read_only=True) as connection:

        def ask(sql):
            return connection.execute(sql).fetchall()

        assert ask("SELECT listener, plays, streams, days FROM total_plays") == [
            ("anna", 37, 36, 28),
            ("ben", 3, 2, 3),
            ("carl", 6, 6, 4),
        ]
        assert ask("SELECT year, place, artist_name, plays FROM top_artists_by_year WHERE listener = 'anna' "
                   "AND year = 2022") == [(2022, 1, "Band 8", 9), (2022, 2, "Band 4", 9)]  # fmt: skip
        assert ask("SELECT year, hours, hours_before FROM year_over_year WHERE listener = 'ben'") == [
            (2023, 0.06, None),
            (2024, 0.06, 0.06),
        ]
        assert ask(
            "SELECT platform_family, plays, skipped_percent FROM skip_rate_by_device WHERE listener = 'anna'"
        ) == [
            ("android", 36, 17.1),
            ("ios", 1, 100.0),
        ]
        assert ask("SELECT * FROM from_play_to_full_listen WHERE listener = 'ben'") == [
            ("ben", "episode", 1, 1, 0, 100.0, 0.0),
            ("ben", "track", 2, 1, 1, 50.0, 50.0),
        ]
        forgotten = ask("SELECT track_name, artist_name FROM forgotten_favourites")
        assert sorted(forgotten) == [(f"Song {song} {band}", f"Band {band}") for song in (1, 2, 3) for band in (4, 8)]
        assert ask("SELECT * FROM top_genres_by_followers") == [("k-pop", 2, 1500), ("death metal", 1, 50)]
        assert ask("SELECT * FROM popularity_by_label") == [("It's a label", 6, 62.5)]
        assert ask("SELECT * FROM tracks_by_release_year") == [(1971, 1, 1), (1972, 1, 1), (1973, 1, 1), (1999, 4, 2)]
        assert ask("SELECT * FROM eras_i_listen_to") == [
            ("anna", 1970, 9, 0.48, 50.0, 48.6),
            ("anna", 1990, 9, 0.48, 50.0, 48.6),
        ]
        assert ask("SELECT * FROM genres_i_listen_to") == [
            ("anna", "asian", 9, 0.48, 50.0, 48.6),
            ("anna", "metal", 9, 0.48, 50.0, 48.6),
        ]
        assert ask("SELECT month_start, entered, dropped FROM playlist_turnover") == [(date(2024, 1, 1), 1, 1)]


MAY, DECEMBER = date(2024, 5, 1), date(2024, 12, 1)
# Of carl, who heard one track twice a day for two days, once on the third, and once seven months later.
ANSWERS = {
    "choosing_by_year": [("carl", 2024, 6, 50.0, 0.0, 0.0, 0.0)],
    "how_long_discoveries_last": [("carl", months, 1, 0, 0.0) for months in (1, 3, 6)],
    "kinds_of_sessions": [("carl", "mixed", 4, 0.29, 4.3, 1.5)],
    "my_years": [
        ("carl", 2024, 0.29, None, 1, 1, 0, MAY, MAY, 3, "Ear Worm", "Band", None, None, 5),
    ],
    "number_ones_by_month": [
        ("carl", MAY, "Ear Worm", "Band", 5, 0.28, 1),
        ("carl", DECEMBER, "Ear Worm", "Band", 1, 0.01, 2),
    ],
    "obsessions": [("carl", 1, "Ear Worm", "Band", 1, 5, date(2024, 5, 3), 7, "rediscovered")],
    "patience_by_year": [("carl", 2024, 6, 100.0, 100.0, 83.3)],
    "skips_by_place_in_session": [("carl", "1", 4, 4, 0.0), ("carl", "2", 2, 2, 0.0)],
    "variety_by_month": [("carl", MAY, 1, 1, 1.0, 1, 100.0, 100.0), ("carl", DECEMBER, 1, 1, 1.0, 1, 0.0, 0.0)],
    "weeks_at_number_one": [("carl", "Band", 2, date(2024, 4, 29), date(2024, 11, 25))],
    "what_becomes_of_discoveries": [("carl", "deliberate", 1, 0, 0.0, 5.0)],
    "what_i_came_back_to": [("carl", 1, "Ear Worm", "Band", 1, 211, 6, "rediscovered")],
    "where_i_listen": [("carl", "SE", 6, 0.29, 4, MAY, DECEMBER)],
}


def test_what_they_answer_from_metrics(world):
    publish(world, Warehouse(path=world.settings.warehouse))
    with duckdb.connect(world.settings.warehouse, read_only=True) as connection:
        found = {
            name: connection.execute(f"SELECT * FROM {name} WHERE listener = 'carl'").fetchall() for name in ANSWERS
        }
        assert found == ANSWERS
        genres = "SELECT * FROM genres_by_year WHERE year = 2022"
        assert connection.execute(genres).fetchall() == [
            ("anna", 2022, "metal", 50.0, None),
            ("anna", 2022, "asian", 25.0, None),
            ("anna", 2022, "pop", 25.0, None),
        ]
        assert connection.execute("SELECT * FROM unfinished_episodes").fetchall() == [
            ("ben", 1, "Show", "Episode", 3.3, 1, date(2023, 5, 5)),
        ]


def test_each_begins_with_the_question_as_the_docs_have_it():
    page = (ROOT / "docs/publishing.md").read_text()
    for name in questions():
        assert title(name).endswith("?")
        assert f"| [`{name}`](../spotify_assets/targets/analysis/{name}.sql) | {title(name)} |" in page
