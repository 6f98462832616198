"""What lines of overrides concern: counted in the lake as the transforms apply them."""

import time

import pyarrow as pa
import pytest

from spotify_assets import transforms
from spotify_assets.cli.override_effects import effects
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.corrections import exclusion_row, genre_row, merge_row
from spotify_assets.model import TABLES
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import extended, some_metrics, utc

pytestmark = pytest.mark.integration

ID = "4uLU6hMCjMI75M1A2tKUQC"
HOSTILE = "'; DROP TABLE rejected_plays; -- [red]\x1b[31m"


def record(row, **more):
    return {
        "listener": "anna",
        "source_file": "history/anna/a.zip!in/a.json",
        "source_row": row,
        "source_format": "extended",
        "landed_at": utc("2025-01-01 00:00:00"),
        "reported_at": utc("2024-01-31 23:59:59"),
        "played_at": utc("2024-01-31 23:59:59"),
        "ms_played": "200000",
        "platform": "Android OS 9",
        **more,
    }


def song(row, artist="The Band", track="Rain", **more):
    return record(row, artist_name=artist, track_name=track, album_name="Sleep", **more)


RECORDS = [
    song(0, track_uri=f"spotify:track:{ID}"),
    song(1, track="Sun", track_uri=f"https://open.spotify.com/intl-de/track/{ID}?si=1"),
    song(2, artist="\u00a0ΓΆΦΩΣ ", track="İ", listener="ben", source_file="history/ben/b.json"),
    song(3, artist="Unknown Artist", track="Wind"),
    song(4, artist=HOSTILE, track=HOSTILE, platform=None),
    record(5, episode_name="#1", show_name="Show"),
    record(6, chapter_title="I", audiobook_title="Book", show_name="Show"),
    song(7, track="Old", reported_at=utc("2020-01-01 00:00:00"), played_at=utc("2020-01-01 00:00:00")),
]
# A line, and how many of the records it excludes by itself.
LINES = [
    ({"what": "artist", "value": " THE band"}, 3),
    ({"what": "artist", "value": "γάφως"}, 1),
    ({"what": "artist", "value": "Unknown Artist"}, 0),
    ({"what": "artist", "value": HOSTILE}, 1),
    ({"what": "artist", "value": "The Bnad"}, 0),
    ({"what": "artist", "value": "The Band", "from": "2024-01-31", "until": "2024-01-31"}, 2),
    ({"what": "artist", "value": "The Band", "until": "2024-01-31T23:59:59"}, 1),
    ({"what": "artist", "value": "The Band", "listener": "ben"}, 0),
    ({"what": "album", "value": "sleep"}, 6),
    ({"what": "album", "value": "The Band - Sleep"}, 3),
    ({"what": "track", "value": f"spotify:track:{ID}"}, 2),
    ({"what": "track", "value": "i̇"}, 1),
    ({"what": "track", "value": "the band - SUN"}, 1),
    ({"what": "show", "value": "show"}, 1),
    ({"what": "show", "value": "Book"}, 1),
    ({"what": "show", "value": "The Band"}, 0),
    ({"what": "device", "value": "android os 9"}, 7),
    ({"what": "source_file", "value": "history/anna/a.zip"}, 7),
    ({"what": "source_file", "value": "history/ben/b.json"}, 1),
    ({"what": "period", "from": "2024-01-01"}, 7),
    ({"what": "period", "from": "2024-01-01", "listener": "ben"}, 1),
]


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def write(lake, table, rows):
    lake.ensure(table)
    lake.write(table, pa.Table.from_pylist(rows, TABLES[table].arrow_schema), mode="append")


@pytest.fixture
def reject(frame):
    """Rows of `rejected_plays` for these records and rows of exclusions, by the transform."""

    def judge(exclusions, records):
        files = {
            one["source_file"]: {name: one[name] for name in ("listener", "source_file", "source_format")}
            | {"status": "read", "records": 1, "undated_records": 0, "is_minute_precise": False}
            | {"first_reported_at": utc("2020-01-01 00:00:00"), "last_reported_at": utc("2024-12-31 00:00:00")}
            for one in records
        }
        rejected = transforms.rejected_plays(
            frame("raw_plays", records),
            frame("raw_files", files.values()),
            frame("raw_exclusions", exclusions),
            settings=load_settings(),
        )
        return [row.asDict() for row in rejected.collect()]

    return judge


def test_an_exclusion_has_the_plays_that_it_rejects_by_itself(lake, reject):
    rows = [exclusion_row({"value": ""} | line) for line, _ in LINES]
    write(lake, "raw_exclusions", rows)
    write(lake, "rejected_plays", reject(rows, RECORDS))
    found = effects(lake, rows)
    assert [found[row["exclusion_id"]].counts for row in rows] == [((plays, "play"),) for _, plays in LINES]
    assert str(found[rows[0]["exclusion_id"]]) == "3 plays"
    assert str(found[rows[4]["exclusion_id"]]) == "matches nothing"


@pytest.mark.parametrize(("line", "plays"), LINES)
def test_the_transform_excludes_as_many(reject, line, plays):
    rejected = reject([exclusion_row({"value": ""} | line)], RECORDS)
    assert [row["reason"] for row in rejected].count("excluded") == plays


def test_a_play_that_is_rejected_for_another_reason_is_not_counted(lake, reject):
    rows = [exclusion_row({"what": "artist", "value": "The Band"})]
    write(lake, "raw_exclusions", rows)
    write(lake, "rejected_plays", reject(rows, [song(0), song(1, ms_played="1")]))
    assert [str(effect) for effect in effects(lake, rows).values()] == ["1 play"]


def test_lines_that_no_sync_has_applied_are_not_counted(lake):
    rows = [
        exclusion_row({"what": "artist", "value": "A"}),
        merge_row({"kind": "artist", "from": "A", "into": "B"}),
        genre_row({"artist": "A", "genre": "rock"}),
    ]
    assert effects(lake, rows) == {}
    assert effects(lake, []) == {}
    assert not list(lake.tables())


def test_fifty_thousand_lines_and_plays_take_seconds(lake, reject):
    rows = [exclusion_row({"what": "artist", "value": f"Ärtist {number}"}) for number in range(50_000)]
    write(lake, "raw_exclusions", rows)
    [rejected] = reject([exclusion_row({"what": "period", "from": "2024-01-01"})], [song(0)])
    plays = [rejected | {"source_row": row, "artist_name": f"ärtist {row}"} for row in range(50_000)]
    write(lake, "rejected_plays", plays)
    started = time.process_time()
    found = effects(lake, rows)
    assert time.process_time() - started < 20
    assert [str(found[row["exclusion_id"]]) for row in rows] == ["1 play"] * 50_000


ALREADY = "both are one recording already, or another line moves it elsewhere"
MERGES = [
    ("artist", "OLD", "New", "1 artist, 2 plays"),
    ("artist", "Older", "New", "1 artist, 1 play"),
    ("artist", "Odl", "New", "matches nothing: there is no such artist to merge"),
    ("artist", "New", "Nwe", "matches nothing: there is no such artist to merge into"),
    ("artist", "unknown", "New", "matches nothing: there is no such artist to merge"),
    ("recording", "New - song (live)", "New - Song", "1 recording, 1 play"),
    ("recording", "Live".ljust(22, "0"), "New - Song", "1 recording, 1 play"),
    ("recording", "Old - A", "Nobody - A", "matches nothing: there is no such recording to merge into"),
    ("recording", "Nobody - B", "Nobody - A", "matches nothing: neither is a recording that is known"),
    ("recording", "A".ljust(22, "0"), "Old - A", f"matches nothing: {ALREADY}"),
    ("album", "New - EP", "New - Album", "1 album, 1 play"),
    ("album", "New - EQ", "New - Album", "matches nothing: there is no such album to merge"),
]
GENRES = [("new", "rock", "1 artist"), ("Now", "rock", "matches nothing"), ("unknown", "rock", "matches nothing")]


@some_metrics
def test_merges_and_genres_have_what_they_move(world):
    world.land(
        "anna/a.json",
        [
            extended("2024-01-01T12:00:00Z", track="A", artist="Old"),
            extended("2024-01-02T12:00:00Z", track="B", artist="old"),
            extended("2024-01-03T12:00:00Z", track="C", artist="Older"),
            extended("2024-01-04T12:00:00Z", track="Song", artist="New"),
            extended("2024-01-05T12:00:00Z", track="Live", artist="New")
            | {"master_metadata_track_name": "Song (Live)", "master_metadata_album_album_name": "EP"},
            extended("2024-01-06T12:00:00Z", track=None, episode_name="#1", episode_show_name="Show"),
        ],
    )
    lines = [merge_row({"kind": kind, "from": from_, "into": into}) for kind, from_, into, _ in MERGES]
    lines += [genre_row({"artist": artist, "genre": genre}) for artist, genre, _ in GENRES]
    merges = "".join(f"{kind},{from_},{into}\n" for kind, from_, into, _ in MERGES)
    genres = "".join(f"{artist},{genre}\n" for artist, genre, _ in GENRES)
    world.landing.land("overrides/merges.csv", f"kind,from,into\n{merges}".encode())
    world.landing.land("overrides/genres.csv", f"artist,genre\n{genres}".encode())
    world.sync()
    found = effects(world.lake, lines)
    told = [str(found[next(iter(line.values()))]) for line in lines]
    assert told == [text for *_, text in [*MERGES, *GENRES]]
    # The tables agree: of three artists one is counted, and of two recordings and albums.
    canonical = {row["artist_name"].lower(): row["canonical_artist_key"] for row in world.rows("dim_artist")}
    assert canonical["old"] == canonical["older"] == canonical["new"]
