"""Read, compute and write tables of the lake as Spark DataFrames: one version per read, one commit per write."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties
from deltalake.exceptions import CommitFailedError

from spotify_assets.engine.session import spark_session
from spotify_assets.lake import commits
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.data_files import (
    DICTIONARY_BYTES,
    ENGINE_COMPRESSION,
    ReplacedFiles,
    commit_files,
    replaced_files,
)
from spotify_assets.lake.maintenance import MaintenanceResult, maintain_lake
from spotify_assets.lake.staging import staging_folder
from spotify_assets.lake.tables import Lake
from spotify_assets.model import PLAYS, TABLES, LakeTable
from spotify_assets.refresh import lineage, staleness
from spotify_assets.refresh.listener_groups import ListenerGroup, listener_groups
from spotify_assets.retry import COMMIT_CONFLICT, retry
from spotify_assets.settings import Settings
from spotify_assets.windows import TimeWindow, span_of, window_predicate, windows_of

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import Column, DataFrame, SparkSession

UTC_TIME = pa.timestamp("us", "UTC")
# Messages of a lost commit race: Sail and deltalake, and the error classes of Delta on Spark.
CONFLICTS = (
    "Failed to commit transaction",
    "[DELTA_CONCURRENT_",
    "[DELTA_METADATA_CHANGED",
    "[DELTA_PROTOCOL_CHANGED",
    "[DELTA_MAX_COMMIT_RETRIES_EXCEEDED",
)
# Words in the messages of engines about a Parquet file that they can't read.
UNREADABLE = ("arquet", "Arrow error", "corrupt", "Thrift", "snappy", "FILE_NOT_FOUND", "FAILED_READ_FILE")


class RowsOutsideWindowError(Exception):
    """A transform returned rows outside the window being written."""


class WrongColumnsError(Exception):
    """The columns or types that a transform returned differ from the model."""


@dataclass(frozen=True)
class LakeFrames:
    """Reads and writes of one run.

    Attributes:
        lake: The lake.
        settings: Start and grain of partitions, and the settings of transforms.
        session: Returns the engine's session; first called when a DataFrame is needed.
    """

    lake: Lake
    settings: Settings
    session: "Callable[[], SparkSession]"
    _view_versions: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    _view_locks: dict[str, Lock] = field(default_factory=dict, compare=False, repr=False)
    # Of tables whose transforms asked their inputs: the versions of these.
    _asked_versions: dict[str, dict[str, int]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Use the lake and the engine of these settings."""
        remote = settings.spark_remote.get_secret_value()
        return cls(Lake(settings.lake_uri), settings, lambda: spark_session(remote, settings.lake_uri))

    def read(self, name: str, keys: Sequence[str] = ()) -> "DataFrame":
        """Read the current version of a table.

        Args:
            name: The table.
            keys: Consecutive partition keys, or the first and the last of them; all rows if empty or if the table is
                not partitioned.
        """
        table = TABLES[name]
        frame = self.session().table(self.view(name))
        if keys and table.is_partitioned:
            return frame.where(window_predicate(table, span_of(keys, windows_of(table, self.settings))))
        return frame

    def view(self, table: str) -> str:
        """Name of the engine's temporary view of a table, which is of a recent version.

        Without a view, an engine opens the table at each reference in a query: seven requests on S3, and possibly
        another version each time.
        """
        self.lake.ensure_recent(table)
        return self._view_opened(table)

    def _view_opened(self, table: str) -> str:
        """The view of the version in which the table was opened last."""
        view = f"{table}_{hashlib.sha256(self.lake.uri.encode()).hexdigest()[:8]}"
        # One thread at a time, which takes what is the last version then: a slow one must not replace a later view.
        with self._view_locks.setdefault(table, Lock()):
            delta = self.lake.opened(table)
            version = delta.version()
            if self._view_versions.get(table) != version:
                copy = None
                if not self.settings.spark_remote:
                    copy = self.lake.local_copy(table, delta)
                frame = self.session().read.format("delta").load(copy or self._engine_uri(table))
                frame.createOrReplaceTempView(view)
                self._view_versions[table] = version
        return view

    def _engine_uri(self, table: str) -> str:
        # A server elsewhere doesn't see this machine's links.
        elsewhere = self.settings.spark_remote.get_secret_value().startswith("sc://")
        return self.lake.table_uri(table) if elsewhere else self.lake.plain_uri(table)

    def compute(self, name: str, keys: Sequence[str] = (), group: ListenerGroup | None = None) -> "DataFrame":
        """Run a table's transform for these partitions, on the current versions of its inputs.

        Args:
            name: The table.
            keys: Consecutive partition keys; empty for an unpartitioned table.
            group: Listeners whose rows of the inputs are read; None for all.
        """
        from spotify_assets import transforms
        from spotify_assets.transforms.asking import noted_questions

        options: dict[str, Any] = {}
        if lineage.takes(name, "settings"):
            options["settings"] = self.settings
        if lineage.takes(name, "spark"):
            options["spark"] = self.session()
        if lineage.takes(name, "window"):
            options["window"] = span_of(keys, windows_of(TABLES[name], self.settings))
        upstreams = lineage.upstreams(name)
        inputs = [self.read(upstream, keys) for upstream in upstreams]
        if group:
            inputs = [group.rows(rows) for rows in inputs]
        versions = {upstream: self._view_versions[upstream] for upstream in upstreams}
        with noted_questions() as questions:
            computed: DataFrame = getattr(transforms, name)(*inputs, **options)
        self._asked_versions[name] = versions if questions else {}
        return computed

    def write(
        self, name: str, frame: "DataFrame", keys: Sequence[str], *, has_asked: bool = False
    ) -> Mapping[str, Any]:
        """Replace the rows of these partitions in one commit, and return its entry in the table's history.

        If another writer commits first, the write is retried. Each attempt takes the fingerprint of the inputs
        before it reads them: a change in between makes the table stale again instead of being missed.

        Args:
            name: The table.
            frame: The rows, with the columns and types of the model in any order.
            keys: Consecutive partition keys; empty replaces the whole table.
            has_asked: Whether the transform asked its inputs, in the versions that were read last; `compute` knows by
                itself.

        Raises:
            WrongColumnsError: Columns or types differ from the model.
            RowsOutsideWindowError: A row lies outside these partitions; nothing is written.
        """
        if has_asked:
            read = self._view_versions
            self._asked_versions[name] = {one: read[one] for one in lineage.upstreams(name) if one in read}
        return self._write(TABLES[name], [frame], keys)

    def listener_groups(self, name: str) -> list[ListenerGroup]:
        """The groups of listeners by which a table is to be computed; none if it is to be computed at once."""
        if self._records <= self.settings.max_records_a_run:
            return []  # without a look at each input
        return listener_groups(name, self.lake, self.settings, self.lake.count)

    @cached_property
    def _records(self) -> int:
        """Number of landed records when it was first asked for."""
        return self.lake.count("raw_plays")

    def write_by_listener(self, name: str, groups: Sequence[ListenerGroup]) -> Mapping[str, Any]:
        """Compute a table for each group of listeners, one after another, and replace it in one commit; as `write`."""
        parts = []
        asked: dict[str, int] = {}
        for group in groups:
            parts.append(self.compute(name, group=group))
            # Where inputs changed between two groups, the versions of the first aren't the current ones.
            asked = self._asked_versions[name] | asked
        self._asked_versions[name] = asked
        return self._write(TABLES[name], parts, ())

    def _write(self, table: LakeTable, parts: Sequence["DataFrame"], keys: Sequence[str]) -> Mapping[str, Any]:
        """As `write`, of rows that are computed in parts, one after another."""
        parts = [select_model_columns(table, part) for part in parts]
        span = span_of(keys, windows_of(table, self.settings)) if keys else None

        attempts = count()

        def commit() -> Mapping[str, Any] | None:
            return self._commit(table, parts, keys, span, is_repeated=next(attempts) > 0)

        try:
            found = retry(commit, COMMIT_CONFLICT, _is_conflict)
        except Exception as error:
            raise self._translate_write_error(table, error) from error
        if found is None:
            raise RuntimeError(f"{table}: the engine reported success, but its commit is not in the table's log")
        return found

    def _commit(
        self,
        table: LakeTable,
        parts: Sequence["DataFrame"],
        keys: Sequence[str],
        span: TimeWindow | None,
        *,
        is_repeated: bool,
    ) -> Mapping[str, Any] | None:
        """Write the rows, and return the commit's entry in the table's history; None where it isn't there."""
        token = uuid4().hex
        delta = self.lake.ensure(table.name)
        windows = windows_of(table, self.settings)
        current = staleness.InputFingerprints(self.lake, self.settings)
        upstreams = lineage.upstreams(table.name)
        # If another writer was first, maybe it has also seen later versions of the inputs.
        current.read_states(upstreams, self.lake.open if is_repeated else self.lake.recent)
        fingerprints = current.fingerprints(table, [windows[key] for key in keys])
        for upstream in upstreams:
            # Records are committed before `raw_files`, which was just read, lists their file.
            if TABLES[upstream].layer == "raw":
                self.lake.open(upstream)
        if asked := self._asked_versions.get(table.name):
            # Answers are of these versions: of later ones, the rows could be wrong, and are computed again.
            if any(self.lake.opened(upstream).version() != version for upstream, version in asked.items()):
                fingerprints = dict.fromkeys(fingerprints, "outdated")
        else:
            for upstream in set(upstreams) & set(self._view_versions):
                self._view_opened(upstream)
        metadata = commits.commit_metadata(delta, token, fingerprints, span)
        if span:
            parts = [_fail_outside_window(table, span, part) for part in parts]
        replaced = None if self.settings.spark_remote else replaced_files(delta, table, span)
        if replaced:
            try:
                self._replace_files(table, parts, span, delta, replaced, token, metadata)
            except CommitFailedError:
                # The commit may have been made all the same, and its answer lost.
                if made := commits.commit_with_token(self.lake.ensure(table.name), token):
                    return made
                raise
        else:
            self._replace_rows(table, reduce(lambda rows, part: rows.unionByName(part), parts), span, metadata)
        found = commits.commit_with_token(self.lake.ensure(table.name), token)
        if found is None:
            # Sail makes no commit if no file is added or removed, but the fingerprint has to be stored. Apache Spark
            # makes one (skipRecordingEmptyCommits=false): on S3, a commit by deltalake could be lost to one by Spark.
            self.lake.write(
                table.name,
                table.arrow_schema.empty_table(),
                mode="append",
                commit_properties=CommitProperties(custom_metadata={"userMetadata": metadata}),
            )
            found = commits.commit_with_token(self.lake.ensure(table.name), token)
        return found

    def _replace_files(
        self,
        table: LakeTable,
        parts: Sequence["DataFrame"],
        span: TimeWindow | None,
        delta: "DeltaTable",
        replaced: ReplacedFiles,
        token: str,
        metadata: str,
    ) -> None:
        """Write the rows as Parquet by the engine, and commit them in the place of these files."""
        if span and replaced.shared:
            kept = self.session().table(self._view_opened(table.name))
            kept = kept.where(kept[table.layout_column].isin(*replaced.shared))
            parts = [*parts[:-1], parts[-1].unionByName(kept.where(f"NOT ({window_predicate(table, span)})"))]
        with staging_folder(self.lake.uri, token) as staged:
            for part in parts:
                rows = part.sort(table.sorted_by) if table.sorted_by else part
                writer = rows.write.mode("append").option("compression", ENGINE_COMPRESSION)
                writer = writer.option("dictionary_page_size_limit", DICTIONARY_BYTES)
                if table.is_partitioned:
                    writer = writer.partitionBy(table.layout_column)
                writer.parquet(str(staged))
            commit_files(self.lake, delta, table, staged, token, replaced, metadata)

    def _replace_rows(self, table: LakeTable, frame: "DataFrame", span: TimeWindow | None, metadata: str) -> None:
        """Let the engine write and commit the rows, in the place of those of the span."""
        # Without a predicate, Sail treats an overwrite of an empty table as an append: two at once double its rows.
        predicate = window_predicate(table, span) if span else "true"
        writer = self._as_stored(table, frame).write.format("delta").mode("overwrite").option("userMetadata", metadata)
        writer.option("replaceWhere", predicate).save(self._engine_uri(table.name))

    def _as_stored(self, table: LakeTable, frame: "DataFrame") -> "DataFrame":
        """Type lists as those of the table's files: Sail refuses others, whose elements have another name."""
        if "array<string>" not in table.spark_types.values():
            return frame
        stored = self.session().read.format("delta").load(self._engine_uri(table.name))
        return stored.where("false").select(*table.columns).unionByName(frame)

    def _translate_write_error(self, table: LakeTable, error: Exception) -> Exception:
        """Recognize the errors of `_fail_outside_window` and of damaged tables, which engines wrap in their own."""
        text = str(error)
        if "rows outside the window" in text:
            return RowsOutsideWindowError(
                f"{table}: the transform returned rows outside the window being written; nothing was written"
            )
        tables = (table.name, *lineage.upstreams(table.name))
        for damaged in self.lake.damaged(tables).values():
            return damaged
        if any(words in text for words in UNREADABLE):
            try:
                self.lake.raise_if_unreadable(tables)
            except DamagedTableError as damaged:
                return damaged
        return error

    def maintain(self, note: Callable[[MaintenanceResult], None] = lambda _: None) -> list[MaintenanceResult]:
        """Compact and vacuum every table with the engine that writes it; see `lake.maintenance.maintain_lake`."""
        return maintain_lake(
            self.lake,
            self.settings.retention_days,
            note,
            engine=self.session if self.settings.spark_remote else None,
            engine_tables=lineage.computed_tables(),
        )

    def rows(self, name: str) -> int:
        """Number of rows in a table, from its log as it was read last: by `write`, in the version of its commit."""
        return sum(self.lake.opened(name).get_add_actions(flatten=True)["num_records"].to_pylist())

    def rows_by_key(self, name: str, keys: Sequence[str]) -> dict[str, int]:
        """Number of rows by partition key.

        Months are counted from the commit log where files are of months, all others by reading the window column.
        """
        if not keys:
            return {}
        table, delta = TABLES[name], self.lake.opened(name)
        is_monthly = table.partitioning == PLAYS and self.settings.plays_grain == "monthly"
        if is_monthly and table.layout_period == "month":
            by_month = _rows_by_month(delta, table.layout_column)
            return {key: by_month.get(key, 0) for key in keys}
        column = table.window
        windows = windows_of(table, self.settings)
        span = span_of(keys, windows)
        type_ = table.arrow_schema.field(column).type
        first, end = (pa.scalar(moment, UTC_TIME).cast(type_) for moment in (span.start, span.end))
        within = (pc.field(column) >= first) & (pc.field(column) < end)
        starts = np.array([windows[key].start.replace(tzinfo=None) for key in keys], "datetime64[us]")
        counts = np.zeros(len(keys), int)
        for batch in delta.to_pyarrow_dataset().to_batches(columns=[column], filter=within):
            times = batch[column].to_numpy(zero_copy_only=False).astype("datetime64[us]")
            counts += np.bincount(np.searchsorted(starts, times, side="right") - 1, minlength=len(keys))
        return dict(zip(keys, map(int, counts), strict=True))


def _is_conflict(error: Exception) -> bool:
    return any(words in str(error) for words in CONFLICTS)


def select_model_columns(table: LakeTable, frame: "DataFrame") -> "DataFrame":
    """Select the columns in the model's order; raise if names or types differ."""
    expected = table.spark_types
    given = dict(frame.dtypes)
    if wrong := sorted(set(expected.items()) ^ set(given.items())):
        raise WrongColumnsError(f"{table}: these columns differ from the model: {wrong}")
    return frame.select(*expected)


def _fail_outside_window(table: LakeTable, span: TimeWindow, frame: "DataFrame") -> "DataFrame":
    """Make the write fail if a row lies outside the span.

    Engines accept such rows or not, and silently drop rows whose window column is null.
    """
    from pyspark.sql import functions as F

    column = table.window
    fail = F.raise_error(F.lit(f"{table}: rows outside the window {span.start:%Y-%m-%d}/{span.end:%Y-%m-%d}"))
    checked: Column = F.when(F.expr(window_predicate(table, span)), F.col(column)).otherwise(
        fail.cast(table.spark_types[column])
    )
    return frame.withColumn(column, checked)


def _rows_by_month(delta: "DeltaTable", layout_column: str) -> dict[str, int]:
    """Rows by month from the commit log, of a table whose files are of months."""
    actions = pa.table(delta.get_add_actions(flatten=True))
    month = f"partition.{layout_column}"
    counted = actions.group_by(month).aggregate([("num_records", "sum")]).to_pylist()
    return {str(row[month]): row["num_records_sum"] for row in counted}
