"""Which targets are configured."""

import pytest

from spotify_assets.settings import load_settings
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets.targets.glue import Athena, GlueCatalog
from spotify_assets.targets.registry import targets

SNOWFLAKE = {
    "snowflake_account": "acme-music",
    "snowflake_user": "loader",
    "snowflake_password": "secret",
    "snowflake_warehouse": "loading",
    "snowflake_database": "music",
    "snowflake_url": "http://127.0.0.1:1",
}
IN_S3 = {"lake_uri": "s3://music/lake"}


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ({}, []),
        ({"mysql_url": "mysql://user:secret@127.0.0.1:1/music"}, ["mysql"]),
        (IN_S3, []),
        (IN_S3 | {"glue_database": "music"}, ["athena"]),
        (SNOWFLAKE, ["snowflake"]),
        ({"export_uri": "exports"}, ["files"]),
        (SNOWFLAKE | {"export_uri": "exports"}, ["snowflake", "files"]),
    ],
)
def test_a_configured_target_is_present(options, others):
    found = targets(load_settings(**options))
    assert list(found) == ["duckdb", *others]
    assert [target.name for target in found.values()] == list(found)


def test_the_duckdb_file_is_where_the_settings_say(tmp_path):
    assert targets(load_settings(warehouse="here.duckdb"))["duckdb"] == Warehouse(path=str(tmp_path / "here.duckdb"))


@pytest.mark.parametrize(("workgroup", "kind"), [("", GlueCatalog), ("primary", Athena)])
def test_athena_counts_where_a_workgroup_is_set(workgroup, kind):
    options = IN_S3 | {"glue_database": "music", "athena_workgroup": workgroup}
    assert type(targets(load_settings(**options))["athena"]) is kind
