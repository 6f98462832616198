"""Upkeep of the lake's tables: small files become large ones, and what no version of late needs is removed.

Both are safe beside runs that read or write: a compaction that meets another commit is tried again, and nothing is
removed that was part of a table, or written, within the retention.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError

from spotify_assets.lake import commits
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.retry import COMPACTION_CONFLICT, retry
from spotify_assets.storage import storage_at

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOURS = 24
# Of a VACUUM by Spark, which has ten thousand by default.
TASKS_THAT_LIST = "16"


@dataclass(frozen=True)
class Size:
    """Data files of a table, those of former versions included, and their bytes; the log is left out."""

    files: int
    bytes: int


@dataclass(frozen=True)
class Maintained:
    """A table before and after."""

    table: str
    before: Size
    after: Size

    def __str__(self) -> str:
        return (
            f"{self.table}: {self.before.files:,} files of {self.before.bytes:,} bytes, "
            f"now {self.after.files:,} of {self.after.bytes:,}"
        )


def maintain_lake(
    lake: Lake,
    retention_days: int,
    note: Callable[[Maintained], None] = lambda _: None,
    *,
    engine: "Callable[[], SparkSession] | None" = None,
    engine_tables: Collection[str] = (),
) -> list[Maintained]:
    """Compact and vacuum every table that exists.

    Tables that Apache Spark writes are maintained by it: on S3 its commits are safe beside its own only.

    Args:
        lake: The lake.
        retention_days: Days for which former versions are kept.
        note: Called with each table that is done.
        engine: Opens a session on the Spark Connect server that writes `engine_tables`; None where that is the
            embedded engine, whose commits are safe beside `deltalake`'s.
        engine_tables: Tables that the engine writes.
    """
    done = []
    for table in _existing_tables(lake):
        before = size_of(lake, table)
        hours = retention_days * HOURS
        if not (engine and table in engine_tables and _maintained_by_engine(lake, engine(), table, hours)):
            _compact(lake, table)
            _vacuum(lake, table, hours)
        maintained = Maintained(table, before, size_of(lake, table))
        note(maintained)
        done.append(maintained)
    return done


def size_of(lake: Lake, table: str) -> Size:
    """What the table's folder holds."""
    folder = lake.folder(table)
    sizes = [
        file.size for file in storage_at(lake.uri).files(folder) if not file.path.startswith(f"{folder}/_delta_log/")
    ]
    return Size(len(sizes), sum(sizes))


def _existing_tables(lake: Lake) -> Iterator[str]:
    return (table for table in TABLES if lake.open(table) is not None)


def _compact(lake: Lake, table: str) -> None:
    def compact() -> None:
        delta = lake.ensure(table)
        delta.optimize.compact(commit_properties=_carried(delta))

    retry(compact, COMPACTION_CONFLICT, CommitFailedError)


def _vacuum(lake: Lake, table: str, hours: int) -> None:
    """Files that runs which were killed left are removed, too."""
    lake.ensure(table).vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=True)


def _maintained_by_engine(lake: Lake, session: "SparkSession", table: str, hours: int) -> bool:
    """Have the Spark Connect server compact and vacuum; False where it can't, as a Sail cluster."""
    from pyspark.errors import IllegalArgumentException

    name = f"delta.`{lake.table_uri(table)}`"
    noted = "spark.databricks.delta.commitInfo.userMetadata"
    session.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    session.conf.set("spark.sql.sources.parallelPartitionDiscovery.parallelism", TASKS_THAT_LIST)
    try:
        session.conf.set(noted, commits.carried_metadata(lake.ensure(table)))
        session.sql(f"OPTIMIZE {name}").collect()
    except IllegalArgumentException as error:
        if "found OPTIMIZE" in str(error):
            return False
        raise
    finally:
        session.conf.unset(noted)
    session.sql(f"VACUUM {name} RETAIN {hours} HOURS").collect()
    return True


def _carried(delta: DeltaTable) -> CommitProperties | None:
    """So that the latest commits tell what the windows were computed from; None where nothing is known of any."""
    if not commits.state_of(delta):
        return None
    return CommitProperties(custom_metadata={"userMetadata": commits.carried_metadata(delta)})
