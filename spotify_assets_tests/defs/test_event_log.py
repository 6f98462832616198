import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage

from spotify_assets.defs.event_log import OPEN_SHARDS, PersistentSqliteEventLogStorage


def test_dagsters_own_storage_reads_what_it_wrote(tmp_path):
    @dg.asset
    def one() -> None: ...

    log = tmp_path / "log"
    overrides = {
        "event_log_storage": {
            "module": "spotify_assets.defs.event_log",
            "class": "PersistentSqliteEventLogStorage",
            "config": {"base_dir": str(log)},
        }
    }
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as instance:
        assert isinstance(instance.event_log_storage, PersistentSqliteEventLogStorage)
        runs = [dg.materialize([one], instance=instance).run_id for _ in range(OPEN_SHARDS + 2)]
        other = SqliteEventLogStorage(str(log))
        for run_id in runs:
            assert len(other.get_logs_for_run(run_id)) == len(instance.all_logs(run_id)) > 5
        assert other.get_asset_records([dg.AssetKey("one")])[0].asset_entry.last_run_id == runs[-1]
