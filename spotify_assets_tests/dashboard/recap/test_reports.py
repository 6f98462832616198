"""Reports: a file for each listener and year in the lake's folder, written where its content changed."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from spotify_assets.dashboard.recap.reports import TABLES, remove_reports, write_reports
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES as MODEL
from spotify_assets.storage import storage_at
from spotify_assets_tests.dashboard.warehouses import HOSTILE, write_lake

pytestmark = pytest.mark.integration

ALL = ["anna/2023.html", "anna/2024.html", "ben/2024.html"]


@pytest.fixture
def lake(tmp_path, warehouse):
    """A lake with the tables of the full warehouse that recaps read."""
    return write_lake(str(tmp_path / "lake"), warehouse, TABLES)


def files(lake):
    folder = Path(lake.uri) / "_reports"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def replace_recaps(lake, **changes):
    """Other values in every row of `yearly_recap`, except those of 2023."""
    rows = lake.read("yearly_recap").to_pylist()
    changed = [row | (changes if row["year"] == 2024 else {}) for row in rows]
    table = pa.Table.from_pylist(changed, MODEL["yearly_recap"].arrow_schema)
    write_deltalake(lake.table_uri("yearly_recap"), table, mode="overwrite")


def test_a_file_for_each_listener_and_year(lake):
    done = write_reports(lake)
    assert files(lake) == ALL
    assert [report.is_written for report in done.reports] == [True] * 3
    assert [report.uri for report in done.reports] == [f"{lake.uri}/_reports/{name}" for name in ALL]
    text = (Path(lake.uri) / "_reports/anna/2024.html").read_text()
    assert "4 of 61 days" in text
    assert HOSTILE not in text


def test_the_latest_of_each_listener_is_that_which_a_recap_shows_first(lake):
    # Anna's 2024 ends in March, so it is not much of a year yet; Ben has no other.
    assert [report.recap.year for report in write_reports(lake).latest()] == [2023, 2024]


def test_what_is_unchanged_is_not_written_again(lake):
    write_reports(lake)
    before = {path: path.stat().st_mtime_ns for path in Path(lake.uri, "_reports").rglob("*.html")}
    assert write_reports(lake).written == []
    assert {path: path.stat().st_mtime_ns for path in before} == before
    replace_recaps(lake, plays=6)
    assert [report.recap.title for report in write_reports(lake).written] == ["2024", "2024"]


def test_a_file_that_somebody_changed_or_deleted_comes_back(lake):
    write_reports(lake)
    Path(lake.uri, "_reports/anna/2023.html").write_text("")
    Path(lake.uri, "_reports/ben/2024.html").unlink()
    assert len(write_reports(lake).written) == 2


def test_years_without_plays_lose_their_file(lake):
    write_reports(lake)
    Path(lake.uri, "_reports/anna/2019.html").write_text("Heard once")
    assert write_reports(lake).removed == 1
    assert files(lake) == ALL


def test_a_forgotten_listener_has_no_files(lake):
    write_reports(lake)
    assert remove_reports(lake.uri, "anna") == 2
    assert files(lake) == ["ben/2024.html"]
    assert remove_reports(lake.uri, "anna") == 0


def test_reports_of_a_lake_in_a_bucket_are_in_the_bucket(bucket, warehouse):
    lake = write_lake(f"{bucket}/lake", warehouse, TABLES)
    assert [report.uri for report in write_reports(lake).written] == [f"{bucket}/lake/_reports/{name}" for name in ALL]
    assert write_reports(lake).written == []
    assert remove_reports(lake.uri, "anna") == 2
    assert [file.path for file in storage_at(lake.uri).files("_reports")] == ["_reports/ben/2024.html"]


def test_a_lake_without_tables_has_no_reports(tmp_path):
    assert write_reports(Lake(str(tmp_path / "lake"))).reports == []
