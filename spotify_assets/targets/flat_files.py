"""Flat files: every table of the lake as Parquet and as CSV, in a folder of its own for each export.

Readers begin at `latest.json`, which names the folder and is written last: they never see half an export, and whoever
reads an earlier one goes on reading, as the last few are kept.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock

from spotify_assets.lake.tables import Lake
from spotify_assets.model import LAYERS, LAYOUT_COLUMN, TABLES
from spotify_assets.storage import Storage, StorageError, is_s3, storage_at, storage_options
from spotify_assets.targets import ddl, publishing
from spotify_assets.targets.publishing import Counted, Held, Published, Refresh, TargetError

LATEST = "latest.json"
KEPT_EXPORTS = 3
# In a bucket nothing tells a run that was killed from one that goes on, but for the time since it wrote.
DEAD_AFTER = timedelta(hours=6)
FORMAT = "1"
# The folders' key isn't the column's name: pyarrow, and so pandas, refuse a date in the files where the path has text.
FOLDER_KEY = "in_month"
ISO = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class Export:
    """What `latest.json` tells.

    Attributes:
        folder: Of the export, below the place of exports.
        made_at: When it was complete (UTC, ISO).
        held: What it holds, by table.
        earlier: Folders of complete exports that are kept, the latest first.
    """

    folder: str
    made_at: str
    held: Mapping[str, Held]
    earlier: Sequence[str]

    def to_json(self) -> bytes:
        """As in the file."""
        tables = {table: {"shape": held.shape, "windows": dict(held.windows)} for table, held in self.held.items()}
        told = {"folder": self.folder, "made_at": self.made_at, "earlier": list(self.earlier), "tables": tables}
        return json.dumps(told, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Export":
        """From the file. Raises ValueError, KeyError or TypeError where it is another."""
        told = json.loads(content)
        held = {table: Held(one["shape"], one["windows"]) for table, one in told["tables"].items()}
        return cls(told["folder"], told["made_at"], held, told["earlier"])


@dataclass(frozen=True)
class FlatFiles:
    """A folder, or a prefix of a bucket, of exports.

    Attributes:
        uri: The place: a folder's path, or `s3://bucket/prefix`.
    """

    uri: str

    @property
    def name(self) -> str:
        """As in `spotify-assets publish files`."""
        return "files"

    @property
    def tables(self) -> Sequence[str]:
        """All of them."""
        return publishing.of_layers(*LAYERS)

    @property
    def _files(self) -> Storage:
        return storage_at(self.uri)

    def shape(self, table: str) -> str:
        """By columns and types, and by how they are written."""
        return ddl.shape(FORMAT, TABLES[table].arrow_schema.to_string())

    def held(self) -> Mapping[str, Held]:
        """What the latest export tells, of those tables whose files are there."""
        with self._told():
            latest = self._latest()
            if latest is None:
                return {}
            there = {file.path.removeprefix(f"{latest.folder}/") for file in self._files.files(latest.folder)}
        tables = {path.split("/")[1] for path in there if path.startswith("parquet/")}
        return {table: held for table, held in latest.held.items() if table in tables and f"csv/{table}.csv" in there}

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, Counted]]:
        """Rows of each table's Parquet files, by what these tell of themselves."""
        import pyarrow.parquet as pq

        with self._told():
            latest = self._latest()
            if latest is None:
                raise TargetError(f"files: {self.uri} has no export yet")
            system = _arrow_files(self.uri)
            for table in tables:
                files = [file.path for file in self._files.files(f"{latest.folder}/parquet/{table}")]
                rows = sum(pq.read_metadata(file, filesystem=system).num_rows for file in files)
                yield table, Counted(rows, {"files": len(files)})

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[Published]:
        """A new export of every table: a sync changes nearly all, and what copying the others would save is little."""
        if not refreshes:
            return
        wanted = {refresh.table: refresh for refresh in refreshes}
        others = set(self.tables) - {*wanted}
        wanted |= {also.table: also for also in publishing.behind(self, lake, others, anew=True)}
        with self._told(), self._alone():
            before = self._latest()
            known = self._clean(before)
            folder = _unused(known)
            try:
                done = [
                    Published(wanted[table], self._write(folder, wanted[table], lake))
                    for table in self.tables
                    if table in wanted
                ]
            except BaseException:
                with suppress(OSError, StorageError):
                    self._remove([folder])
                raise
            kept = [] if before is None else [before.folder, *before.earlier]
            export = Export(
                folder,
                datetime.now(UTC).isoformat(timespec="seconds"),
                {table: refresh.held for table, refresh in wanted.items()},
                kept[: KEPT_EXPORTS - 1],
            )
            self._files.write(LATEST, export.to_json())
            self._remove(kept[KEPT_EXPORTS - 1 :])
        yield from done

    def drop_history(self, lake: Lake) -> None:
        """Remove every export but the latest."""
        with self._told(), self._alone():
            if latest := self._latest():
                alone = Export(latest.folder, latest.made_at, latest.held, ())
                self._files.write(LATEST, alone.to_json())
                self._remove(latest.earlier)

    def _write(self, folder: str, refresh: Refresh, lake: Lake) -> int:
        """Write the whole table twice, as Parquet and as CSV; tell how many rows."""
        table = refresh.table
        dataset = refresh.rows(lake, all_rows=True)
        months = self._months(refresh, lake) if TABLES[table].window_column else []
        rows = 0
        with self._place(f"{folder}/csv/{table}.csv") as file:
            _to_csv(TABLES[table].spark_types, dataset, file)
        parts = {f"{FOLDER_KEY}={month}/{table}": pc.field(LAYOUT_COLUMN) == pa.scalar(month) for month in months}
        # A table without rows has a file all the same: readers find its columns.
        for name, rows_of_part in parts.items() or [(table, None)]:
            with self._place(f"{folder}/parquet/{table}/{name}.parquet") as file:
                rows += _to_parquet(table, dataset, rows_of_part, file)
        return rows

    def _months(self, refresh: Refresh, lake: Lake) -> list[date]:
        actions = pa.table(refresh.delta(lake).get_add_actions(flatten=True))
        return sorted(set(actions[f"partition.{LAYOUT_COLUMN}"].to_pylist()))

    @contextmanager
    def _place(self, path: str) -> Iterator[Path]:
        """A file of this machine to write, which becomes the one of that path."""
        if not is_s3(self.uri):
            file = Path(self.uri, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            yield file
            return
        with tempfile.TemporaryDirectory() as beside:
            file = Path(beside, Path(path).name)
            yield file
            self._files.upload(file, path)

    def _latest(self) -> Export | None:
        try:
            with self._files.open(LATEST) as stream:
                return Export.from_json(stream.read())
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise TargetError(
                f"files: {self.uri}/{LATEST} is no pointer to an export; move it away, or set "
                "SPOTIFY_ASSETS_EXPORT_URI to another place"
            ) from None

    def _clean(self, latest: Export | None) -> set[str]:
        """Remove what runs that were killed left; tell which folders there are."""
        whole = set() if latest is None else {latest.folder, *latest.earlier}
        written: dict[str, datetime] = {}
        for file in self._files.files():
            folder, below, _ = file.path.partition("/")
            if below and _is_ours(folder):
                written[folder] = max(file.modified_at, written.get(folder, file.modified_at))
        still = datetime.now(UTC) - (DEAD_AFTER if is_s3(self.uri) else timedelta())
        self._remove(folder for folder, at in written.items() if folder not in whole and at <= still)
        return {*written} | whole

    def _remove(self, folders: Iterable[str]) -> None:
        for folder in folders:
            self._files.remove([file.path for file in self._files.files(folder)])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One export at a time, as far as this machine goes."""
        with ExitStack() as stack:
            if not is_s3(self.uri):
                Path(self.uri).mkdir(parents=True, exist_ok=True)
                stack.enter_context(FileLock(Path(self.uri, ".lock")))
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says in one line what is wrong with the place."""
        try:
            yield
        except (StorageError, OSError, duckdb.IOException) as error:
            reason = " ".join(str(error).split())
            raise TargetError(
                f"files: {self.uri} can't be used; look at SPOTIFY_ASSETS_EXPORT_URI ({reason})"
            ) from None


def _to_parquet(table: str, dataset: Any, within: pc.Expression | None, file: Path) -> int:
    """Write rows batch by batch; tell how many."""
    import pyarrow.parquet as pq

    schema = TABLES[table].arrow_schema
    rows = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in dataset.to_batches(columns=schema.names, filter=within):
            if batch.num_rows:
                writer.write_batch(batch.cast(schema))
                rows += batch.num_rows
    return rows


def _to_csv(types: Mapping[str, str], dataset: Any, file: Path) -> None:
    """Write rows as they come: times as ISO in UTC, lists as JSON, nothing for null, and `""` for an empty text."""
    written = {"timestamp": f"strftime({{0}}, '{ISO}')", "array<string>": "to_json({0})"}
    columns = ", ".join(
        f"{written.get(type_, '{0}').format(_quote_identifier(name))} AS {_quote_identifier(name)}"
        for name, type_ in types.items()
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # In order, it would hold back what comes too early: half as much memory again.
        connection.execute("SET preserve_insertion_order = false")
        connection.register("lake_rows", dataset)
        path = str(file).replace("'", "''")
        connection.execute(f"COPY (SELECT {columns} FROM lake_rows) TO '{path}' (FORMAT csv, HEADER)")


def _quote_identifier(name: str) -> str:
    return f'"{name}"'


def _arrow_files(uri: str) -> Any:
    """The place as Arrow's file system, which reads only what is needed of a file."""
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import PyFileSystem

    return PyFileSystem(DeltaStorageHandler(uri, storage_options(uri)))


def _is_ours(folder: str) -> bool:
    with suppress(ValueError):
        datetime.strptime(folder[:20], "%Y-%m-%dT%H-%M-%SZ")
        return True
    return False


def _unused(known: set[str]) -> str:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    names = (now, *(f"{now}-{number}" for number in range(2, 1000)))
    return next(name for name in names if name not in known)
