from datetime import UTC, datetime

import pytest

from spotify_assets.settings import SettingsError, load_settings


def test_defaults_work_with_nothing_set(tmp_path):
    settings = load_settings()
    assert settings.landing_uri == str(tmp_path / "data/landing")
    assert settings.lake_uri == str(tmp_path / "data/lake")
    assert settings.plays_start == datetime(2008, 10, 1, tzinfo=UTC)
    assert settings.spark_remote == ""


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
        ("TIMEZONE", "Mars/Olympus", "no time zone"),
        ("TIMEZONES", "anna", "listener=Zone"),
        ("TIMEZONES", "anna=Nowhere", "no time zone"),
        ("PLAYS_START", "yesterday", "YYYY-MM-DD"),
        ("PLAYS_START", "2999-01-01", "between 1970 and today"),
        ("PLAYS_GRAIN", "hourly", "'daily', 'weekly' or 'monthly'"),
        ("MIN_MS_PLAYED", "-1", "greater than or equal to 0"),
        ("MIN_MS_PLAYED", "long", "valid integer"),
        ("MAX_REJECTED_SHARE", "2", "less than or equal to 1"),
        ("SPARK_REMOTE", "yarn", "sc://host:port"),
        ("LAKE_URI", "ftp://x/y", "a folder on this machine"),
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
