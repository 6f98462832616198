"""Tables in Glue's catalogue, on moto's server, read by name with another engine, and counted by Athena."""

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import boto3
import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import requests

from spotify_assets.cli.documentation import ROOT
from spotify_assets.cli.sql import run_query
from spotify_assets.definitions import definitions
from spotify_assets.lake.tables import Lake
from spotify_assets.model import LAYERS, TABLES
from spotify_assets.settings import SettingsError, load_settings
from spotify_assets.storage import Bucket
from spotify_assets.targets import publishing
from spotify_assets.targets.glue import Athena, GlueCatalog, _managed_part, truncate_comment
from spotify_assets.targets.publishing import CountingTarget
from spotify_assets.targets.questions import questions
from spotify_assets.targets.registry import targets
from spotify_assets_tests.conftest import some_metrics
from spotify_assets_tests.targets.published import LISTS, catalog_tracks, comparable, count, publish

pytestmark = [pytest.mark.integration, some_metrics]

FEW = ("plays", "dim_time")
READ_BY_NAME = """
import json
import sys
import pyarrow.parquet as pq
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession
database, folder, questions, *tables = sys.argv[1:]
server = SparkConnectServer()
server.start()
session = SparkSession.builder.remote(f"sc://localhost:{server.listening_address[1]}").getOrCreate()
session.conf.set("spark.sql.session.timeZone", "UTC")
for table in tables:
    rows = session.table(f"{database}.{table}")
    rows.createOrReplaceTempView(table)
    pq.write_table(rows.toArrow(), f"{folder}/{table}.parquet")
for name, sql in json.loads(questions).items():
    pq.write_table(session.sql(sql).toArrow(), f"{folder}/{name}.parquet")
"""
OF_CATALOGUE = ("top_genres_by_followers", "popularity_by_label", "tracks_by_release_year")


def catalog_in(uri):
    """A catalogue of a bucket's lake, in a database of its own."""
    return GlueCatalog(database=uri.removeprefix("s3://").replace("-", "_"), lake_uri=f"{uri}/lake")


@pytest.fixture
def catalog(bucket, world):
    """Registering reads no rows: that the lake is in a folder makes tests quick, and nothing else."""
    return catalog_in(bucket)


@pytest.fixture
def glue(bucket):
    return boto3.client("glue")


@pytest.fixture
def in_bucket(synced, bucket):
    """The world of two plays, its lake in a bucket; a copy of it stays in its folder."""
    s3, lake = boto3.client("s3"), synced.root / "lake"
    for table in TABLES:
        Lake(str(lake)).ensure(table)
    catalog_tracks(synced, *LISTS)
    for file in filter(Path.is_file, lake.rglob("*")):
        s3.upload_file(str(file), bucket.removeprefix("s3://"), f"lake/{file.relative_to(lake).as_posix()}")
    synced.uri = bucket
    return synced


def read_by_name(catalog, tables, folder, address, asked=()):
    """Rows of the tables as Sail finds them through the catalogue, by their names alone, and answers to questions."""
    folder.mkdir()
    registered = {"type": "glue", "name": "sail", "region": "us-east-1", "endpoint_url": address}
    listed = ", ".join(f'{name}="{value}"' for name, value in registered.items())
    environment = os.environ | {
        "SAIL_CATALOG__LIST": f"[{{{listed}}}]",
        "AWS_ENDPOINT": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "RUST_LOG": "error",
    }
    command = [
        sys.executable,
        "-c",
        READ_BY_NAME,
        catalog.database,
        str(folder),
        json.dumps({name: questions()[name] for name in asked}),
        *tables,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {name: pq.read_table(folder / f"{name}.parquet") for name in (*tables, *asked)}


def rows(table):
    return sorted(map(str, table.to_pylist()))


class TestRegistered:
    def test_every_table_of_the_lake(self, in_bucket, glue, moto, tmp_path):
        catalog, in_folder = catalog_in(in_bucket.uri), Lake(str(in_bucket.root / "lake"))
        done = {
            one.refresh.table: one
            for one in catalog.publish(in_folder, publishing.pending_refreshes(catalog, in_folder))
        }
        assert list(done) == list(publishing.tables_of_layers(*LAYERS))
        assert done["plays"].rows == 0
        assert done["plays"].details["location"] == f"{in_bucket.uri}/lake/cleaned/plays"
        found = {one["Name"]: one for one in glue.get_tables(DatabaseName=catalog.database)["TableList"]}
        assert set(found) == set(TABLES)
        for table, one in found.items():
            columns = one["StorageDescriptor"]["Columns"]
            assert [(column["Name"], column["Type"]) for column in columns] == [*TABLES[table].spark_types.items()]
            assert one["StorageDescriptor"]["Location"] == in_bucket.lake.table_uri(table)
            assert one["Parameters"]["table_type"] == "delta"
            assert one["Description"] == TABLES[table].comment
            assert one["PartitionKeys"] == []
            # Nor anything by which a reader that knows no Delta would read files of rows that are gone.
            assert set(one["StorageDescriptor"]) == {"Columns", "Location", "SerdeInfo"}
            assert set(one["StorageDescriptor"]["SerdeInfo"]) == {"Parameters"}
            assert all(0 < len(column["Comment"].encode()) <= 255 for column in columns)

        by_name = read_by_name(catalog, catalog.tables, tmp_path / "by_name", moto, OF_CATALOGUE)
        for question in OF_CATALOGUE:
            answer = [tuple(row.values()) for row in by_name.pop(question).to_pylist()]
            assert answer
            assert comparable(answer) == comparable(
                tuple(row.values()) for row in run_query(in_folder, f"SELECT * FROM {question}").dicts
            )
        for table, there in by_name.items():
            here = in_folder.read(table)
            assert there.column_names == here.column_names, table
            assert rows(there.cast(here.schema)) == rows(here), table
        assert (by_name["plays"].num_rows, by_name["catalog_tracks"].num_rows) == (2, len(LISTS))

    def test_rows_that_were_replaced_or_deleted_need_no_write(self, in_bucket, glue, moto, tmp_path):
        catalog, lake = catalog_in(in_bucket.uri), in_bucket.lake
        tables = ("plays", "fct_plays")
        publish(in_bucket, catalog, tables)
        january = lake.read("plays").filter(pc.field("month") == pc.scalar(date(2024, 1, 1)))
        again = january.set_column(january.column_names.index("ms_played"), "ms_played", pa.array([1], pa.int64()))
        lake.replace("plays", again.to_batches, predicate="month = DATE '2024-01-01'")
        lake.ensure("fct_plays").delete("month = DATE '2024-03-01'")
        # Files of the rows that are gone are still there, as a reader that knows no Delta would find.
        assert len([*Bucket(lake.table_uri("fct_plays")).files("month=2024-03-01")]) == 1

        assert publishing.pending_refreshes(catalog, lake, tables) == []
        there = read_by_name(catalog, tables, tmp_path / "by_name", moto)
        assert sorted(there["plays"]["ms_played"].to_pylist()) == [1, 200_000]
        assert there["fct_plays"]["month"].to_pylist() == [date(2024, 1, 1)]
        assert glue.get_table(DatabaseName=catalog.database, Name="plays")["Table"]["VersionId"] == "1"

    def test_columns_as_athena_knows_them(self, world, catalog, glue):
        publish(world, catalog, ["dim_playlist", "raw_files", "track_catalogue"])
        types = {}
        for table in ("dim_playlist", "raw_files", "track_catalogue"):
            found = glue.get_table(DatabaseName=catalog.database, Name=table)["Table"]
            types |= {column["Name"]: column for column in found["StorageDescriptor"]["Columns"]}
        assert types["valid_from"]["Comment"].endswith("Part of the primary key")
        assert {name: types[name]["Type"] for name in ("size", "landed_at", "sha256")} == {
            "size": "bigint",
            "landed_at": "timestamp",
            "sha256": "string",
        }
        assert "array<string>" in {column["Type"] for column in types.values()}


@pytest.mark.parametrize(
    ("comment", "limit", "expected"),
    [
        ("Short", 255, "Short"),
        ("Two\nlines  and\ttabs", 255, "Two lines and tabs"),
        ("x" * 255, 255, "x" * 255),
        ("x" * 256, 255, "x" * 252 + "..."),
        ("ä" * 128, 255, "ä" * 126 + "..."),
    ],
)
def test_comments_fit(comment, limit, expected):
    assert truncate_comment(comment, limit) == expected
    assert len(truncate_comment(comment, limit).encode()) <= limit


def test_the_query_of_the_documentation_names_what_there_is(synced):
    page = (ROOT / "docs" / "aws.md").read_text()
    [sql] = re.findall(r'--query-string "\n(.*?)"\)', page, re.DOTALL)
    with duckdb.connect() as connection:
        for table in re.findall(r"(?:FROM|JOIN) (\w+)", sql):
            connection.register(table, synced.lake.read(table))
        assert connection.execute(sql).fetchall() == [("Band", 2, 0.1)]
        assert connection.execute(sql.replace("2024-01-01", "2024-02-01")).fetchall()[0][1] == 1


def answers(address, *counts):
    """Athena on moto doesn't compute: what it will answer, one count a query."""
    named = {"Name": "_col0", "Label": "_col0", "Type": "bigint"}
    results = [
        {"rows": [{"Data": [{"VarCharValue": value}]} for value in ("_col0", str(count))], "column_info": [named]}
        for count in counts
    ]
    requests.post(f"{address}/moto-api/static/athena/query-results", json={"results": results}).raise_for_status()


@pytest.fixture
def athena(catalog):
    boto3.client("athena").create_work_group(
        Name=catalog.database,
        Configuration={"ResultConfiguration": {"OutputLocation": catalog.lake_uri + "/results"}},
    )
    return Athena(database=catalog.database, lake_uri=catalog.lake_uri, workgroup=catalog.database)


class TestCounted:
    def test_a_query_in_the_workgroup(self, moto, athena):
        answers(moto, 1_234)
        counted = count(athena, "plays")
        assert counted.rows == 1_234
        assert counted.details["bytes_scanned"] == 0
        client = boto3.client("athena")
        query = client.get_query_execution(QueryExecutionId=str(counted.details["query"]))["QueryExecution"]
        assert query["Query"] == f'SELECT count(*) FROM "{athena.database}"."plays"'
        assert query["WorkGroup"] == athena.workgroup

    def test_the_check_of_each_table(self, moto, s3_world, athena):
        world = s3_world
        world.overrides |= {"glue_database": athena.database, "athena_workgroup": athena.workgroup}
        project = definitions(world.settings)
        answers(moto, 5, 0)
        done = run(project, *FEW)
        assert done.success
        [registered] = done.asset_materializations_for_node("publish_athena")[:1]
        assert registered.metadata["registered"].value == f"{athena.database}.plays"
        passed = {check.asset_key.path[-1]: check for check in done.get_asset_check_evaluations()}
        assert {table: check.passed for table, check in passed.items()} == {"dim_time": True, "plays": False}
        assert passed["dim_time"].metadata["bytes_scanned"].value == 0
        assert passed["plays"].description.startswith("5 rows in athena, 0 in the lake")


def run(project, *tables):
    keys = [dg.AssetKey(["athena", table]) for table in tables]
    selection = dg.AssetSelection.assets(*keys) | dg.AssetSelection.checks_for_assets(*keys)
    job = dg.define_asset_job("some", selection=selection)
    with_job = dg.Definitions.merge(project, dg.Definitions(jobs=[job]))
    return with_job.resolve_job_def("some").execute_in_process(raise_on_error=False)


class TestSettings:
    def test_what_is_unset_is_absent(self):
        project = definitions(load_settings(lake_uri="s3://bucket/lake"))
        assert "athena" not in {key.path[0] for key in project.resolve_asset_graph().get_all_asset_keys()}

    def test_without_a_workgroup_nothing_counts(self):
        settings = load_settings(lake_uri="s3://bucket/lake", glue_database="music")
        assert not isinstance(targets(settings)["athena"], CountingTarget)
        graph = definitions(settings).resolve_asset_graph()
        assert {key.path[-1] for key in graph.get_all_asset_keys() if key.path[0] == "athena"} == set(TABLES)
        assert not [key for key in graph.asset_check_keys if key.asset_key.path[0] == "athena"]

    def test_with_one_every_table_is_counted(self):
        settings = load_settings(lake_uri="s3://bucket/lake", glue_database="music", athena_workgroup="dj")
        graph = definitions(settings).resolve_asset_graph()
        checked = {key.asset_key.path[-1] for key in graph.asset_check_keys if key.asset_key.path[0] == "athena"}
        assert checked == set(TABLES)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"glue_database": "music"}, "SPOTIFY_ASSETS_GLUE_DATABASE: 'music': .* set SPOTIFY_ASSETS_LAKE_URI"),
            ({"glue_database": "Music", "lake_uri": "s3://bucket/lake"}, "SPOTIFY_ASSETS_GLUE_DATABASE: .*lower-case"),
            ({"athena_workgroup": "dj"}, "SPOTIFY_ASSETS_ATHENA_WORKGROUP: 'dj': .* set SPOTIFY_ASSETS_GLUE_DATABASE"),
            (
                {"athena_workgroup": "d j", "glue_database": "music", "lake_uri": "s3://bucket/lake"},
                "SPOTIFY_ASSETS_ATHENA_WORKGROUP: 'd j': expected letters",
            ),
        ],
    )
    def test_what_does_not_go_together_is_one_line(self, given, said):
        with pytest.raises(SettingsError, match=said) as error:
            load_settings(**given)
        assert "\n" not in str(error.value)


def test_definitions_serialize_to_json(catalog):
    # A value that JSON cannot represent would have another fingerprint on each run.
    assert json.loads(json.dumps(catalog._table_inputs)) == catalog._table_inputs


@pytest.mark.parametrize(
    ("found", "like", "managed"),
    [
        ({"a": 1, "added": 2}, {"a": 0}, {"a": 1}),
        ({}, {"a": 0}, {"a": None}),
        ({"a": {"b": 1, "added": 2}}, {"a": {"b": 0}}, {"a": {"b": 1}}),
        ([{"a": 1, "added": 2}], [{"a": 0}], [{"a": 1}]),
        ([1, 2], [0], [1, 2]),
        ("changed", {"a": 0}, "changed"),
        ({"a": 1}, "text", {"a": 1}),
    ],
)
def test_what_others_add_to_a_table_of_the_catalogue_is_ignored(found, like, managed):
    assert _managed_part(found, like) == managed
