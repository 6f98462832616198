import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import dagster as dg
import yaml

# Dagster has no public name for what it stores of a code location; if it moves, this import fails.
from dagster._core.remote_representation.external_data import RepositorySnap

from spotify_assets.cli.documentation import is_secret
from spotify_assets.definitions import definitions, defs
from spotify_assets.model import LAYERS, TABLES
from spotify_assets.refresh import lineage
from spotify_assets.settings import Settings, load_settings

LOADING = """
import json, sys, time
import spotify_assets.definitions as d
d.defs.resolve_asset_graph()
unneeded = (
    "pysail", "pyspark.sql.connect", "grpc", "boto3", "botocore", "dagster_aws", "dagster_duckdb", "duckdb",
    "pyarrow", "numpy", "pandas", "sklearn", "jinja2", "spotipy", "requests",
)
print(json.dumps([time.process_time(), [name for name in unneeded if name in sys.modules]]))
"""
ON_AWS = {
    "SPOTIFY_ASSETS_LAKE_URI": "s3://bucket/lake",
    "SPOTIFY_ASSETS_GLUE_DATABASE": "music",
    "SPOTIFY_ASSETS_ATHENA_WORKGROUP": "dj",
}


def specs():
    found = defs.resolve_all_asset_specs()
    return {spec.key.path[-1]: spec for spec in found if spec.group_name not in ("published", "reports")}


def test_every_table_is_an_asset_and_every_asset_a_table():
    assert set(specs()) == set(TABLES)


def test_assets_say_what_they_are():
    for table, spec in specs().items():
        assert spec.description == TABLES[table].comment
        assert spec.group_name == TABLES[table].layer
        assert spec.owners
        assert "delta" in spec.kinds
        assert spec.code_version
        schema = spec.metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == [column.name for column in TABLES[table].sql.columns]
        assert all(column.description for column in schema.columns)


def test_groups_are_layers():
    assert {spec.group_name for spec in specs().values()} == set(LAYERS)


def published(settings):
    specs = definitions(settings).resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec for spec in specs if spec.group_name == "published"}


def test_a_target_is_there_when_it_is_configured():
    assert set(published(load_settings())) == {f"duckdb/{table}" for table in TABLES}
    configured = set(published(load_settings(mysql_url="mysql://user:a-secret@host/music")))
    assert {name for name in configured if name.startswith("mysql/fct")} == {
        "mysql/fct_plays",
        "mysql/fct_playlist_tracks",
    }


def test_what_is_published_follows_from_the_lake_and_from_what_it_refers_to():
    spec = published(load_settings())["duckdb/bridge_track_artist"]
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == {
        "bridge_track_artist",
        "duckdb/dim_artist",
        "duckdb/dim_track",
    }
    assert spec.description == TABLES["bridge_track_artist"].comment


def test_dimensions_come_before_facts():
    upstream = {fact: {dep.asset_key.path[-1] for dep in specs()[fact].deps} for fact in TABLES if fact[:4] == "fct_"}
    assert {table for table in TABLES if table.startswith("dim_")} == {
        table for tables in upstream.values() for table in tables if table.startswith("dim_")
    }
    assert all("dim_track" in tables for tables in upstream.values())


SECRETS = {
    "mysql_url": "mysql://somebody:a-secret@localhost/music",
    "snowflake_private_key": "a-secret",
    "snowflake_private_key_passphrase": "a-secret",
    "snowflake_password": "a-secret",
    "spark_remote": "sc://localhost:15002/;token=a-secret",
    "client_secret": "a-secret",
    "credentials": "an-app:a-secret",
    "refresh_token": "a-secret",
}


def test_no_secret_is_in_what_dagster_stores_of_the_definitions():
    assert {name for name, field in Settings.model_fields.items() if is_secret(field)} == set(SECRETS)
    configured = {
        "client_id": "an-app",
        "lake_uri": "s3://music/lake",
        "snowflake_account": "an-account",
        "snowflake_user": "somebody",
        "snowflake_warehouse": "small",
        "snowflake_database": "music",
        "snowflake_storage_integration": "a_bucket",
    }
    settings = load_settings(**configured, **SECRETS)
    definition = definitions(settings)
    snapshot = dg.serialize_value(RepositorySnap.from_def(definition.get_repository_def()))
    assert "snowflake" in snapshot
    shown = [snapshot, repr(settings), str(settings), settings.model_dump_json(), repr(definition.resources)]
    assert [text for text in shown if "a-secret" in text] == []


def test_a_range_is_one_run():
    graph = defs.resolve_asset_graph()
    for table in (table for table in lineage.computed_tables() if TABLES[table].is_partitioned):
        assert graph.get(dg.AssetKey(table)).backfill_policy == dg.BackfillPolicy.single_run(), table


def jobs_of(definitions):
    return {job.name for job in definitions.resolve_all_job_defs() if not job.name.startswith("__ASSET_JOB")}


def test_without_credentials_nothing_asks_spotify():
    assert jobs_of(defs) == {
        "sync",
        "refresh_and_publish",
        "read_history",
        "refresh_tables",
        "refresh_playlists",
        "publish_tables",
        "maintain_tables",
        "write_reports",
    }
    assert [schedule.name for schedule in defs.schedules or []] == ["weekly_maintenance"]


def test_with_credentials_there_are_schedules_that_are_stopped():
    configured = definitions(load_settings(client_id="an-app", client_secret="its-secret"))
    assert jobs_of(configured) - jobs_of(defs) == {"capture_playlists", "fetch_metadata", "poll_recent_plays"}
    schedules = {schedule.name: schedule for schedule in configured.schedules or []}
    assert schedules.pop("weekly_maintenance").default_status == dg.DefaultScheduleStatus.RUNNING
    assert set(schedules) == {"daily_playlists", "recent_plays_every_half_hour", "weekly_metadata"}
    assert all(one.default_status == dg.DefaultScheduleStatus.STOPPED for one in schedules.values())
    assert "recent_plays" in {spec.key.path[-1] for spec in configured.resolve_all_asset_specs()}


def test_the_daily_capture_is_of_the_day_it_runs():
    configured = definitions(load_settings(client_id="an-app", client_secret="its-secret"))
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 21, 12, tzinfo=UTC))
    [schedule] = [one for one in configured.schedules or [] if one.name == "daily_playlists"]
    [request] = schedule.evaluate_tick(context).run_requests
    assert request.tags["dagster/asset_partition_range_start"] == "2026-11-21"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-11-21"


def test_three_sensors_that_run():
    assert [sensor.name for sensor in defs.sensors or []] == ["landing_sensor", "stale_sensor", "publish_sensor"]
    assert all(sensor.default_status == dg.DefaultSensorStatus.RUNNING for sensor in defs.sensors or [])


def test_definitions_load_quickly_without_an_engine_and_libraries_of_aws():
    loaded = subprocess.run(
        [sys.executable, "-c", LOADING], env=os.environ | ON_AWS, capture_output=True, text=True, check=True
    )
    cpu_seconds, imported = json.loads(loaded.stdout)
    assert imported == []
    # It takes some 3 s. A busy machine makes them longer, but hardly more.
    assert cpu_seconds < 10


def test_dagster_yaml_names_a_class_that_is_there():
    from pathlib import Path

    import spotify_assets

    config = yaml.safe_load((Path(spotify_assets.__file__).parent.parent / "dagster.yaml").read_text())
    storage = config["event_log_storage"]
    module = __import__(storage["module"], fromlist=[storage["class"]])
    assert hasattr(module, storage["class"])
