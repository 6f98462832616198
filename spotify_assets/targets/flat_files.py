"""Flat files: every table of the lake as Parquet and as CSV; each export is a folder.

`latest.json` names the folder of the latest export and is written last, so that readers who start there never see a
partial export. The last three exports are kept for readers who are still reading an earlier one.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock

from spotify_assets.escaping import FORMULA
from spotify_assets.lake.tables import Lake
from spotify_assets.model import LAYERS, TABLES
from spotify_assets.storage import Storage, StorageError, is_s3, storage_at, storage_options
from spotify_assets.targets import ddl, publishing
from spotify_assets.targets.publishing import PublishedState, PublishResult, Refresh, RowCount, TargetError

LATEST = "latest.json"
KEPT_EXPORTS = 3
# In a bucket, an incomplete export counts as abandoned when nothing was written to it for this time; there is no lock.
ABANDONED_AFTER = timedelta(hours=6)
FORMAT_VERSION = "1"
# Key of folders, `in_month` or `in_year`. Not the name of the column: pyarrow (and pandas) reject a column that is a
# date in the files and text in the path.
FOLDER_KEY = "in_{}"
ISO = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class Export:
    """Content of `latest.json`.

    Attributes:
        folder: Folder of the export, relative to the target.
        made_at: Time of completion (UTC, ISO 8601).
        state: State of each table, by table.
        earlier: Folders of earlier complete exports that are kept, the latest first.
        sizes: Bytes of each file, by path in the folder; empty for an export of an earlier release.
    """

    folder: str
    made_at: str
    state: Mapping[str, PublishedState]
    earlier: Sequence[str]
    sizes: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Serialize to JSON."""
        tables = {
            table: {"shape": state.schema_fingerprint, "windows": dict(state.windows)}
            for table, state in self.state.items()
        }
        document = {
            "folder": self.folder,
            "made_at": self.made_at,
            "earlier": list(self.earlier),
            "tables": tables,
            "files": dict(self.sizes),
        }
        return json.dumps(document, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Export":
        """Parse the file's content.

        Raises:
            ValueError, KeyError, TypeError: where it isn't of this format.
        """
        document = json.loads(content)
        state = {table: PublishedState(one["shape"], one["windows"]) for table, one in document["tables"].items()}
        return cls(document["folder"], document["made_at"], state, document["earlier"], document.get("files", {}))


@dataclass(frozen=True)
class FlatFiles:
    """A folder, or a prefix of a bucket, that holds exports.

    Attributes:
        uri: A folder's path, or `s3://bucket/prefix`.
        neutralize_formulas: In CSV, prefix text with `'` that a spreadsheet would run, and quote all text.
    """

    uri: str
    neutralize_formulas: bool = False

    @property
    def name(self) -> str:
        """Name in `spotify-assets publish files`."""
        return "files"

    @property
    def bills_for_states(self) -> bool:
        """False: a listing and one small file."""
        return False

    @property
    def tables(self) -> Sequence[str]:
        """All tables of the lake."""
        return publishing.tables_of_layers(*LAYERS)

    @property
    def _storage(self) -> Storage:
        return storage_at(self.uri)

    def schema_fingerprint(self, table: str) -> str:
        """Hash of columns, types and the version of the file format."""
        written = ("neutralized",) if self.neutralize_formulas else ()
        return ddl.ddl_fingerprint(FORMAT_VERSION, TABLES[table].arrow_schema.to_string(), *written)

    def published_states(self) -> Mapping[str, PublishedState]:
        """State by the latest export; tables of which a file is missing or has another size are left out."""
        with self._translate_errors():
            latest = self._latest()
            if latest is None:
                return {}
            sizes = self._sizes(latest.folder)
        damaged = {_table_of(path) for path, size in latest.sizes.items() if sizes.get(path) != size}
        tables = {_table_of(path) for path in sizes if path.startswith("parquet/")} - damaged
        return {
            table: state for table, state in latest.state.items() if table in tables and f"csv/{table}.csv" in sizes
        }

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, RowCount]]:
        """Number of rows of each table, from the footers of its Parquet files."""
        import pyarrow.parquet as pq

        with self._translate_errors():
            latest = self._latest()
            if latest is None:
                raise TargetError(f"files: {self.uri} has no export yet")
            system = _arrow_files(self.uri)
            for table in tables:
                files = [file.path for file in self._storage.files(f"{latest.folder}/parquet/{table}")]
                rows = sum(pq.read_metadata(file, filesystem=system).num_rows for file in files)
                yield table, RowCount(rows, {"files": len(files)})

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[PublishResult]:
        """Export every table: a sync changes nearly all of them, so copying the others would save little."""
        if not refreshes:
            return
        wanted = {refresh.table: refresh for refresh in refreshes}
        others = set(self.tables) - {*wanted}
        wanted |= {also.table: also for also in publishing.pending_refreshes(self, lake, others, full=True)}
        with self._translate_errors(), self._export_lock():
            before = self._latest()
            known = self._remove_abandoned(before)
            folder = _new_folder_name(known)
            try:
                done = [
                    PublishResult(wanted[table], self._write(folder, wanted[table], lake))
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
                {table: refresh.state for table, refresh in wanted.items()},
                kept[: KEPT_EXPORTS - 1],
                self._sizes(folder),
            )
            self._storage.write(LATEST, export.to_json())
            self._remove(kept[KEPT_EXPORTS - 1 :])
        yield from done

    def drop_history(self, lake: Lake) -> None:
        """Remove every export but the latest, also those that killed runs left incomplete."""
        with self._translate_errors(), self._export_lock():
            if latest := self._latest():
                alone = replace(latest, earlier=())
                self._storage.write(LATEST, alone.to_json())
                self._remove_abandoned(alone)

    def _write(self, folder: str, refresh: Refresh, lake: Lake) -> int:
        """Write the whole table as Parquet and as CSV; return its number of rows."""
        table = refresh.table
        dataset = refresh.rows(lake, all_rows=True)
        model, parts = TABLES[table], dict[str, pc.Expression]()
        rows = 0
        with self._local_file(f"{folder}/csv/{table}.csv") as file:
            _to_csv(TABLES[table].spark_types, dataset, file, neutralize_formulas=self.neutralize_formulas)
        if model.is_partitioned:
            key, layout = FOLDER_KEY.format(model.layout_period), model.layout_column
            starts = self._starts(refresh, lake)
            parts = {f"{key}={start}/{table}": pc.field(layout) == pa.scalar(start) for start in starts}
        # An empty table gets a file, too, from which readers get its columns.
        for name, rows_of_part in parts.items() or [(table, None)]:
            with self._local_file(f"{folder}/parquet/{table}/{name}.parquet") as file:
                rows += _to_parquet(table, dataset, rows_of_part, file)
        return rows

    def _starts(self, refresh: Refresh, lake: Lake) -> list[date]:
        """First days of the months or years with rows."""
        actions = pa.table(refresh.delta(lake).get_add_actions(flatten=True))
        return sorted(set(actions[f"partition.{TABLES[refresh.table].layout_column}"].to_pylist()))

    @contextmanager
    def _local_file(self, path: str) -> Iterator[Path]:
        """A local file to write; uploaded to the path where the target is a bucket."""
        if not is_s3(self.uri):
            file = Path(self.uri, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            yield file
            return
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, Path(path).name)
            yield file
            self._storage.upload(file, path)

    def _sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each file of an export, by path in its folder."""
        return {file.path.removeprefix(f"{folder}/"): file.size for file in self._storage.files(folder)}

    def _latest(self) -> Export | None:
        try:
            with self._storage.open(LATEST) as stream:
                return Export.from_json(stream.read())
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise TargetError(
                f"files: {self.uri}/{LATEST} is no pointer to an export; move it away, or set "
                "SPOTIFY_ASSETS_EXPORT_URI to another place"
            ) from None

    def _remove_abandoned(self, latest: Export | None) -> set[str]:
        """Remove incomplete exports of killed runs; return the names of all folders before that."""
        whole = set() if latest is None else {latest.folder, *latest.earlier}
        written: dict[str, datetime] = {}
        for file in self._storage.files():
            folder, below, _ = file.path.partition("/")
            if below and _is_export_name(folder):
                written[folder] = max(file.modified_at, written.get(folder, file.modified_at))
        # In a folder, whoever holds the lock is the only one who writes.
        still = datetime.now(UTC) - ABANDONED_AFTER if is_s3(self.uri) else max(written.values(), default=None)
        self._remove(folder for folder, at in written.items() if folder not in whole and still and at <= still)
        return {*written} | whole

    def _remove(self, folders: Iterable[str]) -> None:
        for folder in folders:
            self._storage.remove([file.path for file in self._storage.files(folder)])

    @contextmanager
    def _export_lock(self) -> Iterator[None]:
        """Lock against other exports; only for a folder, where processes of this machine share a lock file."""
        with ExitStack() as stack:
            if not is_s3(self.uri):
                Path(self.uri).mkdir(parents=True, exist_ok=True)
                stack.enter_context(FileLock(Path(self.uri, ".lock")))
            yield

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Translate errors of storage and DuckDB into a `TargetError` of one line."""
        try:
            yield
        except (StorageError, OSError, duckdb.IOException) as error:
            reason = " ".join(str(error).split())
            raise TargetError(
                f"files: {self.uri} can't be used; look at SPOTIFY_ASSETS_EXPORT_URI ({reason})"
            ) from None


def _to_parquet(table: str, dataset: Any, within: pc.Expression | None, file: Path) -> int:
    """Write rows batch by batch; return their number."""
    import pyarrow.parquet as pq

    schema = TABLES[table].arrow_schema
    rows = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in dataset.to_batches(columns=schema.names, filter=within):
            if batch.num_rows:
                writer.write_batch(batch.cast(schema))
                rows += batch.num_rows
    return rows


def _to_csv(types: Mapping[str, str], dataset: Any, file: Path, *, neutralize_formulas: bool = False) -> None:
    """Write rows unsorted: times as ISO 8601 in UTC, lists as JSON, null as nothing, empty text as `""`."""
    written = {"timestamp": f"strftime({{0}}, '{ISO}')", "array<string>": "to_json({0})"}
    options = ["FORMAT csv", "HEADER"]
    texts = [_quote_identifier(name) for name, type_ in types.items() if type_ == "string"]
    if neutralize_formulas and texts:
        written["string"] = f"CASE WHEN regexp_matches({{0}}, '{FORMULA}') THEN chr(39) || {{0}} ELSE {{0}} END"
        options.append(f"FORCE_QUOTE ({', '.join(texts)})")
    columns = ", ".join(
        f"{written.get(type_, '{0}').format(_quote_identifier(name))} AS {_quote_identifier(name)}"
        for name, type_ in types.items()
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # Preserving the order buffers rows and takes 1.5 times the memory.
        connection.execute("SET preserve_insertion_order = false")
        connection.register("lake_rows", dataset)
        path = str(file).replace("'", "''")
        connection.execute(f"COPY (SELECT {columns} FROM lake_rows) TO '{path}' ({', '.join(options)})")


def _table_of(path: str) -> str:
    """Table of a file, by its path in an export's folder."""
    return path.split("/")[1].removesuffix(".csv")


def _quote_identifier(name: str) -> str:
    return f'"{name}"'


def _arrow_files(uri: str) -> Any:
    """The target as a file system of Arrow, which reads only the footers of Parquet files."""
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import PyFileSystem

    return PyFileSystem(DeltaStorageHandler(uri, storage_options(uri)))


def _is_export_name(folder: str) -> bool:
    with suppress(ValueError):
        datetime.strptime(folder[:20], "%Y-%m-%dT%H-%M-%SZ")
        return True
    return False


def _new_folder_name(known: set[str]) -> str:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    names = (now, *(f"{now}-{number}" for number in range(2, 1000)))
    return next(name for name in names if name not in known)
