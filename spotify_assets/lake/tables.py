"""The lake: where its Delta tables are, and how they come to be. Engine-free: through `deltalake`."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from spotify_assets.model import LAYOUT_COLUMN, TABLES
from spotify_assets.retry import COMMIT_CONFLICT, retry
from spotify_assets.storage import Bucket, engine_environment, is_s3, storage_at, storage_options

# What tables were computed from stands in their log (30 days, Delta's own, are soon over for a table of last year).
PROPERTIES = {"delta.logRetentionDuration": "interval 3650 days"}


@dataclass(frozen=True)
class Lake:
    """Delta tables below one folder, or one prefix of an S3 bucket: `<uri>/<layer>/<table>/`.

    For the time of a run or a command: it keeps tables open, and asks for later commits only. A table that is
    deleted meanwhile by somebody else stays as it was.
    """

    uri: str
    _opened: dict[str, tuple[dict[str, str] | None, DeltaTable]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def folder(self, table: str) -> str:
        """Folder of the table, below the lake."""
        return f"{TABLES[table].layer}/{table}"

    def table_uri(self, table: str) -> str:
        """Where the table is."""
        return f"{self.uri}/{self.folder(table)}"

    def open(self, table: str) -> DeltaTable | None:
        """The table as it is now, or None where it was never written.

        Raises:
            StorageError: where the lake can't be reached.
        """
        _reach(self.uri)
        options = storage_options(self.uri)
        known, opened = self._opened.get(table, (None, None))
        if opened and known == options:  # credentials are renewed now and then
            opened.update_incremental()
            return opened
        try:
            opened = DeltaTable(self.table_uri(table), storage_options=options)
        except TableNotFoundError:
            return None
        self._opened[table] = (options, opened)
        return opened

    def at(self, table: str, version: int) -> DeltaTable:
        """The table as it was in that version, whatever is written meanwhile."""
        return DeltaTable(self.table_uri(table), version=version, storage_options=storage_options(self.uri))

    def write(self, table: str, rows: Any, **options: Any) -> None:
        """Write rows through `deltalake`, which takes the options."""
        write_deltalake(self.table_uri(table), rows, storage_options=storage_options(self.uri), **options)

    def ensure(self, table: str) -> DeltaTable:
        """The table, made empty from the model where it is missing.

        A table of another shape than the model's is emptied and takes the new shape: what it held is computed anew.
        """
        schema = TABLES[table].arrow_schema
        partition_by = [LAYOUT_COLUMN] if TABLES[table].window_column else None
        current = self.open(table)
        if current is None:
            # Two runs may both find it missing: the second finds it made.
            with suppress(DeltaError):
                DeltaTable.create(
                    self.table_uri(table),
                    schema=schema,
                    mode="ignore",
                    partition_by=partition_by,
                    name=table,
                    description=TABLES[table].comment,
                    configuration=PROPERTIES,
                    storage_options=storage_options(self.uri),
                )
            current = self.open(table)
            assert current is not None
        if _arrow_fields(current) != [(field.name, field.type) for field in schema]:
            self.write(
                table,
                pa.Table.from_batches([], schema),
                mode="overwrite",
                schema_mode="overwrite",
                partition_by=partition_by,
            )
            current.update_incremental()
        return current

    def read(self, table: str, columns: list[str] | None = None) -> pa.Table:
        """A small table, whole; empty where it was never written."""
        current = self.open(table)
        if current is None:
            schema = TABLES[table].arrow_schema
            return (schema if columns is None else pa.schema([schema.field(name) for name in columns])).empty_table()
        return current.to_pyarrow_table(columns=columns)

    def count(self, table: str) -> int:
        """Rows of the table, from its log."""
        current = self.open(table)
        return sum(current.get_add_actions(flatten=True)["num_records"].to_pylist()) if current else 0

    def replace(
        self,
        table: str,
        rows: Callable[[], Iterator[pa.RecordBatch]],
        *,
        predicate: str | None = None,
        metadata: Callable[[DeltaTable], str] | None = None,
    ) -> None:
        """Replace rows in one commit, from Arrow; again where another writer was first.

        Args:
            table: The table; made where it is missing.
            rows: Gives the new rows, once for each attempt.
            predicate: SQL for the rows to be replaced; all where it is None.
            metadata: Gives the commit's metadata for the table as it is before.
        """

        def write() -> None:
            current = self.ensure(table)
            noted = {"userMetadata": metadata(current)} if metadata else None
            self.write(
                table,
                pa.RecordBatchReader.from_batches(TABLES[table].arrow_schema, rows()),
                mode="overwrite",
                predicate=predicate,
                commit_properties=CommitProperties(custom_metadata=noted) if noted else None,
            )

        retry(write, COMMIT_CONFLICT, CommitFailedError)

    def tables(self) -> Iterator[tuple[str, DeltaTable]]:
        """Every table of the model that exists, by name."""
        for name in TABLES:
            current = self.open(name)
            if current is not None:
                yield name, current

    def drop_history(self) -> int:
        """Remove every file of former versions, and the log's entries of them: only the present stays.

        Statistics in the log name smallest and largest values, and so people and what they heard.

        Returns:
            How many files were removed.
        """
        removed = 0
        files = storage_at(self.uri)
        for name, present in self.tables():
            removed += len(
                present.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
            )
            present.update_incremental()
            present.create_checkpoint()
            # What each window was computed from stands in the latest commit of ours: it and later ones stay.
            ours = [commit["version"] for commit in present.history() if commit.get("userMetadata")]
            oldest = max(ours, default=present.version())
            entries = {
                entry.path: entry.path.rpartition("/")[2].partition(".")[0]
                for entry in files.files(f"{self.folder(name)}/_delta_log")
            }
            removed += files.remove(
                path for path, version in entries.items() if version.isdigit() and int(version) < oldest
            )
        return removed + files.remove_old_versions()


@cache
def _reach(uri: str) -> None:
    """Raises, in one clear line, where the bucket isn't there or can't be listed; asked once a process."""
    if is_s3(uri):
        Bucket(uri).check()
        # The embedded engine reads them when it first meets a bucket.
        os.environ.update(engine_environment(uri))


def _arrow_fields(table: DeltaTable) -> list[tuple[str, pa.DataType]]:
    """Name and type of each column, as Arrow's plain types."""
    schema = pa.schema(table.schema().to_arrow())
    return [(field.name, field.type) for field in schema]
