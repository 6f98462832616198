"""Copies of data files in S3 on this machine: each is downloaded once, and a copy of a table has its rows."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from spotify_assets.lake import copies
from spotify_assets.lake.copies import OWNER, PREFIX, copies_of, live_files, log_files, remove_abandoned
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.processes import this_process
from spotify_assets.storage import StoredFile, private_folder, storage_at


@pytest.fixture
def lake(bucket):
    return Lake(f"{bucket}/the lake")


def write(lake, *hours, mode="append"):
    """Rows of a partitioned table, of months of 2024: a file each."""
    model = TABLES["plays"]
    empty = dict.fromkeys(model.columns)
    rows = [{**empty, "play_id": f"{month}", model.window: datetime(2024, month, 1, tzinfo=UTC)} for month in hours]
    for row in rows:
        row["month"] = row[model.window].date()
    lake.ensure("plays")
    lake.write("plays", pa.Table.from_pylist(rows, model.arrow_schema), mode=mode)
    return lake.open("plays")


def months(folder):
    return sorted(DeltaTable(folder).to_pyarrow_table(columns=["month"])["month"].to_pylist())


def test_a_copy_has_the_rows_of_the_version_that_was_opened(lake):
    first = lake.at_version("plays", write(lake, 1, 2).version())
    second = write(lake, 3)
    assert [day.month for day in months(lake.local_copy("plays", second))] == [1, 2, 3]
    assert [day.month for day in months(lake.local_copy("plays", first))] == [1, 2]


def test_a_table_with_a_checkpoint_is_copied_without_what_precedes_it(lake):
    write(lake, 1)
    write(lake, 2).create_checkpoint()
    copy = lake.local_copy("plays", write(lake, 3))
    assert [day.month for day in months(copy)] == [1, 2, 3]
    entries = {path.name.lstrip("0") for path in Path(copy, "_delta_log").iterdir()}
    assert entries == {"2.checkpoint.parquet", "2.json", "3.json"}


def test_a_file_is_downloaded_once_whoever_asks(lake, monkeypatch):
    downloaded = []
    download = type(storage_at(lake.uri)).download

    def counted(bucket, path, target, size):
        downloaded.append(path)
        download(bucket, path, target, size)

    monkeypatch.setattr(copies.Bucket, "download", counted)
    sizes = live_files(lake.folder("plays"), write(lake, 1, 2, 3))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: lake.local_files(sizes), range(8)))
    assert sorted(downloaded) == sorted(sizes)
    assert all(answer == answers[0] for answer in answers)
    assert [Path(path).stat().st_size for path in answers[0]] == list(sizes.values())
    lake.local_copy("plays", lake.open("plays"))
    assert [path for path in downloaded if path.endswith(".parquet")] == downloaded[:3]


def test_a_large_table_is_not_copied(lake, monkeypatch):
    delta = write(lake, 1)
    monkeypatch.setattr(copies, "LARGEST_TABLE_BYTES", 10)
    assert lake.local_copy("plays", delta) is None
    assert lake.local_files(live_files(lake.folder("plays"), delta)) is None


def test_nothing_is_copied_onto_a_disk_without_room(lake, monkeypatch):
    delta = write(lake, 1)
    monkeypatch.setattr(copies, "FREE_FACTOR", 1 << 50)
    assert lake.local_copy("plays", delta) is None


def test_a_table_without_rows_or_with_a_missing_file_is_read_where_it_is(lake):
    assert lake.local_copy("plays", lake.ensure("plays")) is None
    delta = write(lake, 1)
    storage_at(lake.uri).remove(live_files(lake.folder("plays"), delta))
    assert lake.local_copy("plays", delta) is None


def test_a_download_that_failed_is_tried_again(lake, monkeypatch):
    sizes = live_files(lake.folder("plays"), write(lake, 1))

    def fail(*_):
        raise OSError("the network")

    with monkeypatch.context() as broken:
        broken.setattr(copies.Bucket, "download", fail)
        with pytest.raises(OSError, match="the network"):
            lake.local_files(sizes)
    assert lake.local_files(sizes)


def test_a_lake_on_disk_is_read_where_it_is(tmp_path):
    assert copies_of(str(tmp_path)) is None
    lake = Lake(str(tmp_path))
    assert lake.local_copy("plays", write(lake, 1)) is None
    sizes = live_files(lake.folder("plays"), lake.open("plays"))
    assert lake.local_files(sizes) == [f"{tmp_path}/{path}" for path in sizes]


def test_entries_of_a_log_from_the_last_checkpoint_to_a_version():
    names = ["0.json", "1.checkpoint.parquet", "1.json", "2.json", "3.checkpoint.parquet", "3.json", "2.crc"]
    listed = [StoredFile(f"t/_delta_log/{name.zfill(8)}", 1, datetime.now(UTC)) for name in names]
    listed.append(StoredFile("t/_delta_log/_last_checkpoint", 1, datetime.now(UTC)))

    def found(version):
        return [file.path.rpartition("/")[2].lstrip("0") for file in log_files(listed, version)]

    assert found(2) == ["1.checkpoint.parquet", "1.json", "2.json"]
    assert found(0) == [".json"]
    assert found(3) == ["3.checkpoint.parquet", "3.json"]


def test_a_log_that_lacks_an_entry_or_part_of_a_checkpoint_is_not_copied():
    def found(*names):
        listed = [StoredFile(f"t/_delta_log/{name}", 1, datetime.now(UTC)) for name in names]
        return [file.path.rpartition("/")[2] for file in log_files(listed, 3)]

    assert found("0.json", "1.json", "3.json") == []
    assert found("0.json", "1.json", "2.json") == []
    part = "2.checkpoint.0000000001.0000000002.parquet"
    assert found(part, "3.json") == []
    assert found(part, "0.json", "1.json", "2.json", "3.json") == ["0.json", "1.json", "2.json", "3.json"]
    other = "2.checkpoint.0000000002.0000000002.parquet"
    assert found(part, other, "2.json", "3.json") == [part, other, "2.json", "3.json"]


def test_copies_are_removed_on_request_and_made_again(lake):
    delta = write(lake, 1)
    first = lake.local_copy("plays", delta)
    copies.remove_own()
    assert not Path(first).exists()
    again = lake.local_copy("plays", delta)
    assert again != first
    assert [day.month for day in months(again)] == [1]


def test_forgetting_removes_the_copies_of_this_process(lake):
    copy = lake.local_copy("plays", write(lake, 1))
    lake.drop_history()
    assert not Path(copy).exists()


def test_copies_of_a_host_of_another_name_go_after_a_day_or_on_request(monkeypatch, tmp_path):
    monkeypatch.setattr(copies, "private_folder", lambda: tmp_path)
    folder = tmp_path / f"{PREFIX}elsewhere"
    folder.mkdir()
    (folder / OWNER).write_text("elsewhere:1:abc")
    remove_abandoned()
    assert folder.exists()
    os.utime(folder, (0, 0))
    remove_abandoned()
    assert not folder.exists()
    folder.mkdir()
    (folder / OWNER).write_text("elsewhere:1:abc")
    remove_abandoned(of_other_hosts=True)
    assert not folder.exists()


def test_a_disk_that_is_full_while_copying_is_no_error(lake, monkeypatch):
    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    delta = write(lake, 1)
    monkeypatch.setattr(copies.Bucket, "download", fill)
    assert lake.local_copy("plays", delta) is None


def test_files_are_copied_where_the_file_system_knows_no_links(lake, monkeypatch):
    def refuse(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr(copies.os, "link", refuse)
    assert [day.month for day in months(lake.local_copy("plays", write(lake, 1, 2)))] == [1, 2]


def test_copies_end_with_their_process_and_those_of_killed_ones_with_the_next(monkeypatch, tmp_path):
    monkeypatch.setattr(copies, "private_folder", lambda: tmp_path)
    code = "from spotify_assets.processes import this_process; print(this_process())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    for name, owner in (("dead", dead), ("alive", this_process())):
        (tmp_path / f"{PREFIX}{name}").mkdir()
        (tmp_path / f"{PREFIX}{name}" / OWNER).write_text(owner)
    remove_abandoned()
    assert [path.name for path in tmp_path.iterdir()] == [f"{PREFIX}alive"]


# A command skips the interpreter's shutdown.
COMMAND = "; import sys; from spotify_assets.cli.commands import main; sys.argv[1:] = ['sync', '--help']; main()"


@pytest.mark.integration
@pytest.mark.parametrize("end", ["", COMMAND])
def test_no_copy_is_left_at_the_end_of_a_process(bucket, tmp_path, end):
    code = f"from spotify_assets.lake.copies import copies_of; print(copies_of('{bucket}')._folder, flush=True)"
    ended = subprocess.run(
        [sys.executable, "-c", code + end],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    folder = Path(ended.stdout.splitlines()[0])
    assert folder.parent == private_folder()
    assert not folder.exists()
