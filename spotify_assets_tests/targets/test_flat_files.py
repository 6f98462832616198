"""Exports as Parquet and CSV: complete and atomic, on disk and in a bucket."""

import csv
import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from spotify_assets.model import LAYERS, TABLES
from spotify_assets.settings import SettingsError, load_settings
from spotify_assets.storage import storage_at
from spotify_assets.targets import flat_files, publishing
from spotify_assets.targets.publishing import TargetError
from spotify_assets.targets.registry import targets
from spotify_assets_tests.conftest import some_metrics
from spotify_assets_tests.targets.published import FILES, LISTS, catalog_tracks, count, publish, two_snapshots

pytestmark = [pytest.mark.integration, some_metrics]

ALL = publishing.tables_of_layers(*LAYERS)


@pytest.fixture
def history(prepared):
    world = prepared(FILES, two_snapshots)
    world.overrides |= {"export_uri": str(world.root / "a" / "folder")}
    return world


@pytest.fixture
def files(history):
    return targets(history.settings)["files"]


def latest(target):
    with storage_at(target.uri).open("latest.json") as stream:
        return json.load(stream)


def there(target):
    """Every file of the exports, but for the lock."""
    return {file.path for file in storage_at(target.uri).files()} - {".lock"}


def folders(target):
    return {path.partition("/")[0] for path in there(target)} - {"latest.json"}


def fetched(target, folder):
    """The files below a folder of the latest export, by path."""
    place = storage_at(target.uri)
    below = f"{latest(target)['folder']}/{folder}"
    return {file.path.removeprefix(f"{below}/"): place.open(file.path).read() for file in place.files(below)}


def parquet(target, table):
    """Rows of the table, file by file, as a reader has them who knows of no partitions."""
    parts = [pq.ParquetFile(io.BytesIO(content)).read() for content in fetched(target, f"parquet/{table}").values()]
    assert {tuple(part.column_names) for part in parts} == {tuple(TABLES[table].columns)}
    # Parquet names the elements of a list otherwise.
    return [row for part in parts for row in part.cast(TABLES[table].arrow_schema).to_pylist()]


def from_csv(target, table):
    """Rows of the table in its columns' types, by a parser that tells `""` from nothing."""
    types = TABLES[table].spark_types
    casts = {"timestamp": "TIMESTAMPTZ", "array<string>": "JSON", "string": "VARCHAR", "int": "INTEGER"}
    content = fetched(target, "csv")[f"{table}.csv"]
    assert next(csv.reader(io.StringIO(content.decode()))) == list(types)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        file = io.BytesIO(content)
        options = {"header": True, "dtype": {n: casts.get(t, t.upper()) for n, t in types.items()}}
        read = connection.read_csv(
            file, na_values="", allow_quoted_nulls=False, quotechar='"', escapechar='"', **options
        )
        rows = read.to_arrow_table().to_pylist()
    for row in rows:
        for name, type_ in types.items():
            if type_ == "array<string>" and row[name] is not None:
                row[name] = json.loads(row[name])
    return rows


def in_order(rows):
    return sorted(str({name: str(value) for name, value in row.items()}) for row in rows)


@pytest.fixture
def few(monkeypatch):
    """Some tables only."""
    tables = ("plays", "dim_listener", "dim_track", "bridge_track_artist", "fct_plays", "daily_track_plays")
    monkeypatch.setattr(flat_files.FlatFiles, "tables", property(lambda _: tables))
    return tables


def assert_equals_the_lake(target, world, tables=ALL):
    for table in tables:
        here = in_order(world.lake.read(table).to_pylist())
        assert in_order(parquet(target, table)) == here, table
        assert in_order(from_csv(target, table)) == here, table
        assert count(target, table).rows == len(here)


def test_without_an_export_there_is_nothing_to_count(tmp_path):
    with pytest.raises(TargetError, match="no export yet"):
        count(flat_files.FlatFiles(str(tmp_path)), "plays")


@pytest.mark.parametrize(
    ("folder", "is_export"),
    [
        ("2024-01-31T00-00-00Z", True),
        ("2024-01-31T00-00-00Z-2", True),
        ("2024-01-32T00-00-00Z", False),
        ("2024", False),
        ("photos", False),
    ],
)
def test_folders_of_exports_are_told_from_others(folder, is_export):
    assert flat_files._is_export_name(folder) == is_export


def test_every_row_of_every_table(history, files):
    catalog_tracks(history, *LISTS)
    done = publish(history, files)
    assert {table: one.rows for table, one in done.items()} == {table: history.lake.count(table) for table in ALL}
    assert_equals_the_lake(files, history)
    assert publishing.pending_refreshes(files, history.lake) == []
    assert publish(history, files) == {}
    assert len(folders(files)) == 1


def test_in_a_bucket(history, bucket, few):
    history.overrides["export_uri"] = f"{bucket}/exports"
    files = targets(history.settings)["files"]
    publish(history, files)
    assert_equals_the_lake(files, history, few)
    assert publishing.pending_refreshes(files, history.lake) == []


def test_readers_find_a_month_by_folder_and_by_column(history, files, few):
    publish(history, files)
    folder = f"{files.uri}/{latest(files)['folder']}/parquet/fct_plays"
    february = "month = DATE '2024-02-01'"
    assert duckdb.sql(f"SELECT count(*) FROM '{folder}/**/*.parquet' WHERE {february}").fetchall() == [(2,)]
    assert duckdb.sql(f"SELECT count(*) FROM '{folder}/in_month=2024-02-01/*.parquet'").fetchall() == [(2,)]
    frame = pd.read_parquet(folder)
    assert len(frame[frame["in_month"] == "2024-02-01"]) == len(frame[frame["month"].astype(str) == "2024-02-01"]) == 2
    assert len(pd.read_parquet(folder, filters=[("in_month", ">=", "2024-02-01")])) == 3
    assert ds.dataset(folder).to_table().num_rows == 20


def test_partial_aggregates_are_a_file_a_year(history, files, few):
    publish(history, files)
    folder = Path(files.uri, latest(files)["folder"], "parquet/daily_track_plays")
    assert {path.parent.name for path in folder.rglob("*.parquet")} == {"in_year=2024-01-01"}
    frame = pd.read_parquet(folder)
    assert {*frame["year_start"].astype(str)} == {"2024-01-01"}


def test_null_empty_text_lists_and_formulas(tmp_path):
    import pyarrow as pa

    rows = pa.table(
        {
            "artist_ids": [["a", 'b"', ""], [], None],
            "track_name": ["=1+1", "", None],
            "added_at": [datetime(2024, 1, 2, 3, 4, 5, 250_000, UTC), None, None],
        }
    )
    types = {"track_name": "string", "artist_ids": "array<string>", "added_at": "timestamp"}
    flat_files._to_csv(types, rows, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().splitlines() == [
        "track_name,artist_ids,added_at",
        '=1+1,"[""a"",""b\\"""",""""]",2024-01-02T03:04:05.250000Z',
        '"",[],',
        ",,",
    ]


def test_formulas_are_neutralized_where_that_is_asked_for(tmp_path):
    import pyarrow as pa

    texts = ["=1+1", "+1", "-1", "@a", "\ta", "\ra", "\na", "＝1", "a=1", "'", "", None]  # noqa: RUF001
    rows = pa.table({"track_name": texts, "ms_played": [-1] * len(texts)})
    types = {"track_name": "string", "ms_played": "bigint"}
    flat_files._to_csv(types, rows, tmp_path / "x.csv", neutralize_formulas=True)
    content = (tmp_path / "x.csv").read_bytes().decode()
    assert '"a=1",-1\n' in content
    read = [row["track_name"] for row in csv.DictReader(io.StringIO(content, newline=""))]
    assert read == [f"'{text}" for text in texts[:8]] + ["a=1", "'", "", ""]


def test_neutralized_files_are_another_export(tmp_path):
    exact, neutralized = (
        targets(load_settings(export_uri=str(tmp_path), csv_neutralize_formulas=each))["files"]
        for each in (False, True)
    )
    assert exact.schema_fingerprint("plays") != neutralized.schema_fingerprint("plays")


@pytest.mark.parametrize("is_ahead", [False, True])
def test_an_export_that_is_killed_is_never_seen_and_removed_by_the_next(history, files, few, monkeypatch, is_ahead):
    publish(history, files)
    before, whole = latest(files), there(files)

    class KilledError(BaseException):
        pass

    def killed(*_):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(flat_files, "_to_parquet", killed)
        patch.setattr(flat_files.FlatFiles, "_remove", lambda *_: None)  # a process that is killed tidies nothing
        with pytest.raises(KilledError):
            publish(history, files, full=True)
    assert latest(files) == before
    assert len(folders(files)) == 2
    left = folders(files) - {before["folder"]}
    if is_ahead:
        for path in Path(files.uri, *left).rglob("*"):
            os.utime(path, (2_400_000_000,) * 2)  # 2046
    publish(history, files, full=True)
    assert not folders(files) & left
    assert latest(files)["folder"] != before["folder"]
    assert whole - {"latest.json"} < there(files)


def test_an_export_that_fails_leaves_nothing(history, files, few, monkeypatch):
    publish(history, files)
    before = there(files)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(flat_files, "_to_parquet", full)
    with pytest.raises(TargetError, match="No space left on device"):
        publish(history, files, full=True)
    assert there(files) == before


def test_in_a_bucket_what_is_written_just_now_may_be_another_run(history, bucket, few, monkeypatch):
    history.overrides["export_uri"] = bucket
    files = targets(history.settings)["files"]
    storage_at(bucket).write("2024-01-01T00-00-00Z/csv/plays.csv", b"half")
    storage_at(bucket).write("else/where.txt", b"not ours")
    publish(history, files)
    assert "2024-01-01T00-00-00Z" in folders(files)
    monkeypatch.setattr(flat_files, "ABANDONED_AFTER", timedelta())
    publish(history, files, full=True)
    assert "2024-01-01T00-00-00Z" not in folders(files)
    assert "else" in folders(files)


def test_the_last_few_are_kept(history, files, few):
    made = []
    for _ in range(5):
        publish(history, files, full=True)
        made.append(latest(files)["folder"])
    assert folders(files) == set(made[-3:])
    assert latest(files)["earlier"] == [made[-2], made[-3]]
    files.drop_history(history.lake)
    assert folders(files) == {made[-1]}
    assert count(files, "fct_plays").rows == 20


def test_a_table_whose_files_were_deleted_is_pending(history, files, few):
    publish(history, files)
    storage_at(files.uri).remove([f"{latest(files)['folder']}/csv/fct_plays.csv"])
    assert [refresh.table for refresh in publishing.pending_refreshes(files, history.lake)] == ["fct_plays"]
    assert set(publish(history, files)) == set(few)
    storage_at(files.uri).write(f"{latest(files)['folder']}/csv/fct_plays.csv", b"cut off")
    assert [refresh.table for refresh in publishing.pending_refreshes(files, history.lake)] == ["fct_plays"]


def test_empty_tables(world):
    world.overrides["export_uri"] = str(world.root / "exports")
    files = targets(world.settings)["files"]
    publish(world, files)
    assert {count(files, table).rows for table in ALL} == {0}
    assert parquet(files, "fct_plays") == from_csv(files, "fct_plays") == []


@pytest.mark.parametrize("content", [b"{}", b"half a poin"])
def test_another_pointer_is_left_alone(history, files, content):
    storage_at(files.uri).write("latest.json", content)
    with pytest.raises(TargetError, match="is no pointer to an export; move it away") as error:
        files.published_states()
    assert "\n" not in str(error.value)


def test_a_place_that_cannot_be_written(history):
    (history.root / "file").write_text("")
    history.overrides["export_uri"] = str(history.root / "file" / "exports")
    with pytest.raises(TargetError, match=r"files: .* can't be used; look at SPOTIFY_ASSETS_EXPORT_URI") as error:
        publish(history, targets(history.settings)["files"])
    assert "\n" not in str(error.value)


def test_a_bucket_that_is_not_there(history, bucket):
    history.overrides["export_uri"] = "s3://no-such-bucket-anywhere/exports"
    with pytest.raises(TargetError, match="no bucket no-such-bucket-anywhere") as error:
        publish(history, targets(history.settings)["files"])
    assert "\n" not in str(error.value)


def test_unset_means_absent():
    assert "files" not in targets(load_settings())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ftp://host/x", "a folder on this machine, or s3://bucket/prefix"),
        ("data/lake/exports", "a location outside of SPOTIFY_ASSETS_LAKE_URI"),
        ("data/landing", "a location outside of SPOTIFY_ASSETS_LANDING_URI"),
    ],
)
def test_a_wrong_place_is_one_line_that_names_the_variable(value, expected):
    with pytest.raises(SettingsError) as error:
        load_settings(export_uri=value)
    assert str(error.value).startswith("SPOTIFY_ASSETS_EXPORT_URI: ")
    assert expected in str(error.value)
