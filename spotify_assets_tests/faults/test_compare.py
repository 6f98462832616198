"""The fault program sees what it looks for."""

from collections import Counter

import duckdb
import pytest

from spotify_assets_tests.faults import compare
from spotify_assets_tests.faults.place import as_counters

pytestmark = pytest.mark.integration


def kinds(violations):
    return [violation.kind for violation in violations]


@pytest.mark.parametrize(
    ("found", "kind"),
    [("ab", []), ("a", ["lost"]), ("abb", ["doubled"]), ("abc", ["wrong"]), ("aa", ["wrong"]), ("", ["lost"])],
)
def test_rows_that_are_lost_doubled_or_others(found, kind):
    tables = as_counters({"plays": [{"name": name} for name in found]})
    assert kinds(compare.compare_rows(as_counters({"plays": [{"name": "a"}, {"name": "b"}]}), tables)) == kind


def test_a_forgotten_name_is_found_in_files_of_any_kind(tmp_path, synced):
    landed = synced.land("unforgettable/a.json", [])
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'unforgettable' AS listener")
    found = next(compare.find_leaks(tmp_path, "unforgettable"))
    assert (found.kind, found.what) == (
        "leaked",
        "unforgettable is in 2 files, as landing/history/unforgettable, x.duckdb",
    )
    # A bucket has no folders.
    told = "landing/history/unforgettable/a.json"
    assert told in next(compare.find_leaks(tmp_path, "unforgettable", in_bucket=["landing"])).what
    landed.unlink()
    assert "landing" not in next(compare.find_leaks(tmp_path, "unforgettable", in_bucket=["landing"])).what
    # Parquet files are compressed.
    assert "lake" in next(compare.find_leaks(tmp_path, "anna")).what
    assert not list(compare.find_leaks(tmp_path, "nobody"))


def test_a_target_is_compared_with_the_lake(synced):
    path = synced.root / "w.duckdb"
    lake = synced.lake
    with duckdb.connect(str(path)) as connection:
        for table in compare.Warehouse(str(path)).tables:
            connection.register("rows_of_lake", lake.read(table))
            connection.execute(f"CREATE TABLE {table} AS FROM rows_of_lake")
    assert not list(compare.compare_warehouse(path, lake))
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM plays")
        connection.execute("DROP TABLE dim_date")
    assert Counter(kinds(compare.compare_warehouse(path, lake))) == {"lost": 2}


def test_a_landed_file_that_is_changed_or_removed():
    assert kinds(compare.compare_landed({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "3"})) == ["lost", "lost"]
