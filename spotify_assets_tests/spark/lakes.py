"""Syncs as people run them, each in a process and on an engine of its own, and what their lakes have in common."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets_tests.conftest import TIMELESS

SYNC_SECONDS = 1_800
SETTINGS = {
    "SPOTIFY_ASSETS_LISTENER": "dora",
    "SPOTIFY_ASSETS_PLAYS_START": "2024-01-01",
    "SPOTIFY_ASSETS_SNAPSHOTS_START": "2024-01-01",
    "SPOTIFY_ASSETS_TIMEZONE": "Europe/Stockholm",
    "SPOTIFY_ASSETS_TIMEZONES": "ben=America/Lima",
}


@dataclass(frozen=True)
class Place:
    """A landing zone and a lake, and a folder to start from.

    Attributes:
        uri: Folder, or prefix of a bucket, that holds `landing` and `lake`.
        environment: What else leads to it.
    """

    folder: Path
    uri: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        return Lake(f"{self.uri}/lake")

    def command(self, *arguments: str, remote: str = "", **options: Any) -> "subprocess.Popen[str]":
        """`spotify-assets`, started on the engine that `remote` names."""
        self.folder.mkdir(parents=True, exist_ok=True)
        of_place = {
            "SPOTIFY_ASSETS_LANDING_URI": f"{self.uri}/landing",
            "SPOTIFY_ASSETS_LAKE_URI": f"{self.uri}/lake",
            "SPOTIFY_ASSETS_SPARK_REMOTE": remote,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "spotify_assets", *arguments],
            cwd=self.folder,
            env=os.environ | SETTINGS | of_place | dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def sync(self, remote: str = "", code: int = 0) -> list[str]:
        """Sync to the end, and return what the command says: its table of changes, and which checks warn."""
        process = self.command("sync", remote=remote)
        output, _ = process.communicate(timeout=SYNC_SECONDS)
        assert process.returncode == code, output
        return [re.sub(r"\s+", " ", line).strip() for line in output.splitlines()]


def on_disk(folder: Path) -> Place:
    return Place(folder, str(folder))


def assert_same_tables(one: Lake, other: Lake, tables: Iterable[str] = tuple(TABLES)) -> None:
    """Tables of both, type for type and row for row, less what may depend on when it was written."""
    different = {name: found for name in tables if (found := _difference(name, one.open(name), other.open(name)))}
    assert not different, different


def _difference(name: str, one: Any, other: Any) -> Any:
    if one is None or other is None:
        return None if one is other else "it is in one lake only"
    tables = one.to_pyarrow_table(), other.to_pyarrow_table()
    if tables[0].schema != tables[1].schema:
        return [str(table.schema) for table in tables]
    if one.metadata().partition_columns != other.metadata().partition_columns:
        return [table.metadata().partition_columns for table in (one, other)]
    return differences(name, *tables)


def differences(name: str, one: pa.Table, other: pa.Table) -> list[Any]:
    """What differs in the rows of a table: its first three rows, or the numbers of rows."""
    rows = [_in_order(name, table) for table in (one, other)]
    if len(rows[0]) != len(rows[1]):
        return [f"{len(found):,} rows" for found in rows]
    return [
        {column: (a[column], b[column]) for column in a if not _is_same(a[column], b[column])}
        for a, b in zip(*rows, strict=True)
        if not all(_is_same(a[column], b[column]) for column in a)
    ][:3]


def _in_order(name: str, table: pa.Table) -> list[dict[str, Any]]:
    """Rows in order of the primary key; of all columns, where there is none."""
    columns = [column for column in table.column_names if column not in (*TIMELESS, "etag")]
    keys = TABLES[name].primary_key or columns
    rows = table.select(columns).to_pylist()
    return sorted(rows, key=lambda row: [(row[key] is None, str(row[key])) for key in keys])


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other
