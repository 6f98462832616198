import os
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from spotify_assets.settings import Settings, SettingsError, folder_name, load_settings


def test_defaults_work_with_nothing_set(tmp_path):
    settings = load_settings()
    assert settings.landing_uri == str(tmp_path / "data/landing")
    assert settings.lake_uri == str(tmp_path / "data/lake")
    assert settings.plays_start == datetime(2008, 10, 1, tzinfo=UTC)
    assert settings.spark_remote.get_secret_value() == ""


def test_zones_by_listener(monkeypatch):
    monkeypatch.setenv("SPOTIFY_ASSETS_TIMEZONE", "America/Lima")
    monkeypatch.setenv("SPOTIFY_ASSETS_TIMEZONES", "anna=Europe/Stockholm, ben=Asia/Tokyo")
    settings = load_settings()
    assert [settings.zone_of(name) for name in ("anna", "ben", "cleo")] == [
        "Europe/Stockholm",
        "Asia/Tokyo",
        "America/Lima",
    ]


def test_a_dotenv_file_is_read(tmp_path):
    (tmp_path / ".env").write_text("SPOTIFY_ASSETS_MIN_MS_PLAYED=30000\n")
    assert load_settings().min_ms_played == 30_000


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TIMEZONE", "Mars/Olympus", "not a time zone"),
        ("TIMEZONES", "anna", "listener=Zone"),
        ("TIMEZONES", "anna=Nowhere", "not a time zone"),
        ("PLAYS_START", "yesterday", "YYYY-MM-DD"),
        ("PLAYS_START", "2999-01-01", "between 1970 and today"),
        ("PLAYS_GRAIN", "hourly", "'daily', 'weekly' or 'monthly'"),
        ("MIN_MS_PLAYED", "-1", "greater than or equal to 0"),
        ("MIN_MS_PLAYED", "long", "valid integer"),
        ("MAX_REJECTED_SHARE", "2", "less than or equal to 1"),
        ("CHART_SIZE", "0", "greater than or equal to 1"),
        ("SPARK_REMOTE", "yarn", "sc://host:port"),
        ("LAKE_URI", "ftp://x/y", "a folder on this machine"),
        ("LAKE_URI", "lake[1]", "can't have the character '['"),
        ("LAKE_URI", "100%", "can't have the character '%'"),
        ("LAKE_URI", "a\\b", "can't have the character '\\\\'"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(monkeypatch, name, value, expected):
    monkeypatch.setenv(f"SPOTIFY_ASSETS_{name}", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    message = str(error.value)
    assert message.startswith(f"SPOTIFY_ASSETS_{name}: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPARK_REMOTE", "sc://host:15002;token=a-secret"),
        ("SPARK_REMOTE", "sc://host:15002/;a-secret"),
        ("SPARK_REMOTE", "sc://me:a-secret@host"),
        ("SPARK_REMOTE", "spark://host?token=a-secret"),
        ("MYSQL_URL", "postgres://me:a-secret@host/music"),
        ("SNOWFLAKE_URL", "https://me:a-secret@host"),
        ("API_URL", "https://me:a-secret@host"),
        ("LAKE_URI", "s3://key:a-secret@bucket/lake"),
        ("LANDING_URI", "https://key:a-secret@host/landing"),
        ("EXPORT_URI", "abfs://exports?sig=a-secret"),
        ("WAREHOUSE", "md://music?motherduck_token=a-secret"),
        ("LANDING_QUEUE_URL", "https://key:a-secret@sqs.eu-north-1.amazonaws.com/1/landed"),
        ("CREDENTIALS", "a-secret"),
    ],
)
def test_a_wrong_value_with_a_secret_is_not_repeated(monkeypatch, name, value):
    monkeypatch.setenv(f"SPOTIFY_ASSETS_{name}", value)
    with pytest.raises(SettingsError, match=f"SPOTIFY_ASSETS_{name}: ") as error:
        load_settings()
    assert "a-secret" not in str(error.value)
    with pytest.raises(ValidationError) as raw:
        Settings()
    assert "a-secret" not in str(raw.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "MYSQL_URL",
            "mysql://me:a-secret@host/music?ssl_ca=/no/ca.pem",
            "ssl_ca is '/no/ca.pem', and there is no such",
        ),
        ("MYSQL_URL", "mysql://me:a-secret@host/music?charset=x&ssl_key=no.pem", "ssl_key is 'no.pem'"),
        ("SNOWFLAKE_PRIVATE_KEY_FILE", "/no/key.p8", "there is no file '/no/key.p8'"),
        ("WAREHOUSE", "/tmp", "'/tmp' is a folder"),
        ("SPOTIFY_STATE", "/tmp", "'/tmp' is a folder"),
    ],
)
def test_a_file_that_is_not_there_is_told_with_its_variable(monkeypatch, name, value, expected):
    monkeypatch.setenv(f"SPOTIFY_ASSETS_{name}", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value).startswith(f"SPOTIFY_ASSETS_{name}: {expected}")
    assert "a-secret" not in str(error.value)


def test_files_that_are_there_are_taken(tmp_path):
    (tmp_path / "ca one.pem").touch()
    url = f"mysql://me:a-secret@host/music?ssl_ca={tmp_path}/ca%20one.pem"
    assert load_settings(mysql_url=url).mysql_url.get_secret_value() == url
    assert (
        load_settings(snowflake_private_key_file="ca one.pem").snowflake_private_key_file == f"{tmp_path}/ca one.pem"
    )


@pytest.mark.parametrize(
    "value", ["local", "local[*]", "sc://host", "sc://[::1]:15002/", "sc://host:443/;token=dapi0;x-cluster-id=1"]
)
def test_engines_that_can_be_named(value):
    assert load_settings(spark_remote=value).spark_remote.get_secret_value() == value


@pytest.mark.parametrize(
    ("value", "is_refused"),
    [
        ("data/lake", True),
        ("data/lake/", True),
        ("data/lake/exports", True),
        ("data/lake2", False),
        ("data", False),
        ("data/landing", True),
        ("data/landing/exports", True),
        ("data/landing-exports", False),
        ("s3://music/exports", False),
    ],
)
def test_exports_lie_outside_of_the_lake_and_the_landing_zone(value, is_refused):
    with pytest.raises(SettingsError, match="expected a location outside of") if is_refused else nullcontext():
        load_settings(export_uri=value)


@pytest.mark.parametrize(("export", "is_refused"), [("lake", True), ("lake/exports", True), ("lake2", False)])
def test_exports_in_the_bucket_of_the_lake_have_a_prefix_of_their_own(export, is_refused):
    with pytest.raises(SettingsError, match="expected a location outside of") if is_refused else nullcontext():
        load_settings(lake_uri="s3://music/lake", export_uri=f"s3a://music/{export}/")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("anna", "anna"),
        (" anna \t", "anna"),
        ("anna b", "anna b"),
        # What a person has landed under it is found again, and forgotten, by the name as they typed it.
        ("anna\u200b", "anna\u200b"),
        ("\u200banna", "\u200banna"),
        ("a.b", "a.b"),
    ],
)
def test_a_listeners_name_is_their_folders(name, folder):
    assert folder_name(name) == folder


@pytest.mark.parametrize("name", ["", " ", ".", "..", ".anna", " .anna", "a/b", "a\\b", "/", "a\0b"])
def test_a_name_that_is_no_folder_of_its_own_is_refused(name):
    with pytest.raises(ValueError, match="without slashes that does not start with a dot"):
        folder_name(name)


def test_a_listeners_name_that_is_no_text_is_refused():
    with pytest.raises(ValueError, match="expected a name in UTF-8"):
        folder_name(os.fsdecode(b"ren\xe9"))
