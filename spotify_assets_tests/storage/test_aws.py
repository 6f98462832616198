"""Credentials, region and endpoint, as AWS's tools take them, reach all that talks to S3."""

import subprocess
import sys

import pytest

from spotify_assets.settings import SettingsError, load_settings
from spotify_assets.storage import StorageError, aws, engine_environment, spark_settings, storage_at, storage_options


def without_keys(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)


def test_a_folder_needs_none():
    assert storage_options("/data/lake") is None
    assert engine_environment("/data/lake") == {}


def test_from_variables(bucket, moto, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    assert storage_options(bucket) == {
        "AWS_ACCESS_KEY_ID": "a-key",
        "AWS_SECRET_ACCESS_KEY": "a-secret-key",
        "AWS_SESSION_TOKEN": "a-token",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": moto,
        "AWS_ALLOW_HTTP": "true",
    }


def test_apache_spark_is_told_where_and_no_secret(bucket, moto):
    settings = spark_settings(bucket)
    assert settings["spark.hadoop.fs.s3a.endpoint"] == moto
    assert settings["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert settings["spark.hadoop.fs.s3a.endpoint.region"] == "us-east-1"
    assert not any("key" in value for value in settings.values())
    assert spark_settings("/data/lake") == {}


def test_aws_itself_needs_no_endpoint(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    assert engine_environment(bucket) == {"AWS_REGION": "eu-north-1"}


PROFILES = """
[profile music]
region = eu-west-1
endpoint_url = {endpoint}
"""
KEYS = """
[music]
aws_access_key_id = key-of-the-profile
aws_secret_access_key = secret-of-the-profile
"""


@pytest.fixture
def profile(bucket, moto, monkeypatch, tmp_path):
    """A profile that tells everything; no variable does."""
    (tmp_path / "config").write_text(PROFILES.format(endpoint=moto))
    (tmp_path / "credentials").write_text(KEYS)
    without_keys(monkeypatch)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "music")
    return bucket


def test_from_a_profile(profile, moto):
    assert storage_options(profile) == {
        "AWS_ACCESS_KEY_ID": "key-of-the-profile",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-profile",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT": moto,
        "AWS_ALLOW_HTTP": "true",
    }


USES_ALL = """
import os
import sys
from spotify_assets.lake.tables import Lake
from spotify_assets.engine.session import spark_session
from spotify_assets.storage import storage_at
uri = sys.argv[1]
storage_at(uri).write("landing/a", b"x")
lake = Lake(uri + "/lake")
lake.ensure("dim_time")
rows = spark_session().read.format("delta").load(lake.table_uri("dim_time"))
print("read", len(rows.collect()))
sys.stdout.flush()
os._exit(0)
"""


def test_a_profile_is_enough_for_boto_deltalake_and_the_engine(profile):
    """In a process of its own, as the engine keeps what it first found."""
    done = subprocess.run(
        [sys.executable, "-c", USES_ALL, profile], capture_output=True, text=True, timeout=120, check=False
    )
    assert "read 0" in done.stdout, done.stderr[-2000:]


class Renewed:
    """Credentials of a role: new ones each time that they are asked for."""

    count = 0

    def get_frozen_credentials(self):
        from botocore.credentials import ReadOnlyCredentials

        Renewed.count += 1
        return ReadOnlyCredentials(f"key-{Renewed.count}", "secret", "token")


def test_credentials_that_end_are_asked_for_anew(bucket, monkeypatch):
    monkeypatch.setattr(aws, "_credentials", lambda environment: Renewed())
    first, second = (storage_options(bucket)["AWS_ACCESS_KEY_ID"] for _ in range(2))
    assert first != second


def test_an_endpoint_with_a_password_is_refused_without_repeating_it(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://key:a-secret@127.0.0.1:9000")
    with pytest.raises(StorageError, match="AWS_ENDPOINT_URL has a user or password; set AWS_ACCESS_KEY_ID") as raised:
        storage_options(bucket)
    assert "a-secret@" not in str(raised.value)


def test_another_environment_is_another_client(bucket, monkeypatch):
    one = aws.s3_client()
    assert aws.s3_client() is one
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    assert aws.s3_client().meta.region_name == "eu-north-1"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("s3://my-bucket", "s3://my-bucket"),
        ("s3://my-bucket/", "s3://my-bucket"),
        ("s3://my-bucket/a/b/", "s3://my-bucket/a/b"),
        ("s3a://my-bucket/a", "s3://my-bucket/a"),
    ],
)
def test_uris(given, taken):
    settings = load_settings(lake_uri=given, landing_uri=given)
    assert (settings.lake_uri, settings.landing_uri) == (taken, taken)


@pytest.mark.parametrize("given", ["s3://", "s3:///lake", "s3://Bad_Bucket/x", "gs://bucket/x", "hdfs://host/x"])
def test_other_uris_are_refused(given):
    with pytest.raises(SettingsError, match=r"SPOTIFY_ASSETS_LAKE_URI.*expected"):
        load_settings(lake_uri=given)


def test_no_secret_is_in_what_is_shown(bucket):
    files = storage_at(f"{bucket}/x")
    assert "a-secret-key" not in repr(files)
    assert all("a-secret-key" not in value for value in engine_environment(bucket).values())
