"""Compare what engines computed, by figures of their output."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.engines import TABLES

DIMENSIONS = tuple(table for table in TABLES if table.startswith("dim_"))
MEASURES = ("plays", "streams", "ms_played", "skips", "skips_known")
SPLIT = ("music_plays", "music_ms_played", "spoken_plays", "spoken_ms_played")


class DisagreementError(Exception):
    """Two engines computed different rows."""


@dataclass(frozen=True)
class Figures:
    """Figures that have to be equal for all engines. Without surrogate keys: engines differ in their hash functions.

    Attributes:
        totals: Number of plays and the like, and a fingerprint of all `play_id`.
        days: `daily_listening` by listener and date.
        most_heard: The 20 rows of `track_metrics` with the most listening time.
    """

    totals: dict[str, Any] = field(default_factory=dict)
    days: dict[tuple, tuple] = field(default_factory=dict)
    most_heard: list[tuple] = field(default_factory=list)

    def require_same(self, other: "Figures", name: str, other_name: str) -> None:
        """Raise if any figure differs.

        Raises:
            DisagreementError: Names the first figure that differs, and both values.
        """
        pairs = {
            **{figure: (value, other.totals.get(figure)) for figure, value in self.totals.items()},
            "days": (len(self.days), len(other.days)),
            **{f"daily_listening of {day}": (value, other.days.get(day)) for day, value in self.days.items()},
            "most heard": (self.most_heard, other.most_heard),
        }
        for figure, (one, another) in pairs.items():
            if one != another:
                raise DisagreementError(f"{figure}: {one} by {name}, {another} by {other_name}")


def figures(output: Path) -> Figures:
    """Figures of the tables that an engine wrote below a folder."""

    def rows(query: str, table: str) -> list[tuple]:
        return connection.execute(query.format(f"'{output}/{table}/*.parquet'")).fetchall()

    found = Figures()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in ("plays", "fct_plays"):
            query = (
                "SELECT count(*), sum(ms_played)::BIGINT, bit_xor(hash(play_id)), sum(len(play_id))::BIGINT FROM {}"
            )
            names = ("rows", "ms_played", "fingerprint of play_id", "characters of play_id")
            found.totals.update(_named(table, names, rows(query, table)[0]))
        for table in DIMENSIONS:
            found.totals.update(_named(table, ("rows",), rows("SELECT count(*) FROM {}", table)[0]))
        by_track = (*MEASURES, "shuffles", "shuffles_known")
        summed = f"SELECT count(*), {', '.join(f'sum({name})::BIGINT' for name in by_track)} FROM {{}}"
        found.totals.update(_named("daily_track_plays", ("rows", *by_track), rows(summed, "daily_track_plays")[0]))
        daily = ", ".join(f"{name}::BIGINT" for name in (*MEASURES, *SPLIT, "tracks", "artists"))
        for listener, date, *values in rows(
            f"SELECT listener, date::DATE::VARCHAR, {daily} FROM {{}}", "daily_listening"
        ):
            found.days[listener, date] = tuple(values)
        query = "SELECT count(*), sum(total_ms_played)::BIGINT, sum(total_plays)::BIGINT FROM {}"
        found.totals.update(_named("track_metrics", ("rows", "ms_played", "plays"), rows(query, "track_metrics")[0]))
        found.most_heard.extend(
            rows(
                "SELECT listener, artist_name, track_name, total_ms_played::BIGINT, total_plays::BIGINT FROM {} "
                "ORDER BY total_ms_played DESC, listener, artist_name, track_name LIMIT 20",
                "track_metrics",
            )
        )
    return found


def _named(table: str, names: tuple[str, ...], values: tuple) -> dict[str, Any]:
    return {f"{name} of {table}": value for name, value in zip(names, values, strict=True)}
