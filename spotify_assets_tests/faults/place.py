"""The small data folder that is broken: what is landed in it, and what a rebuild of that gives."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spotify_assets.settings import PREFIX, Settings, variable
from spotify_assets_tests.conftest import World, account, extended
from spotify_assets_tests.faults.bucket import BucketServer
from spotify_assets_tests.faults.compare import digest
from spotify_assets_tests.readers.test_playlists import capture, track

# What comes before has no partitions, of which Dagster would list thousands in each run.
STARTS = {"plays_start": "2024-01-01", "snapshots_start": "2024-01-01"}
# Rows of each table as JSON, with how often each occurs.
Tables = Mapping[str, Counter[str]]

KEPT = "kept"
JANUARY, FEBRUARY, MARCH = "2024-01-31T12:00:", "2024-02-10T08:30:", "2024-03-31T23:59:"
# Contents that a file takes in turn. One is empty, one is cut off, some repeat or supersede records of others.
CONTENTS: dict[str, list[Any]] = {
    "a.json": [
        [extended(f"{JANUARY}00Z"), extended(f"{FEBRUARY}30Z", track="Other")],
        [extended(f"{JANUARY}10Z"), extended(f"{JANUARY}10Z"), extended("soon"), 5],
        [extended(f"{FEBRUARY}30Z", ms_played=100), extended(f"{MARCH}59Z", artist="=cmd|'x")],
    ],
    "b.json": [
        [account("2024-01-31 12:00"), account("2024-03-10 12:00", track="Third")],
        [account("2024-02-10 08:30", track="Other")],
        [],
    ],
    "sub/c.json": [[extended(f"{MARCH}00Z", track="Third")], "[{", [extended(f"{JANUARY}00Z", track="Fourth")]],
}
DAYS = ("2024-01-01", "2024-01-02")
# Files change their time with their content: of the same size and time, a file is the same.
TIMES = {
    "soon after": datetime(2025, 1, 10, tzinfo=UTC),
    "before the plays": datetime(2023, 1, 10, tzinfo=UTC),
    "the future": datetime(2035, 1, 10, tzinfo=UTC),
}


@dataclass
class Place:
    """A data folder: landing zone, lake, targets, DAGSTER_HOME and temporary files, all below `data`.

    Attributes:
        root: Folder for `data`, logs, rebuilds and files to import.
        spark: Session that rebuilds are computed by.
        overrides: Settings that rows depend on.
        generation: Number of the listener who can be forgotten; each is forgotten once.
        forgotten: Names of listeners who were forgotten: they may be nowhere.
        has_export: Whether flat files are a target; they take half of a sync's time.
        has_dagster: Whether Dagster runs what commands do.
        bucket: Serves landing zone and lake, which commands find in a bucket; None where they are in a folder.
    """

    root: Path
    spark: SparkSession
    overrides: dict[str, Any] = field(default_factory=dict)
    generation: int = 1
    forgotten: list[str] = field(default_factory=list)
    has_export: bool = True
    has_dagster: bool = True
    bucket: BucketServer | None = None
    _rebuilt: dict[str, Tables] = field(default_factory=dict)
    _landed: int = 0

    @property
    def data(self) -> Path:
        """Everything that a user has."""
        return self.root / "data"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.data / "warehouse.duckdb"

    @property
    def export(self) -> Path:
        """Folder of the flat files."""
        return self.data / "export"

    @property
    def listener(self) -> str:
        """Name of the listener who can be forgotten; it occurs nowhere else."""
        return f"unforgettable{self.generation:02}x"

    @property
    def world(self) -> World:
        """Lake and landing zone, as tests use them."""
        return World(self.data, self.spark, STARTS | self.overrides)

    @property
    def settings_of_commands(self) -> Settings:
        """Settings of commands, with their targets; without a bucket."""
        exported = {"export_uri": str(self.export)} if self.has_export else {}
        options = STARTS | self.overrides | {"warehouse": str(self.warehouse)} | exported
        return World(self.data, self.spark, options).settings

    def environment(self, **more: str) -> dict[str, str]:
        """Variables of a command."""
        own = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "DAGSTER"))}
        where = self.data if self.bucket is None else f"s3://{self.data.name}"
        chosen = {
            "landing_uri": f"{where}/landing",
            "lake_uri": f"{where}/lake",
            "warehouse": self.warehouse,
            **({"export_uri": self.export} if self.has_export else {}),
            **STARTS,
            **self.overrides,
        }
        return {
            **own,
            **{variable(name): str(value) for name, value in chosen.items()},
            "DAGSTER_HOME": str(self.data / "dagster"),
            "TMPDIR": str(self.data / "tmp"),
            **(self.bucket.environment if self.bucket else {}),
            **more,
        }

    def restore(self, template: Path, *, has_export: bool, has_dagster: bool, is_in_bucket: bool) -> None:
        """Begin again with a copy of the template, in a folder or in a bucket."""
        self.close()
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(template, self.data, symlinks=True)
        if is_in_bucket:
            self.bucket = BucketServer(self.root)
            self.bucket.start()
        self.overrides, self.generation, self.forgotten = {}, 1, []
        self.has_export, self.has_dagster = has_export, has_dagster
        if not has_export:
            shutil.rmtree(self.export)

    def close(self) -> None:
        """End the bucket's server."""
        if self.bucket:
            self.bucket.kill()
            self.bucket = None

    def land(self, listener: str, name: str, version: int) -> None:
        """Land one of a file's contents, with a time of its own."""
        content = CONTENTS[name][version % len(CONTENTS[name])]
        self.world.land(f"{listener}/{name}", content)
        self.set_time(self.data / "landing/history" / listener / name, "soon after")

    def land_playlist(self, day: str, version: int) -> None:
        """Land a capture of a playlist."""
        tracks = [track("Song"), track("Other"), track("Third")][: version % 3 + 1]
        self.world.landing.land(f"playlists/{day}/p.json", json.dumps(capture(*tracks)).encode())

    def file_to_import(self, name: str, version: int) -> Path:
        """A file outside of the data folder with one of the contents."""
        content = CONTENTS[name][version]
        path = self.root / "downloads" / f"{version}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        self.set_time(path, "soon after")
        return path

    def set_time(self, path: Path, when: str) -> None:
        """Set a file's time of modification, each a second later than the one before."""
        self._landed += 1
        seconds = TIMES[when].timestamp() + self._landed
        os.utime(path, (seconds, seconds))

    def landed(self) -> Iterator[Path]:
        """Landed files."""
        return (path for path in sorted((self.data / "landing").rglob("*")) if path.is_file())

    def contents(self) -> dict[str, str]:
        """Hash of each landed file."""
        zone = self.data / "landing"
        return {str(path.relative_to(zone)): digest(path) for path in self.landed()}

    def everything(self) -> Tables:
        """Every row of every table of the lake."""
        return as_counters(self.world.everything())

    def rebuild(self) -> Tables:
        """Every row of every table, computed from nothing; kept by what is landed."""
        zone = self.data / "landing"
        years = {
            str(path.relative_to(zone)): datetime.fromtimestamp(path.stat().st_mtime, UTC).year
            for path in self.landed()
        }
        state = json.dumps([self.contents(), years, self.overrides, str(date.today())], sort_keys=True)
        if state not in self._rebuilt:
            # The engine keeps what it knows of a path.
            folder = self.root / "rebuilds" / f"{len(self._rebuilt)}"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(zone, folder / "landing")
            there = World(folder, self.spark, STARTS | self.overrides)
            there.ingest()
            there.refresh()
            self._rebuilt[state] = as_counters(there.everything())
            shutil.rmtree(folder)
        return self._rebuilt[state]


def as_counters(tables: Mapping[str, list[dict[str, Any]]]) -> Tables:
    """Rows as JSON, counted, without the ETag that files have in a bucket."""
    return {
        table: Counter(json.dumps(row | {"etag": None}, sort_keys=True, default=str) for row in rows)
        for table, rows in tables.items()
    }
