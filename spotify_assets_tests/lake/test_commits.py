"""States and versions of windows in commits that are written by `deltalake` and hold no rows."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from spotify_assets.lake.commits import (
    WHOLE,
    _may_change_rows,
    carry_forward_metadata,
    commit_metadata,
    commit_with_token,
    version_at,
    version_number,
    window_name,
    window_states,
    window_versions,
)
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.windows import TimeWindow


class Plays:
    """The table `plays` of a lake, which is version 0 when it is made."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(str(root))

    @property
    def delta(self):
        return self.lake.ensure("plays")

    def commit(self, metadata=None):
        properties = CommitProperties(custom_metadata={"userMetadata": metadata}) if metadata else None
        self.lake.write(
            "plays", TABLES["plays"].arrow_schema.empty_table(), mode="append", commit_properties=properties
        )

    def write(self, *names, fingerprint="f", is_first=False):
        """Windows by name, as a writer of ours does."""
        self.commit(self.metadata(*names, fingerprint=fingerprint, is_first=is_first))

    def metadata(self, *names, fingerprint="f", token="token", is_first=False):
        span = None if names == (WHOLE,) else window(names[0][:10], names[-1][11:], is_first)
        return commit_metadata(self.delta, token, dict.fromkeys(names, fingerprint), span)

    def state(self):
        """Fingerprint and number of the version of each window."""
        found = window_states(self.delta)
        assert {written.version.partition(":")[0] for written in found.values()} <= {str(self.delta.metadata().id)[:8]}
        return {name: (known.fingerprint, version_number(known.version)) for name, known in found.items()}


def window(start, end, is_first=False):
    first, last = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (start, end))
    return TimeWindow(first, last, is_first)


@pytest.fixture
def plays(tmp_path):
    return Plays(tmp_path)


JANUARY, FEBRUARY, MARCH = "2024-01-01/2024-02-01", "2024-02-01/2024-03-01", "2024-03-01/2024-04-01"


def test_a_window_is_named_by_its_days():
    assert window_name(window("2024-01-01", "2024-02-01")) == JANUARY


def test_a_table_that_was_never_written_has_no_state(plays):
    assert window_states(None) == {}
    assert plays.state() == {}


def test_a_window_has_its_fingerprint_and_its_commit(plays):
    plays.write(JANUARY, FEBRUARY, fingerprint="a")
    assert plays.state() == {JANUARY: ("a", 1), FEBRUARY: ("a", 1)}


def test_the_latest_commit_of_a_window_counts_and_others_stay(plays):
    for name, fingerprint in ((JANUARY, "a"), (FEBRUARY, "b"), (JANUARY, "c")):
        plays.write(name, fingerprint=fingerprint)
    assert plays.state() == {JANUARY: ("c", 3), FEBRUARY: ("b", 2)}


def test_the_whole_table_is_one_window(plays):
    plays.write(JANUARY)
    plays.write(WHOLE, fingerprint="w")
    assert plays.state() == {WHOLE: ("w", 2)}


@pytest.mark.parametrize(
    ("written", "is_first", "expected"),
    [
        ("2024-01-29/2024-02-05", False, {"2024-01-01/2024-01-29": (None, 1), "2024-02-05/2024-03-01": (None, 1)}),
        ("2024-01-01/2024-01-15", False, {"2024-01-15/2024-02-01": (None, 1), FEBRUARY: ("f", 1)}),
        ("2024-02-15/2024-03-01", False, {JANUARY: ("f", 1), "2024-02-01/2024-02-15": (None, 1)}),
        ("2024-01-01/2024-03-01", False, {}),
        (MARCH, False, {JANUARY: ("f", 1), FEBRUARY: ("f", 1)}),
        ("2023-12-01/2024-01-01", False, {JANUARY: ("f", 1), FEBRUARY: ("f", 1)}),
        (FEBRUARY, True, {}),  # the first window takes what lies before it
    ],
)
def test_the_rest_of_a_cut_window_has_no_fingerprint(plays, written, is_first, expected):
    plays.write(JANUARY, FEBRUARY)
    plays.write(written, fingerprint="new", is_first=is_first)
    assert plays.state() == expected | {written: ("new", 2)}


def test_a_commit_of_another_program_clears_all_fingerprints(plays):
    plays.write(JANUARY, FEBRUARY)
    plays.commit()
    assert plays.state() == {JANUARY: (None, 2), FEBRUARY: (None, 2)}
    plays.write(JANUARY, fingerprint="again")
    assert plays.state() == {JANUARY: ("again", 3), FEBRUARY: (None, 2)}


@pytest.mark.parametrize("metadata", ["nothing of ours", "[1]", '{"kind": "of another program"}'])
def test_metadata_of_another_program_is_ignored(plays, metadata):
    plays.write(JANUARY)
    plays.commit(metadata)
    assert plays.state() == {JANUARY: (None, 2)}


def test_compaction_and_vacuum_change_no_row(plays):
    plays.write(JANUARY)
    plays.delta.optimize.compact()
    plays.delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    assert plays.state() == {JANUARY: ("f", 1)}
    assert set(window_versions(plays.delta).values()) == {f"{str(plays.delta.metadata().id)[:8]}:1:token"}


@pytest.mark.parametrize(
    ("operation", "metrics", "version", "expected"),
    [
        ("CREATE TABLE", {}, 0, False),
        ("CREATE TABLE", {}, 3, True),
        ("CREATE TABLE AS SELECT", {}, 0, True),
        ("CREATE OR REPLACE TABLE", {}, 3, True),
        ("CREATE OR REPLACE TABLE AS SELECT", {}, 3, True),
        *(
            (name, {}, 3, True)
            for name in ("RESTORE", "DELETE", "UPDATE", "MERGE", "TRUNCATE", "WRITE", "CONVERT", None)
        ),
        *((name, {}, 3, False) for name in ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES")),
        ("FSCK", {"files_removed": '["a.parquet"]'}, 3, True),
        ("FSCK", {"files_removed": "[]"}, 3, False),
        ("FSCK", {}, 3, True),
    ],
)
def test_operations_that_may_change_rows(operation, metrics, version, expected):
    commit = {"operation": operation, "operationMetrics": metrics, "version": version}
    assert _may_change_rows(commit) == expected


def test_a_table_created_twice_at_once_has_no_row():
    commit = {"operation": "CREATE TABLE", "version": 1, "operationParameters": {"mode": "Ignore"}}
    assert not _may_change_rows(commit)


def replace_table(plays):
    schema = TABLES["plays"].arrow_schema
    DeltaTable.create(plays.lake.table_uri("plays"), schema, mode="overwrite", partition_by=["month"])


def remove_missing_files(plays):
    for file in Path(plays.lake.table_uri("plays")).glob("month=*/*.parquet"):
        file.unlink()
    plays.delta.repair()


@pytest.mark.parametrize(
    "change",
    [
        replace_table,
        remove_missing_files,
        lambda plays: plays.delta.restore(1),
        lambda plays: plays.delta.delete("true"),
        lambda plays: plays.delta.update(updates={"ms_played": "1"}),
    ],
    ids=["replace", "fsck", "restore", "delete", "update"],
)
def test_a_change_of_another_program_clears_all_fingerprints(plays, change):
    plays.write(JANUARY)
    row = pa.Table.from_pylist([{"month": date(2024, 1, 1)}], TABLES["plays"].arrow_schema)
    metadata = plays.metadata(FEBRUARY)
    plays.lake.write(
        "plays", row, mode="append", commit_properties=CommitProperties(custom_metadata={"userMetadata": metadata})
    )
    change(plays)
    assert {fingerprint for fingerprint, _ in plays.state().values()} == {None}
    assert set(plays.state()) == {JANUARY, FEBRUARY}


def test_months_that_only_another_program_wrote_are_windows_of_unknown_content(plays):
    plays.write(JANUARY)
    months = [{"month": date(2024, 1, 1)}, {"month": date(2010, 5, 1)}]
    plays.lake.write("plays", pa.Table.from_pylist(months, TABLES["plays"].arrow_schema), mode="append")
    assert plays.state() == {JANUARY: (None, 2), "2010-05-01/2010-06-01": (None, 2)}


def test_years_that_only_another_program_wrote_are_windows_of_unknown_content(tmp_path):
    lake = Lake(str(tmp_path))
    lake.ensure("monthly_content")
    rows = pa.Table.from_pylist([{"year_start": date(2010, 1, 1)}], TABLES["monthly_content"].arrow_schema)
    lake.write("monthly_content", rows, mode="append")
    assert list(window_states(lake.open("monthly_content"))) == ["2010-01-01/2011-01-01"]


def test_a_table_that_another_program_made_is_of_unknown_content(tmp_path):
    lake = Lake(str(tmp_path))
    write_deltalake(lake.table_uri("dim_reason"), TABLES["dim_reason"].arrow_schema.empty_table())
    [state] = window_states(lake.open("dim_reason")).values()
    assert state.fingerprint is None


def test_a_latest_commit_that_says_nothing_clears_all_fingerprints(plays):
    plays.write(JANUARY)
    plays.commit()
    entry = Path(plays.lake.table_uri("plays"), f"_delta_log/{2:020}.json")
    lines = [line for line in entry.read_text().splitlines() if "commitInfo" not in line]
    entry.write_text("\n".join(lines))
    assert Plays(Path(plays.lake.uri)).state() == {JANUARY: (None, 2)}


def test_properties_change_no_row(plays):
    plays.write(JANUARY)
    plays.delta.alter.set_table_properties({"delta.appendOnly": "false"})
    assert plays.state() == {JANUARY: ("f", 1)}


def repair(delta):
    """What deltalake calls FSCK: drop lost files from the log, and their rows with them."""
    for uri in delta.file_uris():
        Path(uri).unlink()
    delta.repair()


def create_again(delta):
    DeltaTable.create(delta.table_uri, schema=delta.schema(), mode="overwrite")


@pytest.mark.parametrize("drop_rows", [repair, create_again])
def test_an_operation_that_drops_rows_clears_all_fingerprints(tmp_path, drop_rows):
    write_deltalake(tmp_path, pa.table({"row": [1]}))
    delta = DeltaTable(tmp_path)
    noted = commit_metadata(delta, "token", {JANUARY: "f"}, window("2024-01-01", "2024-02-01"))
    properties = CommitProperties(custom_metadata={"userMetadata": noted})
    write_deltalake(tmp_path, pa.table({"row": [2]}), mode="append", commit_properties=properties)
    assert window_states(DeltaTable(tmp_path))[JANUARY].fingerprint == "f"
    drop_rows(DeltaTable(tmp_path))
    assert DeltaTable(tmp_path).to_pyarrow_table().num_rows == 0
    assert window_states(DeltaTable(tmp_path))[JANUARY].fingerprint is None


def test_windows_of_two_concurrent_writers_are_kept(plays):
    plays.write(JANUARY, fingerprint="old")
    slower = plays.metadata(FEBRUARY, fingerprint="slow")
    plays.write(JANUARY, fingerprint="quick")
    plays.commit(slower)
    assert plays.state() == {JANUARY: ("quick", 2), FEBRUARY: ("slow", 3)}


def test_the_latest_commit_suffices(plays, monkeypatch):
    """On S3 each further commit costs a request."""
    read = []
    genuine = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or genuine(path))
    plays.write(JANUARY)
    read.clear()
    assert plays.state() == {JANUARY: ("f", 1)}
    assert read == [f"{1:020}.json"]


def test_a_missing_commit_clears_the_fingerprints_before_it(plays):
    plays.write(JANUARY)
    slower = plays.metadata(FEBRUARY)
    plays.commit()
    plays.commit(slower)
    plays.delta.create_checkpoint()
    for version in (0, 1, 2):
        Path(plays.lake.table_uri("plays"), f"_delta_log/{version:020}.json").unlink()
    again = Plays(Path(plays.lake.uri))
    assert again.state() == {JANUARY: (None, 1), FEBRUARY: ("f", 3)}


def test_a_commit_without_changes_carries_the_state_forward(plays):
    plays.write(JANUARY, FEBRUARY)
    plays.commit(carry_forward_metadata(plays.delta))
    assert plays.state() == {JANUARY: ("f", 1), FEBRUARY: ("f", 1)}


def test_metadata_is_as_lakes_of_before_have_it(plays):
    """Another format, and every table of an existing lake would be computed again."""
    plays.write(JANUARY)
    version = f"{str(plays.delta.metadata().id)[:8]}:1:token"
    before = {"kind": "spotify_assets/1", "base": 1, "before": {JANUARY: ["f", version]}}
    of_window = {"token": "t", "windows": {FEBRUARY: "f"}, "span": ["2024-02-01", "2024-03-01"], "is_unique": True}
    of_first = {"token": "t", "windows": {FEBRUARY: "f"}, "span": ["0001-01-01", "2024-03-01"], "is_unique": True}
    of_table = {
        "token": "t",
        "windows": {"whole": "f"},
        "span": ["0001-01-01", "9999-12-31"],
        "before": {},
        "is_unique": True,
    }
    of_nothing = {"token": "", "windows": {}, "span": ["9999-12-31", "0001-01-01"]}
    assert json.loads(plays.metadata(FEBRUARY, token="t")) == before | of_window
    assert json.loads(plays.metadata(FEBRUARY, token="t", is_first=True)) == before | of_first
    assert json.loads(plays.metadata(WHOLE, token="t")) == before | of_table
    assert json.loads(carry_forward_metadata(plays.delta)) == before | of_nothing


def test_versions_of_windows(plays):
    plays.write(JANUARY)
    plays.write(FEBRUARY)
    identity = str(plays.delta.metadata().id)[:8]
    assert window_versions(plays.delta) == {JANUARY: f"{identity}:1:token", FEBRUARY: f"{identity}:2:token"}


def test_versions_of_commits_of_before_have_no_token(plays):
    """With one, every table of an existing lake would be computed again."""
    entry = json.loads(plays.metadata(JANUARY))
    del entry["is_unique"]
    plays.commit(json.dumps(entry))
    assert window_versions(plays.delta) == {JANUARY: f"{str(plays.delta.metadata().id)[:8]}:1"}


def test_the_version_after_a_lost_one_is_another(plays):
    plays.write(JANUARY)
    lost = window_versions(plays.delta)
    Path(plays.lake.table_uri("plays"), f"_delta_log/{1:020}.json").unlink()
    again = Plays(Path(plays.lake.uri))
    again.commit(again.metadata(JANUARY, token="another"))
    assert again.state() == {JANUARY: ("f", 1)}
    assert window_versions(again.delta) != lost


def test_a_table_without_windows_has_the_version_of_its_last_change(plays):
    identity = str(plays.delta.metadata().id)[:8]
    assert window_versions(plays.delta) == {WHOLE: f"{identity}:0"}
    plays.commit()
    plays.commit()
    plays.delta.alter.set_table_properties({"delta.appendOnly": "false"})
    assert window_versions(plays.delta) == {WHOLE: f"{identity}:2"}


def test_a_writer_finds_its_commit_by_its_token(plays):
    plays.commit(plays.metadata(JANUARY, token="mine"))
    plays.commit(plays.metadata(JANUARY, token="another's"))
    assert (commit_with_token(plays.delta, "mine") or {})["version"] == 1
    assert commit_with_token(plays.delta, "nobody's") is None


def test_a_former_version_is_known_by_its_commit(tmp_path):
    table = Plays(tmp_path)
    versions = {}
    for token in ("one00000", "two00000"):
        table.commit(commit_metadata(table.delta, token, {WHOLE: "f"}, None))
        versions[table.delta.version()] = window_versions(table.delta)[WHOLE]
    assert {number: version_at(table.delta, number) for number in versions} == versions
    assert version_at(table.delta, 9) is None
    # A log that was cut off and went on has another commit of that number.
    (tmp_path / "cleaned/plays/_delta_log/00000000000000000002.json").unlink()
    again = Plays(tmp_path)
    again.commit(commit_metadata(again.delta, "three000", {WHOLE: "f"}, None))
    assert version_at(again.delta, 2) == window_versions(again.delta)[WHOLE]
