"""Dagster's SQLite event log with connections that stay open; `dagster.yaml` names the class.

Dagster's own storage opens and closes a connection for each event, and closing writes the journal back. That takes
20 ms for each asset and partition, most of the time of a first sync of ten years. It also commits several times for an
event, and for each event of a batch: of what a run is going to do, and of the partitions of a step. Paths and schema
of the databases are unchanged, and Dagster's own storage may read and write them at the same time.
"""

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import dagster as dg

# This class and its method `_connect` are private in Dagster; test_event_log.py fails if either changes.
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

# One database for the index, and one for each active run.
OPEN_SHARDS = 6
BUSY_TIMEOUT_SECONDS = 60

# Dagster hands over events in batches only where this variable sets how many.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")


class PersistentSqliteEventLogStorage(SqliteEventLogStorage):
    """SQLite event log storage that keeps its connections open.

    Args:
        base_dir: Folder of the databases. The default is Dagster's: `history/runs` below the instance's root folder,
            which is DAGSTER_HOME, or a temporary folder for commands that run without it.
        inst_data: Dagster's serialized configuration of this class.
    """

    def __init__(self, base_dir: str | None = None, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        self._inst_data = inst_data
        # By shard, while events are stored: connections whose transactions end together.
        self._shared: dict[str, Connection] | None = None
        self._is_open = base_dir is not None
        if base_dir is not None:
            self._open(base_dir)

    def _open(self, base_dir: str) -> None:
        super().__init__(base_dir, self._inst_data)
        # `_one_transaction` holds it, and so does each connection within: Dagster's own lock can't be taken twice.
        self._db_lock = RLock()  # type: ignore[assignment]

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Open the log in the instance's folder. Dagster calls this before any other method."""
        if not self._is_open:
            self._is_open = True
            self._open(str(Path(instance.root_directory, "history", "runs")))
        super().register_instance(instance)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"base_dir": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "PersistentSqliteEventLogStorage":
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            if self._shared is None:
                with engine.begin() as connection:
                    yield connection
            else:
                if shard not in self._shared:
                    self._shared[shard] = engine.connect()
                    self._shared[shard].begin()
                yield self._shared[shard]

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event, in one transaction of each database."""
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events, in one transaction of each database: all of them, or none."""
        with self._one_transaction():
            for event in events:
                super().store_event(event)

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        """Commit what is written within it to each database at its end, or roll it back."""
        with self._db_lock:
            self._shared = {}
            try:
                yield
                for connection in self._shared.values():
                    connection.commit()
            finally:
                shared, self._shared = self._shared, None
                for connection in shared.values():
                    connection.close()

    def _engine(self, shard: str) -> Engine:
        """Engine with one connection to a shard, for one thread at a time; the least recently used one is closed."""
        if shard not in self._engines:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"check_same_thread": False},
            )
            event.listen(engine, "connect", _sync_at_checkpoints_only)
            self._engines[shard] = engine
        self._engines.move_to_end(shard)
        while len(self._engines) > OPEN_SHARDS:
            _, oldest = self._engines.popitem(last=False)
            oldest.dispose()
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:
        """Whether a table exists, cached once it does: Dagster calls this for every event."""
        if table_name not in self._tables:
            if not super().has_table(table_name):
                return False
            self._tables.add(table_name)
        return True

    def dispose(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
        super().dispose()


@event.listens_for(Engine, "connect")
def _wait_for_locks(connection: Any, _: Any) -> None:
    """Wait a minute for a database that another process has locked, rather than 5 s.

    It is for all SQLite databases of processes that load this module, and so for the runs and schedules too: Dagster's
    storages of these open a connection for each statement, and have no setting for it.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")


def _sync_at_checkpoints_only(connection: Any, _: Any) -> None:
    """Don't sync at each commit; with a write-ahead log, a power cut may lose the last events but corrupts nothing."""
    connection.execute("PRAGMA synchronous = NORMAL")
