"""Kinds of faults: damage that is there before a command runs, and what happens while it runs."""

import math
import os
import re
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import TypeVar

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from filelock import FileLock

from spotify_assets.model import TABLES
from spotify_assets_tests.faults.commands import FAKETIME, Command, Ended
from spotify_assets_tests.faults.place import TIMES, Place
from spotify_assets_tests.lake import broken

RAW = ("raw_plays", "raw_files", "raw_playlists", "raw_playlist_files")
KILLS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)
LOCKED_SECONDS = 20.0
LOST_SECONDS = 20.0
# Between the plays, and years ahead.
CLOCKS = ("2024-02-05 12:00:00", "2024-06-01 00:00:00", "2031-01-01 00:00:00", "2045-12-31 23:59:50")
UNREACHABLE = "mysql://nobody:nothing@127.0.0.1:1/nowhere"

# What is done before a command; it returns what it did, and raises where it can't be done as things are.
Standing = Callable[[Place, Random], str]
# Starts a command, given its arguments, and disturbs it.
Start = Callable[..., Command]
Running = Callable[[Place, Random, Start, float], tuple[str, Ended]]
Kind = TypeVar("Kind", Standing, Running)


class NotPossibleError(Exception):
    """The fault can't be inflicted as things are."""


def any_table(chance: Random) -> str:
    """A table; raw ones more often."""
    return chance.choice([*TABLES, *RAW * 3])


def table_folder(place: Place, table: str) -> Path:
    """Folder of a table on disk."""
    folder = Path(place.world.lake.table_uri(table))
    if not folder.is_dir():
        raise NotPossibleError
    return folder


def damage_table(place: Place, chance: Random) -> str:
    """Damage a table's files in one of the ways of the lake's tests."""
    table, kind = any_table(chance), chance.choice(sorted(broken.KINDS))
    if place.bucket and kind.startswith("file_instead_of"):
        raise NotPossibleError
    broken.KINDS[kind](table_folder(place, table))
    return f"{kind} in {table}"


def drop_table(place: Place, chance: Random) -> str:
    """Remove a table's folder, its log, or a whole layer."""
    table, what = any_table(chance), chance.choice(("folder", "log", "layer"))
    folder = table_folder(place, table)
    shutil.rmtree({"folder": folder, "log": folder / "_delta_log", "layer": folder.parent}[what])
    return f"{what} of {table} removed"


def restore_table(place: Place, chance: Random) -> str:
    """Restore an older version: by a commit, or by removing the latest entries of the log."""
    table, share, by_commit = any_table(chance), chance.random(), chance.random() < 0.5
    folder = table_folder(place, table)
    delta = DeltaTable(str(folder))
    version = int(delta.version() * share)
    if version == delta.version():
        raise NotPossibleError
    if by_commit:
        delta.restore(version)
    else:
        for entry in (folder / "_delta_log").iterdir():
            if entry.name[:20].isdigit() and int(entry.name[:20]) > version:
                entry.unlink()
        (folder / "_delta_log/_last_checkpoint").unlink(missing_ok=True)
    return f"{table} restored to version {version}" + ("" if by_commit else ", by its files")


def rewrite_table(place: Place, chance: Random) -> str:
    """Change a table as another program would: replace, empty, double or delete rows."""
    table, how = any_table(chance), chance.choice(("delete", "replace", "append", "overwrite"))
    folder = str(table_folder(place, table))
    delta = DeltaTable(folder)
    if how == "delete":
        delta.delete()
    else:
        rows = delta.to_pyarrow_table()
        if how == "replace":
            partitions = delta.metadata().partition_columns
            DeltaTable.create(folder, schema=delta.schema(), mode="overwrite", partition_by=partitions or None)
        elif not len(rows):
            raise NotPossibleError
        else:
            some = rows if how == "append" else pa.concat_tables([rows.slice(0, 1)] * 2)
            write_deltalake(folder, some, mode="append" if how == "append" else "overwrite")
    return f"{how} of {table} by another program"


def damage_warehouse(place: Place, chance: Random) -> str:
    """Drop a table or rows of the DuckDB file, cut it off, empty or remove it."""
    table, how, share = (
        chance.choice(list(TABLES)),
        chance.choice(("drop", "rows", "cut", "empty", "gone")),
        chance.random(),
    )
    path = place.warehouse
    if not path.exists():
        raise NotPossibleError
    match how:
        case "drop":
            table = "track_metrics" if share < 0.5 else table
            with duckdb.connect(str(path)) as connection:
                connection.execute(f"DROP TABLE IF EXISTS {table} CASCADE")
        case "cut":
            os.truncate(path, int(path.stat().st_size * share))
        case "empty":
            os.truncate(path, 0)
        case "gone":
            path.unlink()
        case _:
            with duckdb.connect(str(path)) as connection:
                connection.execute("DROP VIEW IF EXISTS top_tracks")
                connection.execute("DELETE FROM published_windows WHERE hash(table_name) % 2 = 0")
            how = "some published_windows deleted"
    return f"DuckDB file: {how} ({table if how == 'drop' else f'{share:.2f}'})"


def damage_export(place: Place, chance: Random) -> str:
    """Remove or cut off `latest.json`, a file, or a whole export."""
    how, share = chance.choice(("latest gone", "latest cut", "file gone", "file cut", "folder gone")), chance.random()
    files = sorted(path for path in place.export.rglob("*.parquet"))
    latest = place.export / "latest.json"
    if not files or not latest.exists():
        raise NotPossibleError
    file = files[int(len(files) * share)]
    match how:
        case "latest gone":
            latest.unlink()
        case "latest cut":
            broken.cut(latest)
        case "file gone":
            file.unlink()
        case "file cut":
            broken.cut(file)
        case _:
            shutil.rmtree(place.export / file.relative_to(place.export).parts[0])
    return f"export: {how}"


def move_times(place: Place, chance: Random) -> str:
    """Change the time of a landed file."""
    share, when = chance.random(), chance.choice(sorted(TIMES))
    files = [path for path in place.landed() if "history" in path.parts]
    if not files:
        raise NotPossibleError
    file = files[int(len(files) * share)]
    place.set_time(file, when)
    return f"time of {file.name} moved to {when}"


def move_lake_times(place: Place, chance: Random) -> str:
    """Change the times of files of the lake, and in records of syncs, as if a clock had been wrong."""
    share, when = chance.random(), chance.choice(sorted(TIMES))
    files = sorted(path for path in (place.data / "lake").rglob("*") if path.is_file())
    for file in files[int(len(files) * share) :]:
        place.set_time(file, when)
    for record in (place.data / "lake/_syncs").glob("*.json"):
        text = record.read_text()
        record.write_text(re.sub(r'_at": "\d{4}', f'_at": "{TIMES[when].year}', text))
    return f"times of {len(files) - int(len(files) * share)} files of the lake moved to {when}"


def change_setting(place: Place, chance: Random) -> str:
    """Change a setting that rows depend on."""
    name, value = chance.choice((("min_ms_played", 0), ("min_ms_played", 500), ("timezone", "Asia/Tokyo")))
    place.overrides[name] = value
    return f"{name} set to {value}"


def kill(place: Place, chance: Random, start: Start, usual: float) -> tuple[str, Ended]:
    """Kill the command at a random moment."""
    # Rather early: what comes then is cheap.
    number, seconds = chance.choice(KILLS), chance.random() ** 1.5 * usual
    ended = start().signal_after(seconds, number)
    return (f"{number.name} after {seconds:.1f} s" if ended.was_hit else ""), ended


def fill_disk(place: Place, chance: Random, start: Start, usual: float) -> tuple[str, Ended]:
    """Let no file grow beyond some bytes, as on a full disk."""
    largest = int(math.exp(chance.uniform(math.log(500), math.log(2_000_000))))
    return f"no file beyond {largest:,} bytes", start(largest_file=largest).wait()


def lock(place: Place, chance: Random, start: Start, usual: float) -> tuple[str, Ended]:
    """Hold a lock for a while: of Dagster's database, the DuckDB file, or one of our own."""
    what, seconds = chance.choice(("runs.db", "duckdb", "lock file", "export lock")), chance.uniform(0, LOCKED_SECONDS)
    held = ExitStack()
    released = threading.Lock()

    def release() -> None:
        with released:
            held.close()

    if what == "runs.db":
        path = place.data / "dagster/history/runs.db"
        if not path.exists():
            raise NotPossibleError
        connection = sqlite3.connect(path, isolation_level=None)
        held.callback(connection.close)
        connection.execute("BEGIN EXCLUSIVE")
    elif what == "duckdb":
        with suppress(duckdb.Error):
            held.enter_context(duckdb.connect(str(place.warehouse)))
    else:
        locks = sorted(place.data.glob("*.lock") if what == "lock file" else place.data.glob("*/*.lock"))
        if not locks:
            raise NotPossibleError
        held.enter_context(FileLock(chance.choice(locks)))
    return f"{what} locked for {seconds:.0f} s", start().release_after(seconds, release)


def unreachable_target(place: Place, chance: Random, start: Start, usual: float) -> tuple[str, Ended]:
    """Configure a target that can't be reached, for this command."""
    return "MySQL can't be reached", start(SPOTIFY_ASSETS_MYSQL_URL=UNREACHABLE).wait()


def lose_bucket(place: Place, chance: Random, start: Start, usual: float) -> tuple[str, Ended]:
    """Kill or pause the bucket's server at a random moment, for a while."""
    bucket, how = place.bucket, chance.choice(("killed", "paused"))
    after, seconds = chance.random() * usual, chance.uniform(0, LOST_SECONDS)
    if bucket is None:
        raise NotPossibleError
    command = start()
    command.join(after)
    (bucket.kill if how == "killed" else bucket.pause)()
    return f"bucket {how} after {after:.1f} s, for {seconds:.0f} s", command.release_after(seconds, bucket.start)


def move_clock(place: Place, chance: Random, start: Start, usual: float) -> tuple[str, Ended]:
    """Run the command at another date, and perhaps kill it."""
    when, is_killed, share = chance.choice(CLOCKS), chance.random() < 0.3, chance.random()
    if not FAKETIME.exists():
        raise NotPossibleError
    command = start(clock=when)
    # The process imports everything first.
    ended = command.signal_after(share * (usual + 5), signal.SIGKILL) if is_killed else command.wait()
    return f"clock at {when}{', and killed' if ended.was_hit else ''}", ended


def run_twice(place: Place, chance: Random, start: Start, usual: float) -> tuple[str, Ended]:
    """Run the command twice at the same time; the outcome is that of the second."""
    first, second = start(), start()
    ended = second.wait()
    first.wait()
    return "twice at the same time", ended


def undisturbed(place: Place, chance: Random, start: Start, usual: float) -> tuple[str, Ended]:
    """Let the command run."""
    return "", start().wait()


STANDING: dict[Standing, int] = {
    damage_table: 6,
    drop_table: 3,
    restore_table: 3,
    rewrite_table: 3,
    damage_warehouse: 3,
    damage_export: 2,
    move_times: 2,
    move_lake_times: 2,
    change_setting: 1,
}
RUNNING: dict[Running, int] = {
    kill: 12,
    fill_disk: 2,
    lock: 1,
    lose_bucket: 4,
    unreachable_target: 1,
    run_twice: 1,
    move_clock: 2,
    undisturbed: 1,
}


def possible(kinds: Mapping[Kind, int], place: Place) -> dict[Kind, int]:
    """Kinds of faults, with their weights, that the place has what they need for."""
    needs = {damage_export.__name__: place.has_export, lose_bucket.__name__: place.bucket}
    return {kind: weight for kind, weight in kinds.items() if needs.get(kind.__name__, True)}
