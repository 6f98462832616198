"""The command `powerbi`: where it takes the source from, and what it says."""

import click
import pytest

from spotify_assets.cli.powerbi import source_of
from spotify_assets.settings import load_settings
from spotify_assets.targets.powerbi import AthenaSource, MySQLSource

MYSQL = {"mysql_url": "mysql://u:p@db:3307/music"}
GLUE = {"glue_database": "spotify", "lake_uri": "s3://bucket/lake"}


@pytest.mark.parametrize(
    ("configured", "options", "expected"),
    [
        (MYSQL, {}, MySQLSource("db:3307", "music")),
        (GLUE, {}, AthenaSource("spotify", "spotify_assets")),
        (MYSQL | GLUE, {}, MySQLSource("db:3307", "music")),
        (MYSQL | GLUE, {"target": "athena"}, AthenaSource("spotify")),
        (MYSQL | GLUE, {"dsn": "Music"}, AthenaSource("spotify", "Music")),
        (MYSQL, {"server": "office"}, MySQLSource("office", "music")),
        (GLUE, {"server": "office", "database": "music"}, MySQLSource("office", "music")),
        ({}, {"server": "office:3306", "database": "music"}, MySQLSource("office:3306", "music")),
        ({}, {"target": "athena", "database": "spotify"}, AthenaSource("spotify")),
    ],
)
def test_options_win_over_settings(configured, options, expected):
    given = {"target": None, "server": None, "database": None, "dsn": None} | options
    assert source_of(load_settings(**configured), **given) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "set SPOTIFY_ASSETS_MYSQL_URL or SPOTIFY_ASSETS_GLUE_DATABASE"),
        ({"server": "office"}, "give --server and --database"),
        ({"target": "athena"}, "set SPOTIFY_ASSETS_GLUE_DATABASE, or give --database"),
        ({"target": "athena", "server": "office"}, "--server is of MySQL"),
        ({"target": "mysql", "dsn": "Music"}, "--dsn is of Athena"),
        ({"server": "office", "dsn": "Music"}, "give one of them"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    given = {"target": None, "server": None, "database": None, "dsn": None} | options
    with pytest.raises(click.UsageError, match=message):
        source_of(load_settings(), **given)


def test_a_project_of_the_configured_database(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = run("powerbi", "--tables", "fct_plays, dim_reason,dim_playlist,fct_playlist_tracks",
               SPOTIFY_ASSETS_MYSQL_URL="mysql://u:p@db/music")  # fmt: skip
    assert "data/powerbi/listening.pbip: 4 tables, 2 relationships (1 active), 14 measures" in said
    assert "Reads from Server db, Database music; no user or password is in it" in said
    assert "fct_playlist_tracks.playlist_key -> dim_playlist: playlist_key is a part of" in said
    page = tmp_path / "data/powerbi/listening.Report/definition/report.json"
    page.write_text("{}")
    again = run("powerbi", "--server", "db", "--database", "music", "--tables", "fct_plays")
    assert "1 files of the report were changed since, and stay" in again
    assert page.read_text() == "{}"


def test_errors_of_a_project_are_one_line(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ("--server", "db", "--database", "music")
    assert "Error: 'fct_play' is no table" in run("powerbi", *given, "--tables", "fct_play", expect=1)
    assert "can't be the project's name" in run("powerbi", *given, "--name", "a/b", expect=1)
    (tmp_path / "file").write_text("")
    assert "file" in run("powerbi", *given, "--into", "file", expect=2)
    assert "free or choose a folder, --into" in run("powerbi", *given, "--into", "file/below", expect=1)
    assert "Power BI reads MySQL or Athena" in run("powerbi", expect=2)
