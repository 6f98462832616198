"""Compaction and vacuum of the lake's tables.

Both are safe while other runs read or write: a compaction that conflicts with another commit is retried, and no file
is removed that was part of a table, or written, within the retention or the last `LONGEST_WRITE_HOURS`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from spotify_assets.lake import commits
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.staging import remove_uncommitted
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.retry import COMPACTION_CONFLICT, retry
from spotify_assets.storage import storage_at

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOURS_PER_DAY = 24
# Until a writer commits, its files are in no version of the table. The largest sync that was measured, of fifty
# million plays, takes 24 minutes in all; on a slower machine, or a laptop that sleeps, a write may take many hours.
LONGEST_WRITE_HOURS = 24
# Tasks with which Spark lists files in a VACUUM; its default is 10,000.
LISTING_TASKS = "16"


@dataclass(frozen=True)
class TableSize:
    """Number and bytes of a table's data files, including those of former versions, excluding the Delta log."""

    files: int
    bytes: int


@dataclass(frozen=True)
class MaintenanceResult:
    """Size of a table before and after its maintenance."""

    table: str
    before: TableSize
    after: TableSize

    def __str__(self) -> str:
        return (
            f"{self.table}: {self.before.files:,} files of {self.before.bytes:,} bytes, "
            f"now {self.after.files:,} of {self.after.bytes:,}"
        )


def maintain_lake(
    lake: Lake,
    retention_days: int,
    note: Callable[[MaintenanceResult], None] = lambda _: None,
    *,
    engine: "Callable[[], SparkSession] | None" = None,
    engine_tables: Collection[str] = (),
) -> list[MaintenanceResult]:
    """Compact and vacuum every table that exists.

    Apache Spark maintains the tables that it writes: on S3, its commits are safe against its own commits only.

    Args:
        lake: The lake.
        retention_days: Days for which former versions are kept; those of the last `LONGEST_WRITE_HOURS` always are.
        note: Called with the result of each table.
        engine: Opens a session on the Spark Connect server that writes `engine_tables`; None where that is the
            embedded engine, whose commits are safe against those of `deltalake`.
        engine_tables: Tables that the engine writes.

    Raises:
        DamagedTableError: A table is damaged; the others are maintained before.
    """
    done = []
    remove_uncommitted(lake.uri)
    inspected = lake.inspect(TABLES)
    for table in (table for table, delta in inspected.items() if isinstance(delta, DeltaTable)):
        before = table_size(lake, table)
        hours = max(retention_days * HOURS_PER_DAY, LONGEST_WRITE_HOURS)
        if not (engine and table in engine_tables and _maintain_by_engine(lake, engine(), table, hours)):
            _compact(lake, table)
            _vacuum(lake, table, hours)
        maintained = MaintenanceResult(table, before, table_size(lake, table))
        note(maintained)
        done.append(maintained)
    for damaged in inspected.values():
        if isinstance(damaged, DamagedTableError):
            raise damaged
    return done


def table_size(lake: Lake, table: str) -> TableSize:
    """Size of the table's folder."""
    folder = lake.folder(table)
    sizes = [
        file.size for file in storage_at(lake.uri).files(folder) if not file.path.startswith(f"{folder}/_delta_log/")
    ]
    return TableSize(len(sizes), sum(sizes))


def _compact(lake: Lake, table: str) -> None:
    def compact() -> None:
        delta = lake.ensure(table)
        delta.optimize.compact(commit_properties=commits.carry_forward(delta))

    retry(compact, COMPACTION_CONFLICT, CommitFailedError)


def _vacuum(lake: Lake, table: str, hours: int) -> None:
    """Vacuum the table, including files that killed runs left (`full=True`)."""
    lake.ensure(table).vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=True)


def _maintain_by_engine(lake: Lake, session: "SparkSession", table: str, hours: int) -> bool:
    """Compact and vacuum on the Spark Connect server; False where it doesn't support OPTIMIZE, as a Sail cluster."""
    from pyspark.errors import IllegalArgumentException

    name = f"delta.`{lake.table_uri(table)}`"
    metadata_key = "spark.databricks.delta.commitInfo.userMetadata"
    session.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    session.conf.set("spark.sql.sources.parallelPartitionDiscovery.parallelism", LISTING_TASKS)
    try:
        session.conf.set(metadata_key, commits.carry_forward_metadata(lake.ensure(table)))
        session.sql(f"OPTIMIZE {name}").collect()
    except IllegalArgumentException as error:
        if "found OPTIMIZE" in str(error):
            return False
        raise
    finally:
        session.conf.unset(metadata_key)
    session.sql(f"VACUUM {name} RETAIN {hours} HOURS").collect()
    return True
