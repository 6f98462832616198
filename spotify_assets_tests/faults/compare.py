"""What must not be after a command has ended well: rows lost or doubled, traces of a forgotten listener, leftovers."""

import gzip
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from spotify_assets.lake.tables import Lake
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets.targets.flat_files import LATEST, FlatFiles

SHOWN = 300


@dataclass(frozen=True)
class Violation:
    """Something that must not be.

    Attributes:
        kind: lost, doubled, wrong, stuck, leaked, left, crashed or traceback.
        what: Which table, file or command, and an example.
    """

    kind: str
    what: str


def compare_rows(expected: Mapping[str, Counter[str]], found: Mapping[str, Counter[str]]) -> Iterator[Violation]:
    """Compare tables with those of a rebuild; one violation a table."""
    for table, rows in expected.items():
        missing, extra = rows - found[table], found[table] - rows
        if not missing and not extra:
            continue
        is_doubled = bool(extra) and all(row in rows for row in extra)
        kind = "lost" if not extra else "doubled" if is_doubled and not missing else "wrong"
        example = next(iter(missing or extra))
        yield Violation(
            kind, f"{table} lacks {missing.total()} and has {extra.total()} too many, as {example[:SHOWN]}"
        )


def compare_warehouse(path: Path, lake: Lake) -> Iterator[Violation]:
    """Compare the DuckDB file with the lake, row by row."""
    if not path.exists():
        yield Violation("lost", f"{path.name} is gone")
        return
    with duckdb.connect(str(path), read_only=True) as connection:
        for table in Warehouse(str(path)).tables:
            yield from _compare_with_lake(connection, f"duckdb/{table}", table, lake.read(table))


def compare_exports(folder: Path, lake: Lake) -> Iterator[Violation]:
    """Compare the Parquet files of the latest export with the lake, row by row, and the number of rows in its CSV."""
    files = FlatFiles(str(folder))
    latest = folder / LATEST
    if not latest.exists():
        yield Violation("lost", f"{LATEST} is gone")
        return
    export = folder / json.loads(latest.read_text())["folder"]
    with duckdb.connect() as connection:
        for table in files.tables:
            rows = lake.read(table)
            parquet = f"read_parquet('{export}/parquet/{table}/**/*.parquet', hive_partitioning = false)"
            yield from _compare_with_lake(connection, f"files/{table}", parquet, rows)
            csv = f"read_csv('{export}/csv/{table}.csv', header = true, all_varchar = true)"
            [(found,)] = connection.execute(f"SELECT count(*) FROM {csv}").fetchall()
            if found != len(rows):
                yield Violation("wrong", f"files/{table}.csv has {found} of {len(rows)} rows")


def _compare_with_lake(
    connection: duckdb.DuckDBPyConnection, name: str, published: str, rows: pa.Table
) -> Iterator[Violation]:
    """Compare the rows of a `FROM` item with those of the lake."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("lake_rows", rows)
    columns = ", ".join(f'"{column}"' for column in rows.column_names)
    of_target, of_lake = f"SELECT {columns} FROM {published}", f"SELECT {columns} FROM lake_rows"
    count = "SELECT count(*) FROM ({} EXCEPT ALL {})"
    try:
        missing, extra = connection.execute(
            f"SELECT ({count.format(of_lake, of_target)}), ({count.format(of_target, of_lake)})"
        ).fetchall()[0]
    except duckdb.Error as error:
        yield Violation("lost", f"{name} can't be read: {str(error).splitlines()[0]}")
        return
    if missing or extra:
        kind = "lost" if not extra else "doubled" if not missing else "wrong"
        yield Violation(kind, f"{name} lacks {missing} and has {extra} too many")


def digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compare_landed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Violation]:
    """Landed files are never changed or removed."""
    for path, digest in before.items():
        if after.get(path) != digest:
            yield Violation("lost", f"landing/{path} was {'changed' if path in after else 'removed'} by a command")


def find_leaks(folder: Path, name: str, in_bucket: Collection[str] = ()) -> Iterator[Violation]:
    """Files below a folder whose name or content has the name of a forgotten listener; one violation for all.

    Args:
        folder: The data folder.
        name: The listener's name.
        in_bucket: Folders in it that a server shows as a bucket, where there are no empty folders.
    """
    token = name.encode()
    found = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        is_in_bucket = relative.parts[0] in in_bucket
        if is_in_bucket and path.is_dir():
            continue
        if name in (str(relative) if is_in_bucket else path.name) or (
            path.is_file() and any(token in content for content in _contents(path))
        ):
            found.append(str(relative))
    if found:
        # One of each part of the data folder, as `lake` and `dagster`.
        examples = {path.partition("/")[0]: path for path in reversed(found)}
        yield Violation("leaked", f"{name} is in {len(found)} files, as {', '.join(sorted(examples.values()))}")


def _contents(path: Path) -> Iterator[bytes]:
    raw = path.read_bytes()
    yield raw
    try:
        if path.name.endswith(".gz"):
            yield gzip.decompress(raw)
        elif path.suffix == ".parquet":
            yield str(pq.read_table(pa.BufferReader(raw)).to_pydict()).encode()
    except (OSError, EOFError, pa.ArrowException):
        return  # damaged


def find_leftovers(data: Path) -> Iterator[Violation]:
    """Temporary files that no command removes: in the landing zone, beside the DuckDB file, and in exports.

    A damaged DuckDB file is kept, as tables of a user's own may be in it; `forget` says that it has to be deleted.
    """
    hidden = [path for path in (data / "landing").rglob("*") if path.name.startswith(".") or path.suffix == ".part"]
    beside = [
        path for path in data.iterdir() if re.match(r"\.warehouse|warehouse\.duckdb\.(?!lock$|damaged-)", path.name)
    ]
    for path in [*hidden, *beside]:
        yield Violation("left", str(path.relative_to(data)))
    latest = data / "export" / LATEST
    if latest.exists():
        document = json.loads(latest.read_text())
        known = {LATEST, document["folder"], *document["earlier"]}
        for entry in os.scandir(latest.parent):
            if entry.name not in known and not entry.name.endswith(".lock"):
                yield Violation("left", f"export/{entry.name}")
