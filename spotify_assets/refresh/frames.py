"""Tables of the lake as DataFrames of the engine: read in one version, computed, and written in one commit."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties

from spotify_assets.engine.session import spark_session
from spotify_assets.lake import commits
from spotify_assets.lake.maintenance import MaintenanceResult, maintain_lake
from spotify_assets.lake.tables import Lake
from spotify_assets.model import LAYOUT_COLUMN, PLAYS, TABLES, LakeTable
from spotify_assets.refresh import lineage, staleness
from spotify_assets.retry import COMMIT_CONFLICT, retry
from spotify_assets.settings import Settings
from spotify_assets.windows import TimeWindow, span_of, window_predicate, windows_of

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import Column, DataFrame, SparkSession

UTC_TIME = pa.timestamp("us", "UTC")
# What engines say when another writer was first: Sail and deltalake, and the error classes of Delta on Spark.
CONFLICTS = (
    "Failed to commit transaction",
    "[DELTA_CONCURRENT_",
    "[DELTA_METADATA_CHANGED",
    "[DELTA_PROTOCOL_CHANGED",
    "[DELTA_MAX_COMMIT_RETRIES_EXCEEDED",
)


class RowsOutsideWindowError(Exception):
    """A transform gave rows that don't belong to the window being written."""


class WrongColumnsError(Exception):
    """A transform gave other columns or types than the model's."""


@dataclass(frozen=True)
class LakeFrames:
    """Reads and writes of one run.

    Attributes:
        lake: The lake.
        settings: Where partitions start, and what transforms take.
        session: Opens the engine's session, when it is first needed.
    """

    lake: Lake
    settings: Settings
    session: "Callable[[], SparkSession]"
    _seen: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The tables of the lake, and the engine, that the settings name."""
        return cls(Lake(settings.lake_uri), settings, lambda: spark_session(settings.spark_remote, settings.lake_uri))

    def read(self, name: str, keys: Sequence[str] = ()) -> "DataFrame":
        """A table as it is now: these partitions of it, or all."""
        table = TABLES[name]
        frame = self._view(name)
        if keys and table.is_partitioned:
            return frame.where(window_predicate(table, span_of(keys, windows_of(table, self.settings))))
        return frame

    def _view(self, table: str) -> "DataFrame":
        """The table as it is now, under a name that a query can refer to more than once.

        All that refers to the name sees one version; without it, an engine opens the table at each reference, which
        takes seven requests on S3, and may see another version each time.
        """
        version = self.lake.ensure(table).version()
        view = f"{table}_{hashlib.sha256(self.lake.uri.encode()).hexdigest()[:8]}"
        if self._seen.get(table) != version:
            frame = self.session().read.format("delta").load(self.lake.table_uri(table))
            frame.createOrReplaceTempView(view)
            self._seen[table] = version
        return self.session().table(view)

    def compute(self, name: str, keys: Sequence[str] = ()) -> "DataFrame":
        """What a table's transform gives for these partitions, from its inputs as they are now."""
        from spotify_assets import transforms

        options: dict[str, Any] = {}
        if lineage.takes(name, "settings"):
            options["settings"] = self.settings
        if lineage.takes(name, "spark"):
            options["spark"] = self.session()
        if lineage.takes(name, "window"):
            options["window"] = span_of(keys, windows_of(TABLES[name], self.settings))
        inputs = [self.read(upstream, keys) for upstream in lineage.upstreams(name)]
        computed: DataFrame = getattr(transforms, name)(*inputs, **options)
        return computed

    def write(self, name: str, frame: "DataFrame", keys: Sequence[str]) -> Mapping[str, Any]:
        """Write the table of that name in one commit, again where another writer was first, and return the commit.

        Inputs are read as they are after their fingerprint was taken, and again with each attempt.
        """
        table = TABLES[name]
        frame = _checked(table, frame)
        span = span_of(keys, windows_of(table, self.settings)) if keys else None

        def commit() -> str:
            token = uuid4().hex
            self._commit(table, frame, keys, span, token)
            return token

        try:
            token = retry(commit, COMMIT_CONFLICT, _is_conflict)
        except Exception as error:
            raise _explained(table, error) from error
        found = commits.commit_with_token(self.lake.ensure(table.name), token)
        if found is None:
            raise RuntimeError(f"{table}: the engine reported success, but its commit is not in the table's log")
        return found

    def _commit(
        self, table: LakeTable, frame: "DataFrame", keys: Sequence[str], span: TimeWindow | None, token: str
    ) -> None:
        delta = self.lake.ensure(table.name)
        windows = windows_of(table, self.settings)
        expectation = staleness.Expectation(self.lake, self.settings)
        fingerprints = expectation.fingerprints(table, [windows[key] for key in keys])
        for upstream in set(lineage.upstreams(table.name)) & set(self._seen):
            self._view(upstream)
        metadata = commits.commit_metadata(delta, token, fingerprints, span)
        # Without one, Sail takes an overwrite of an empty table for an append: two at once would double its rows.
        predicate = window_predicate(table, span) if span else "true"
        if span:
            frame = _inside(table, span, frame)
        writer = frame.write.format("delta").mode("overwrite").option("userMetadata", metadata)
        writer.option("replaceWhere", predicate).save(self.lake.table_uri(table.name))
        # Sail makes no commit where there is nothing to add and nothing to remove; that, too, is to be recorded.
        # Apache Spark makes one, as its session is told to: on S3, one beside its own could be lost.
        if commits.commit_with_token(self.lake.ensure(table.name), token) is None:
            self.lake.write(
                table.name,
                table.arrow_schema.empty_table(),
                mode="append",
                commit_properties=CommitProperties(custom_metadata={"userMetadata": metadata}),
            )

    def maintain(self, note: Callable[[MaintenanceResult], None] = lambda _: None) -> list[MaintenanceResult]:
        """Compact and vacuum every table, see `lake.maintenance.maintain_lake`."""
        return maintain_lake(
            self.lake,
            self.settings.retention_days,
            note,
            engine=self.session if self.settings.spark_remote else None,
            engine_tables=lineage.computed_tables(),
        )

    def rows(self, name: str) -> int:
        """Rows of a table, from its log."""
        return sum(_rows_by_month(self.lake.ensure(name)).values())

    def rows_by_key(self, name: str, keys: Sequence[str]) -> dict[str, int]:
        """Rows of each partition: from the commit log where partitions are months, else from the window column."""
        if not keys:
            return {}
        table, delta = TABLES[name], self.lake.ensure(name)
        if table.partitioning == PLAYS and self.settings.plays_grain == "monthly":
            by_month = _rows_by_month(delta)
            return {key: by_month.get(key, 0) for key in keys}
        column = table.window
        windows = windows_of(table, self.settings)
        span = span_of(keys, windows)
        type_ = table.arrow_schema.field(column).type
        first, end = (pa.scalar(moment, UTC_TIME).cast(type_) for moment in (span.start, span.end))
        within = (pc.field(column) >= first) & (pc.field(column) < end)
        times = delta.to_pyarrow_dataset().to_table(columns=[column], filter=within)[column].to_numpy()
        times = times.astype("datetime64[us]")
        starts = np.array([windows[key].start.replace(tzinfo=None) for key in keys], "datetime64[us]")
        counts = np.bincount(np.searchsorted(starts, times, side="right") - 1, minlength=len(keys))
        return dict(zip(keys, map(int, counts), strict=True))


def _is_conflict(error: Exception) -> bool:
    return any(words in str(error) for words in CONFLICTS)


def _checked(table: LakeTable, frame: "DataFrame") -> "DataFrame":
    """The frame's columns in the model's order, or an error that names what differs."""
    expected = table.spark_types
    given = dict(frame.dtypes)
    if wrong := sorted(set(expected.items()) ^ set(given.items())):
        raise WrongColumnsError(f"{table}: these columns differ from the model: {wrong}")
    return frame.select(*expected)


def _inside(table: LakeTable, span: TimeWindow, frame: "DataFrame") -> "DataFrame":
    """The frame, which fails as it is written where a row lies outside the span: an engine may accept such rows,
    and drops those whose window column is null.
    """
    from pyspark.sql import functions as F

    column = table.window
    refuse = F.raise_error(F.lit(f"{table}: rows outside the window {span.start:%Y-%m-%d}/{span.end:%Y-%m-%d}"))
    checked: Column = F.when(F.expr(window_predicate(table, span)), F.col(column)).otherwise(
        refuse.cast(table.spark_types[column])
    )
    return frame.withColumn(column, checked)


def _rows_by_month(delta: "DeltaTable") -> dict[str, int]:
    """Rows by month from the commit log; all under one empty key where the table has no months."""
    actions = pa.table(delta.get_add_actions(flatten=True))
    month = f"partition.{LAYOUT_COLUMN}"
    if month not in actions.column_names:
        return {"": pc.sum(actions["num_records"]).as_py() or 0}
    counted = actions.group_by(month).aggregate([("num_records", "sum")]).to_pylist()
    return {str(row[month]): row["num_records_sum"] for row in counted}


def _explained(table: LakeTable, error: Exception) -> Exception:
    """The error, said plainly where it is ours."""
    text = str(error)
    if "rows outside the window" in text:
        return RowsOutsideWindowError(
            f"{table}: the transform gave rows outside the window being written; nothing was"
        )
    return error
