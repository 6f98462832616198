"""Code versions: what rows depend on changes them, and nothing else does."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import spotify_assets
from spotify_assets.model import TABLES, cleaned, genres, raw
from spotify_assets.refresh import lineage, source_code
from spotify_assets.refresh.lineage import Lineage
from spotify_assets.refresh.syntax import Module
from spotify_assets.settings import load_settings

HISTORY = {"raw_files", "raw_plays"}
SNAPSHOTS = {"raw_playlist_files", "raw_playlists"}
EXPORTED = {*SNAPSHOTS, "raw_library"}
OVERRIDES = {"raw_merges", "raw_exclusions", "raw_genre_overrides"}
METADATA = {"track_metadata", "album_metadata", "artist_metadata", "audio_features_metadata"}
CATALOG = {name for name in TABLES if name.startswith("raw_catalog_")}
CATALOG_TOLD = {name for name in TABLES if name.startswith("catalog_") and TABLES[name].layer == "cleaned"}
JUDGED = {"plays", "rejected_plays"}
PARTITIONED = {name for name, table in TABLES.items() if table.is_partitioned}
PARTIAL = {name for name, table in TABLES.items() if table.window_column == "window_at" and table.layer == "metrics"}
VERSIONS = """
import json, sys
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage
print(json.dumps({table: lineage.code_version(table) for table in TABLES}))
print([name for name in ("pyspark", "dagster", "spotify_assets.transforms") if name in sys.modules])
"""


@pytest.fixture(scope="module")
def _parsed() -> dict[tuple[str, bytes], Module]:
    return {}


@pytest.fixture(autouse=True)
def _parse_once(monkeypatch, _parsed) -> None:
    """Parse each text once for all tests: half the time of a copy, of which all but one file are the package's."""
    parse = source_code.parse_module

    def parse_once(name: str, source: Path) -> Module:
        key = f"{name} {source.name}", source.read_bytes()
        if key not in _parsed:
            _parsed[key] = parse(name, source)
        return _parsed[key]

    monkeypatch.setattr(source_code, "parse_module", parse_once)


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package's source; the package's own code versions are known before a test patches the model."""
    lineage.computed_tables()
    ours = Path(spotify_assets.__file__).parent
    return Path(shutil.copytree(ours, tmp_path / "spotify_assets", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def edit(package):
    """Replace text in a file of the copy."""

    def replace(file: str, old: str, new: str) -> None:
        source = (package / file).read_text()
        assert old in source, f"{file} has no {old!r}"
        (package / file).write_text(source.replace(old, new))

    return replace


def changed(package: Path) -> set[str]:
    """Tables whose code version in the copy is another one."""
    there = Lineage(package)
    return {table for table in TABLES if there.code_version(table) != lineage.code_version(table)}


@pytest.mark.parametrize(
    ("file", "old", "new", "tables"),
    [
        # A constant, through another one and a helper, in another module than the transform's.
        ("transforms/keys.py", "ID_LENGTH = 22", "ID_LENGTH = 23", JUDGED | CATALOG_TOLD | {"popularity_tracks"}),
        ("transforms/calendar.py", "% 7 + 1", "% 7 + 2", {"dim_date", "listening_clock", "listening_behaviour"}),
        ("transforms/judge.py", "[+-]?[0-9]", "[+]?[0-9]", JUDGED),
        ("transforms/plays.py", '"unknown"', '"missing"', {"plays"}),
        ("transforms/rejected_plays.py", '"month"', '"week"', {"rejected_plays"}),
        ("readers/text.py", '(",", ";"', '(";", ","', HISTORY | CATALOG | SNAPSHOTS),
        ("readers/times.py", "parts.month, parts.day", "parts.day, parts.month", HISTORY),
        ("readers/archives.py", "BOMB_RATIO = 200", "BOMB_RATIO = 300", HISTORY | CATALOG | EXPORTED),
        ("readers/formats.py", '"msPlayed": "ms_played"', '"playedMs": "ms_played"', HISTORY | CATALOG),
        ("readers/playlists.py", 'SPOTIFY_USER = "spotify"', 'SPOTIFY_USER = "Spotify"', SNAPSHOTS),
        ("readers/metadata.py", "NOT_FOUND = 404", "NOT_FOUND = 410", METADATA),
        ("readers/responses.py", "{22}", "{23}", HISTORY | SNAPSHOTS | METADATA),
        ("readers/catalog.py", '"bpm"', '"beats"', CATALOG | SNAPSHOTS),
        ("ingest/catalog_rows.py", "read.records += len(part)", "read.records += 1", CATALOG),
        ("ingest/history_rows.py", "MEGABYTE = 1_000_000", "MEGABYTE = 2_000_000", HISTORY),
        ("ingest/playlist_rows.py", '"replaced"', '"superseded"', SNAPSHOTS),
        ("ingest/metadata_rows.py", "for key in sorted(responses)", "for key in responses", METADATA),
        ("ingest/columns.py", "range(len(rows))", "range(1, len(rows) + 1)", EXPORTED | METADATA | OVERRIDES),
        ("windows.py", "replace(day=1)", "replace(day=2)", PARTITIONED | HISTORY),
        ("windows.py", "{column} < ", "{column} <= ", PARTITIONED),
    ],
)
def test_a_change_concerns_the_tables_whose_rows_depend_on_it(package, edit, file, old, new, tables):
    edit(file, old, new)
    assert changed(package) == tables


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("transforms/judge.py", "\n\nWHOLE_NUMBER = ", "\n\n# Another comment.\nWHOLE_NUMBER = "),
        ("transforms/calendar.py", '"""ISO 8601 day of the week: ', '"""Day of the week by ISO 8601: '),
        ("transforms/calendar.py", "(date: Column) -> Column:", "(date):"),
        ("transforms/calendar.py", "import functions as F", "import functions  as   F"),
        ("transforms/keys.py", "ID_LENGTH = 22", "ID_LENGTH: int = (\n    22\n)"),
        ("ingest/history.py", "GROUP_FILES = 2_000", "GROUP_FILES = 1_000"),
        ("ingest/history_changes.py", '"no change"', '"nothing"'),
        ("ingest/catalog.py", 'READING = "reading"', 'READING = "being read"'),
        ("lake/tables.py", "3650 days", "3651 days"),
        ("landing/queue.py", "BATCH = 10", "BATCH = 5"),
        ("refresh/plan.py", "MAX_BRIDGED = 14", "MAX_BRIDGED = 15"),
        ("settings.py", "Shorter plays are rejected", "Plays that are shorter are rejected"),
    ],
)
def test_what_shapes_no_row_changes_nothing(package, edit, file, old, new):
    edit(file, old, new)
    assert changed(package) == set()


def test_functions_that_move_change_nothing(package, edit):
    source = (package / "transforms/calendar.py").read_text()
    (package / "transforms/days.py").write_text(source)
    (package / "transforms/calendar.py").unlink()
    for path in package.glob("transforms/*.py"):
        if path.name != "metrics.py":
            path.write_text(
                path.read_text().replace("from spotify_assets.transforms.calendar import", "from .days import")
            )
    edit(
        "transforms/metrics.py",
        "from spotify_assets.transforms.calendar import iso_day_of_week",
        "from spotify_assets.transforms import days",
    )
    edit("transforms/metrics.py", "iso_day_of_week(F", "days.iso_day_of_week(F")
    assert changed(package) == set()


def test_a_constant_of_the_model_counts_by_value(package, monkeypatch):
    monkeypatch.setattr(cleaned, "STREAM_MS", 31_000)
    monkeypatch.setattr(genres, "GENRE_RULES", genres.GENRE_RULES[1:])
    assert changed(package) == {"plays", "genre_families", "popularity_tracks"}


def test_columns_and_types_count_and_comments_do_not(package, monkeypatch):
    monkeypatch.setattr(TABLES["dim_time"].declared, "comment", "Hours")
    monkeypatch.setattr(TABLES["plays"].declared.columns["skipped"], "comment", "Skipped")
    monkeypatch.setitem(raw.RECORD_FIELDS, "ts", "End of the play")
    monkeypatch.setattr(TABLES["listening_clock"].declared.columns["ms_played"], "nullable", True)
    assert changed(package) == set()
    # The row for what is unknown is null where it may be.
    label = TABLES["dim_time"].declared.columns["label"]
    monkeypatch.setattr(label, "nullable", not label.nullable)
    types = TABLES["listening_clock"].spark_types
    monkeypatch.setitem(TABLES["listening_clock"].__dict__, "spark_types", types | {"hour": "bigint"})
    assert changed(package) == {"listening_clock", "dim_time"}


def test_versions_are_the_same_in_every_process_and_import_no_transform():
    done = subprocess.run(
        [sys.executable, "-c", VERSIONS],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    versions, imported = done.stdout.splitlines()
    assert json.loads(versions) == {table: lineage.code_version(table) for table in TABLES}
    assert imported == "[]"


@pytest.mark.parametrize(
    ("override", "tables"),
    [
        ({"min_ms_played": 1_000}, JUDGED),
        (
            {"timezone": "Europe/Stockholm"},
            {"plays", "dim_listener", "session_parts", "listening_sessions", "playlist_impact", "records"},
        ),
        (
            {"timezones": {"anna": "Asia/Tokyo"}},
            {"plays", "dim_listener", "session_parts", "listening_sessions", "playlist_impact", "records"},
        ),
        ({"plays_start": "2020-01-01"}, HISTORY | JUDGED),
        (
            {"plays_grain": "daily"},
            HISTORY | JUDGED | PARTIAL,
        ),
        ({"max_json_mb": 1}, HISTORY),
        ({"snapshots_start": "2021-01-01", "playlists": "me", "lake_uri": "elsewhere"}, set()),
    ],
)
def test_settings_concern_the_tables_whose_rows_they_change(override, tables):
    before, after = load_settings(), load_settings(**override)
    differ = {table for table in TABLES if lineage.row_settings(table, before) != lineage.row_settings(table, after)}
    assert differ == tables


def test_order_is_that_of_what_is_read_and_referred_to():
    order = lineage.refreshed_tables()
    assert sorted(order) == sorted(set(TABLES) - HISTORY)
    for table in lineage.computed_tables():
        for before in (*lineage.upstreams(table), *TABLES[table].references):
            assert before in HISTORY or order.index(before) < order.index(table), (before, table)


def test_inputs_and_keywords_are_those_of_the_signature():
    assert lineage.upstreams("plays") == ("raw_plays", "raw_files", "raw_exclusions")
    assert lineage.takes("plays", "window")
    assert not lineage.takes("plays", "spark")
    assert lineage.upstreams("raw_plays") == ()


def test_a_table_without_a_transform_is_an_error_that_names_it(package, edit):
    edit("transforms/metrics.py", "def listening_clock(", "def listening_clocks(")
    with pytest.raises(LookupError, match="transforms has no function listening_clock,"):
        Lineage(package).upstreams("plays")


def test_source_is_where_the_transform_is():
    file, line = lineage.source("fct_plays")
    assert (file.name, file.read_text().splitlines()[line - 1]) == (
        "facts.py",
        "def fct_plays(plays: DataFrame) -> DataFrame:",
    )
    # The rows of raw tables are made by a module.
    file, line = lineage.source("raw_plays")
    assert (file.name, line) == ("history_rows.py", 1)


def test_columns_that_are_copied():
    assert lineage.copied_columns("listening_clock") == {
        "listener": ("hourly_listening", "listener"),
        "hour": ("hourly_listening", "hour"),
    }
    copied = lineage.copied_columns("fct_plays")
    assert copied["played_at"] == ("plays", "played_at")
    assert copied["time_key"] == ("plays", "local_hour")
    assert {"listener_key", "track_key", "reason_start_key"}.isdisjoint(copied)
    # It selects from a join.
    assert lineage.copied_columns("discoveries") == {}


@pytest.mark.parametrize(
    ("old", "new", "is_copied"),
    [
        ('        "skipped",\n', '        F.col("skipped").alias("skipped"),\n', True),
        ('        "skipped",\n', '        F.col("shuffle").alias("skipped"),\n', True),
        ('        "skipped",\n', '        F.lit(None).alias("skipped"),\n', False),
        ('        "skipped",\n', '        F.not_("skipped").alias("skipped"),\n', False),
        ("    return plays.select(", '    plays = plays.where("skipped")\n    return plays.select(', False),
        ("    return plays.select(", "    return plays.distinct().select(", False),
        (
            "    return plays.select(",
            "    if content_type is None:\n        return plays\n    return plays.select(",
            False,
        ),
    ],
)
def test_what_is_no_plain_copy_is_none(package, edit, old, new, is_copied):
    edit("transforms/facts.py", old, new)
    assert ("skipped" in Lineage(package).copied_columns("fct_plays")) == is_copied
