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
    [("_connect", "b8435f266568"), ("__init__", "264c15baa761"), ("store_event", "f89aed406024")],
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


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition([*"abc"]),
    check_specs=[dg.AssetCheckSpec("good", asset="parts"), dg.AssetCheckSpec("better", asset="parts")],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def parts():
    yield dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(check_name=name, passed=True) for name in ("good", "better")]
    )


def materialize_parts(instance):
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
    return dg.materialize([parts], instance=instance, tags=tags)


def test_what_a_run_plans_and_the_partitions_of_a_step_are_stored_together(tmp_path, monkeypatch):
    with dagster_instance(tmp_path / "log") as instance:
        storage = instance.event_log_storage
        store = storage.store_event_batch
        batches = []

        def noting(events):
            batches.append([event.dagster_event.event_type_value for event in events if event.is_dagster_event])
            store(events)

        monkeypatch.setattr(storage, "store_event_batch", noting)
        run = materialize_parts(instance)
        assert run.success
        together = {tuple(batch) for batch in batches if len(batch) > 1}
        planned = ["ASSET_CHECK_EVALUATION_PLANNED"] * 2
        assert ("ASSET_MATERIALIZATION",) * 3 in together
        assert any(sorted(batch)[:2] == planned for batch in together)
        records = instance.get_asset_records([dg.AssetKey("parts")])
        assert records[0].asset_entry.last_run_id == run.run_id
        assert instance.get_materialized_partitions(dg.AssetKey("parts")) == {*"abc"}
        key = dg.AssetCheckKey(dg.AssetKey("parts"), "good")
        [found] = storage.get_asset_check_execution_history(key, limit=5)
        assert found.status.value == "SUCCEEDED"


def test_a_batch_that_fails_leaves_nothing_and_is_stored_one_by_one(tmp_path, monkeypatch, capsys):
    with dagster_instance(tmp_path / "log") as instance:
        store = SqliteEventLogStorage.store_event
        failed = []

        def failing_once(self, event):
            store(self, event)
            told = event.dagster_event
            if told and told.is_step_materialization and told.partition == "c" and not failed:
                failed.append(event)
                raise RuntimeError("the disk is full")

        monkeypatch.setattr(SqliteEventLogStorage, "store_event", failing_once)
        run = materialize_parts(instance)
        assert failed
        stored = instance.fetch_materializations(dg.AssetKey("parts"), limit=10).records
        assert sorted(record.partition_key for record in stored) == [*"abc"]
        told = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.is_dagster_event]
        assert sorted(event.partition for event in told if event.is_step_materialization) == [*"abc"]
        assert "the disk is full" in capsys.readouterr().err


def test_every_database_of_an_instance_waits_for_locks(tmp_path):
    """As long as another process has `runs.db` locked, a sync waits: for a minute rather than Dagster's 5 s."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        for storage in (instance.run_storage, instance.schedule_storage):
            with storage.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000
