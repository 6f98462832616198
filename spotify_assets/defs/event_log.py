"""Dagster's SQLite event log with connections that stay open.

Dagster's own opens and closes a connection for each event, and closing writes the journal back: 20 ms for each
asset and partition, most of the time of a sync of ten years of months. The files are the same, at the same place, and
may be read and written by Dagster's own at the same time. `dagster.yaml` names this class.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

# Dagster has no public name for it, and `_connect` no public hook; test_event_log.py fails where either changes.
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

# The index, and the runs under way.
OPEN_SHARDS = 6
BUSY_TIMEOUT_SECONDS = 60


class PersistentSqliteEventLogStorage(SqliteEventLogStorage):
    """The same log, over connections that are kept.

    Args:
        base_dir: Folder of the databases; by default where Dagster's own keeps them, `history/runs` below the root
            folder of the instance: DAGSTER_HOME, or the temporary folder of a command that runs without it.
    """

    def __init__(self, base_dir: str | None = None, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        self._inst_data = inst_data
        self._is_open = base_dir is not None
        if base_dir is not None:
            super().__init__(base_dir, inst_data)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Open the log, where only the instance knows its folder. An instance calls this before anything else."""
        if not self._is_open:
            self._is_open = True
            super().__init__(str(Path(instance.root_directory, "history", "runs")), self._inst_data)
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
            with engine.begin() as connection:
                yield connection

    def _engine(self, shard: str) -> Engine:
        """One connection a shard, used by one thread at a time; the longest unused is closed."""
        if shard not in self._engines:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _sync_at_checkpoints_only)
            self._engines[shard] = engine
        self._engines.move_to_end(shard)
        while len(self._engines) > OPEN_SHARDS:
            _, oldest = self._engines.popitem(last=False)
            oldest.dispose()
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:
        """Asked for every event, and never no again once it is there."""
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


def _sync_at_checkpoints_only(connection: Any, _: Any) -> None:
    """With a write-ahead log, a power cut may cost the last events, and never the file."""
    connection.execute("PRAGMA synchronous = NORMAL")
