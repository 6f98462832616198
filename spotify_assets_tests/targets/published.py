"""Helpers for tests of targets: a history, publishing, and rows and answers of a target to compare."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from spotify_assets.cli.sql import run_query
from spotify_assets.model import TABLES
from spotify_assets.targets import publishing
from spotify_assets.targets.publishing import CountingTarget, PublishResult, RowCount, Target
from spotify_assets.targets.questions import questions
from spotify_assets_tests.conftest import World, extended
from spotify_assets_tests.readers.test_playlists import capture, track

HOSTILE = (
    "it's", 'say "hi"', "back\\slash", "\\N", "NULL", "tab\there", "line\nbreak", "comma, semicolon;", "😀🎵",
    "日本語", "e\u0301tude", "\u202eevil", "50%", ":name", "<b>", " outer ", "x" * 3_000,
)  # fmt: skip
# Lists for `catalog_tracks`.
LISTS: tuple[list[str] | None, ...] = ([*HOSTILE, ""], [], None, ["rock"], ["pop"])
FILES = {
    "anna/2024-01.json": [
        extended(f"2024-01-{day + 1:02d}T13:37:00.25Z", track=name, artist=HOSTILE[-1 - day], ms_played=60_000 + day)
        for day, name in enumerate(HOSTILE)
    ],
    "anna/2024-02.json": [
        extended("2024-02-01T12:00:00Z", track="Song", skipped=True, platform="iOS 17.4 (iPhone15,2)"),
        extended("2024-02-29T23:59:59.999Z", track="song", reason_end="fwdbtn", ms_played=1_000, skipped=None),
    ],
    "ben/2024-03.json": [extended("2024-03-31T00:59:59Z", track="Song", conn_country=None, shuffle=None)],
}


def two_snapshots(world: World) -> None:
    """Land two snapshots of a playlist."""
    import json

    for day, names in (("2024-01-02", ("A", "B")), ("2024-01-05", ("B", "C"))):
        snapshot = capture(*map(track, names), name="It's 😀")
        world.landing.land(f"playlists/{day}/p.json", json.dumps(snapshot).encode())


def catalog_tracks(world: World, *lists: list[str] | None) -> None:
    """Write a row into `catalog_tracks` for each of these lists of genres, all of an artist of its own."""
    rows = [
        {
            "track_key": f"name:{number}",
            "catalog_artist_key": f"name:band {number}",
            "genres": genres,
            "genre": genres[0] if genres else None,
            "followers": 10**number,
            "label": "It's a label",
            "popularity": 50 + number,
            "release_year": 1999,
            "source_file": "a.csv",
            "source_row": number,
        }
        for number, genres in enumerate(lists)
    ]
    made = pa.RecordBatch.from_pylist(rows, TABLES["catalog_tracks"].arrow_schema)
    world.lake.replace("catalog_tracks", lambda: iter([made]))


def publish(
    world: World, target: Target, tables: Iterable[str] | None = None, **options: Any
) -> dict[str, PublishResult]:
    """Write what the target lacks, and tell by table what was written."""
    refreshes = publishing.pending_refreshes(target, world.lake, tables, **options)
    return {done.refresh.table: done for done in target.publish(world.lake, refreshes)}


def count(target: CountingTarget, table: str) -> RowCount:
    """What the target counts in one table."""
    return dict(target.counts([table]))[table]


def spans(done: PublishResult) -> str:
    """What was replaced, in words."""
    return "whole" if done.refresh.spans is None else ", ".join(map(str, done.refresh.spans))


def answers_of_the_lake(world: World) -> dict[str, list[tuple]]:
    """Rows of each question's answer, from the lake itself."""
    return {name: run_query(world.lake, f"SELECT * FROM {name}").rows for name in questions()}


def comparable(rows: Iterable[Sequence[Any]]) -> list[tuple]:
    """Rows as every store has them: figures to a millionth, days without time, in an order of our own."""

    def plain(value: Any) -> Any:
        if isinstance(value, Decimal | float | int):
            return round(float(value), 6)
        return value.date() if isinstance(value, datetime) else value

    return sorted((tuple(map(plain, row)) for row in rows), key=str)
