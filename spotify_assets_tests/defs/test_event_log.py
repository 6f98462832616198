import hashlib
import inspect

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy import create_engine

from spotify_assets.defs import event_log
from spotify_assets.defs.event_log import OPEN_SHARDS, PersistentSqliteEventLogStorage
from spotify_assets_tests.conftest import dagster_instance

pytestmark = pytest.mark.integration


def test_dagsters_own_storage_reads_what_it_wrote(tmp_path):
    @dg.asset
    def one() -> None: ...

    log = tmp_path / "log"
    with dagster_instance(log) as instance:
        assert isinstance(instance.event_log_storage, PersistentSqliteEventLogStorage)
        runs = [dg.materialize([one], instance=instance).run_id for _ in range(OPEN_SHARDS + 2)]
        other = SqliteEventLogStorage(str(log))
        for run_id in runs:
            assert len(other.get_logs_for_run(run_id)) == len(instance.all_logs(run_id)) > 5
        assert other.get_asset_records([dg.AssetKey("one")])[0].asset_entry.last_run_id == runs[-1]


@pytest.mark.parametrize(
    ("method", "digest"),
    [("_connect", "b8435f266568"), ("__init__", "264c15baa761")],
)
def test_dagsters_methods_that_ours_stand_on_are_those_of_1_13_27(method, digest):
    """Another Dagster may do more when it connects: carry that over to ours, then write its digest here."""
    source = inspect.getsource(getattr(SqliteEventLogStorage, method))
    assert hashlib.sha256(source.encode()).hexdigest()[:12] == digest


def test_every_event_goes_through_connections_that_are_kept(tmp_path, monkeypatch):
    """Dagster's own opens one for each event, which is 2 s of a sync."""
    opened: list[str] = []

    def noting(url, **options):
        opened.append(url)
        return create_engine(url, **options)

    @dg.asset
    def one() -> None: ...

    with dagster_instance(tmp_path / "log") as instance:
        dg.materialize([one], instance=instance)  # asks once which tables there are
        monkeypatch.setattr(event_log, "create_engine", noting)
        monkeypatch.setattr(sqlite_event_log, "create_engine", noting)
        run_id = dg.materialize([one], instance=instance).run_id
        assert len(instance.all_logs(run_id)) > 5
        assert opened == [instance.event_log_storage.conn_string_for_shard(run_id)]


def test_every_database_of_an_instance_waits_for_locks(tmp_path):
    """As long as another process has `runs.db` locked, a sync waits: for a minute rather than Dagster's 5 s."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        for storage in (instance.run_storage, instance.schedule_storage):
            with storage.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000
