import errno
import hashlib
import io
import json
import os
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyarrow import parquet as pq

from spotify_assets.ingest import history as ingest_module
from spotify_assets.ingest.history_changes import UnusedFile, find_changes, known_digests, use_of
from spotify_assets.ingest.history_rows import latest_valid
from spotify_assets.lake.maintenance import maintain_lake
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.readers.sources import sources
from spotify_assets.settings import load_settings
from spotify_assets.storage import Folder, StorageError
from spotify_assets_tests.conftest import LANDED_AT, TIMELESS, account, extended
from spotify_assets_tests.lake.broken import KINDS, entries


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data if isinstance(data, str | bytes) else json.dumps(data))
    return content.getvalue()


def files(world):
    return {row["source_file"].split("/", 2)[2]: (row["status"], row["records"]) for row in world.rows("raw_files")}


def test_a_file_is_mirrored_and_listed(world):
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z"), extended("2024-03-01T00:00:00Z")])
    assert world.ingest().records == 2
    [row] = world.rows("raw_files")
    assert (row["listener"], row["source_file"], row["source_format"]) == ("anna", "history/anna/x.json", "extended")
    assert (row["first_played_at"], row["last_played_at"]) == (
        datetime(2024, 1, 31, 13, 37, tzinfo=UTC),
        datetime(2024, 3, 1, tzinfo=UTC),
    )
    assert [(row["source_row"], row["ts"]) for row in world.rows("raw_plays")] == [
        (0, "2024-01-31T13:37:00Z"),
        (1, "2024-03-01T00:00:00Z"),
    ]


def test_nothing_is_read_twice(world):
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z")])
    world.ingest()
    version = world.lake.open("raw_plays").version()
    assert not world.ingest().changes
    assert world.lake.open("raw_plays").version() == version


def test_a_touched_file_is_not_read_again(world):
    path = world.land("anna/x.json", [extended("2024-01-31T13:37:00Z")])
    world.ingest()
    loaded_at = world.rows("raw_files")[0]["loaded_at"]
    os.utime(path, (LANDED_AT.timestamp() + 60, LANDED_AT.timestamp() + 60))
    assert world.ingest().changes.summary() == "1 touched"
    [row] = world.rows("raw_files")
    assert (row["loaded_at"], row["landed_at"]) == (loaded_at, LANDED_AT + timedelta(seconds=60))


def test_changed_and_deleted_files(world):
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z")])
    gone = world.land("anna/y.json", [extended("2024-02-01T13:37:00Z")])
    world.ingest()
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z"), extended("2024-01-31T13:40:00Z")])
    gone.unlink()
    assert world.ingest().changes.summary() == "1 changed, 1 deleted"
    assert files(world) == {"x.json": ("read", 2)}
    assert len(world.rows("raw_plays")) == 2


def test_bad_files_do_not_stop_the_rest(world):
    world.land("anna/good.json", [extended("2024-01-31T13:37:00Z")])
    world.land("anna/cut.json", json.dumps([extended("2024-01-31T13:37:00Z")])[:-20])
    world.land("anna/broken.zip", b"PK\x03\x04 and no more")
    world.land("anna/binary.csv", b"\x00\x01")
    world.land("anna/wrong.csv", "name,age\nx,1\n")
    world.land("anna/ReadMe.pdf", b"%PDF\x00")
    done = world.ingest()
    assert files(world) == {
        "good.json": ("read", 1),
        "cut.json": ("unreadable", 1),
        "broken.zip": ("unreadable", 1),
        "binary.csv": ("unreadable", 1),
        "wrong.csv": ("ignored", 0),
        "ReadMe.pdf": ("ignored", 0),
    }
    assert sorted(name.split("/")[2] for name in done.unreadable) == ["binary.csv", "broken.zip", "cut.json"]
    unreadable = [row for row in world.rows("raw_plays") if row["source_row"] == -1]
    assert len(unreadable) == 3
    assert all(row["raw_record"].startswith("file, ") for row in unreadable)


@pytest.mark.parametrize("named", [0, 200])
def test_files_are_read_in_groups_with_one_commit_each(world, monkeypatch, named):
    monkeypatch.setattr(ingest_module, "GROUP_FILES", 2)
    monkeypatch.setattr(ingest_module, "NAMED_FILES", named)
    for number in range(1, 6):
        world.land(f"anna/{number}.json", [extended(f"2024-01-0{number}T13:37:00Z")] * number)
    before, told = world.lake.ensure("raw_plays").version(), []
    assert ingest_module.ingest(world.landing, world.lake, world.settings, told.append).records == 15
    assert world.lake.open("raw_plays").version() == before + 3
    assert files(world) == {f"{number}.json": ("read", number) for number in range(1, 6)}
    if named:
        assert told == [f"history/anna/{number}.json: {number} records" for number in range(1, 6)]
    else:
        assert told[0] == "2 files, history/anna/1.json to history/anna/2.json: 3 records"
        assert len(told) == 3


def test_a_file_that_grows_beyond_what_is_held_is_read_whole(world, monkeypatch):
    records = [extended("2024-01-31T13:37:00Z"), extended("2024-01-31T13:38:00Z")]
    path = world.land("anna/x.json", records[:1])
    monkeypatch.setattr(ingest_module, "HELD_BYTES", path.stat().st_size)
    listed = list(world.landing.history_files())
    monkeypatch.setattr(type(world.landing), "history_files", lambda *_: listed)
    path.write_text(json.dumps(records))
    assert world.ingest().records == 2
    [row] = world.rows("raw_files")
    assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_zip_is_read_in_place(world):
    members = {
        "Spotify Extended Streaming History/Streaming_History_Audio_2024_0.json": [extended("2024-01-31T13:37:00Z")],
        "Spotify Extended Streaming History/ReadMe.pdf": b"%PDF\x00",
        "__MACOSX/._x.json": b"\x00\x05\x16\x07",
        "cut.json": "[{",
        "inner.zip": zipped({"a.json": []}),
        "../../outside.json": [extended("2024-01-31T13:38:00Z")],
    }
    world.land("anna/my_spotify_data.zip", zipped(members))
    world.ingest()
    found = {name.partition("!")[2]: status for name, (status, _) in files(world).items()}
    assert found == {
        "Spotify Extended Streaming History/Streaming_History_Audio_2024_0.json": "read",
        "Spotify Extended Streaming History/ReadMe.pdf": "ignored",
        "__MACOSX/._x.json": "ignored",
        "cut.json": "unreadable",
        "inner.zip": "unreadable",
        "../../outside.json": "unreadable",
    }
    assert len([row for row in world.rows("raw_plays") if row["ts"]]) == 1


def test_a_zip_bomb_is_refused(world):
    world.land("anna/bomb.zip", zipped({"a.ndjson": b"0" * (100 << 20)}))
    world.overrides = {"max_unzipped_mb": 1}
    world.land("anna/large.zip", zipped({"a.json": os.urandom(2_000_000)}, zipfile.ZIP_STORED))
    world.ingest()
    assert files(world) == {"bomb.zip": ("unreadable", 1), "large.zip": ("unreadable", 1)}
    assert all("zip bomb" in row["detail"] for row in world.rows("raw_files"))


def test_a_link_out_of_the_landing_zone_is_refused(world, tmp_path):
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps([extended("2024-01-31T13:37:00Z")]))
    world.land("anna/good.json", [extended("2024-01-31T13:37:00Z")])
    (world.root / "landing/history/anna/link.json").symlink_to(outside)
    world.ingest()
    assert files(world)["link.json"] == ("unreadable", 1)
    assert len([row for row in world.rows("raw_plays") if row["ts"]]) == 1


def test_a_file_still_being_copied_is_not_seen(world):
    world.land("anna/x.json.part", "[{")
    world.land("anna/.x.json.8a7b.part", "[{")
    assert not world.ingest().changes


def test_records_out_of_bounds_are_no_part_of_the_interval(world):
    times = ["1999-01-01T00:00:00Z", "2024-01-31T13:37:00Z", "2025-01-11T00:00:00Z", "2025-01-11T00:00:01Z", "soon"]
    world.land("anna/x.json", [extended(time) for time in times], landed_at=LANDED_AT)
    world.ingest()
    [row] = world.rows("raw_files")
    assert row["first_played_at"] == datetime(2024, 1, 31, 13, 37, tzinfo=UTC)
    assert row["last_played_at"] == datetime(2025, 1, 11, tzinfo=UTC)
    assert (row["records"], row["undated_records"]) == (5, 3)


def test_a_file_dated_before_plays_start_sets_no_bound(world):
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z"), extended("2999-01-01T00:00:00Z")],
               landed_at=datetime(1980, 1, 1, tzinfo=UTC))  # fmt: skip
    world.ingest()
    [row] = world.rows("raw_files")
    assert (row["last_played_at"], row["undated_records"]) == (datetime(2024, 1, 31, 13, 37, tzinfo=UTC), 1)


@pytest.mark.parametrize(("contradicting", "undated"), [(1, 1), (2, 2), (3, 0)])
def test_a_files_date_is_not_believed_where_most_of_its_records_contradict_it(world, contradicting, undated):
    times = [f"2009-0{month}-01T00:00:00Z" for month in (1, 2)]
    times += [f"2024-01-0{day}T00:00:00Z" for day in range(1, contradicting + 1)]
    world.land("anna/x.json", [extended(time) for time in times], landed_at=datetime(2010, 1, 1, tzinfo=UTC))
    world.ingest()
    [row] = world.rows("raw_files")
    assert row["undated_records"] == undated
    assert row["last_reported_at"].year == (2009 if undated else 2024)


def test_minute_precision_applies_to_whole_files(world):
    world.land("anna/minutes.csv", "ts,ms_played,track_name\n2024-01-01 00:00,1,a\n02-01-2024 00:00,1,a\n")
    world.land("anna/mixed.csv", "ts,ms_played,track_name\n2024-01-01 00:00,1,a\n2024-01-01 00:00:01,1,a\n")
    world.ingest()
    assert world.rows("raw_files", "source_file", "is_minute_precise") == [
        {"source_file": "history/anna/minutes.csv", "is_minute_precise": True},
        {"source_file": "history/anna/mixed.csv", "is_minute_precise": False},
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_file_that_fails_half_way_adds_no_records(world, monkeypatch, streamed):
    monkeypatch.setattr("spotify_assets.readers.lines.BLOCK_BYTES", 500)
    if streamed:
        monkeypatch.setattr(ingest_module, "STREAMED_BYTES", 100)
    lines = "\n".join(json.dumps(account("2021-04-22 05:41")) for _ in range(100)).encode()
    world.land("anna/x.ndjson", lines + b"\n\xff\n")
    world.land("anna/y.ndjson", lines)
    world.ingest()
    assert files(world) == {"x.ndjson": ("unreadable", 1), "y.ndjson": ("read", 100)}
    assert len(world.rows("raw_plays")) == 101


@pytest.mark.parametrize("commit", range(1, 4))
def test_killed_between_commits_nothing_is_lost_or_doubled(world, monkeypatch, commit):
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z")])
    world.ingest()
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z"), extended("2024-01-31T13:40:00Z")])
    world.land("anna/y.json", [extended("2024-02-28T13:37:00Z")])
    done = []

    def killed_after(*arguments, **options):
        write(*arguments, **options)
        done.append(1)
        if len(done) == commit:
            raise KeyboardInterrupt

    write = Lake.replace
    monkeypatch.setattr(Lake, "replace", killed_after)
    with pytest.raises(KeyboardInterrupt):
        world.ingest()
    monkeypatch.setattr(Lake, "replace", write)
    (world.root / "landing/history/anna/y.json").unlink()
    world.ingest()
    assert files(world) == {"x.json": ("read", 2)}
    assert [row["ts"] for row in world.rows("raw_plays")] == ["2024-01-31T13:37:00Z", "2024-01-31T13:40:00Z"]


def test_a_larger_limit_rereads_files_that_were_too_large(world):
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z", platform="p" * 1_100_000)])
    world.land("anna/y.json", [extended("2024-01-31T13:37:00Z")])
    world.overrides = {"max_json_mb": 1}
    world.ingest()
    assert files(world) == {"x.json": ("unreadable", 1), "y.json": ("read", 1)}
    world.overrides = {}
    assert [file.path for file in world.ingest().changes.to_read] == ["history/anna/x.json"]
    assert files(world)["x.json"] == ("read", 1)
    assert not world.ingest().changes


def days(world):
    """Status and days of each file's records; None for a record without a time."""
    reported = {}
    for row in world.rows("raw_plays"):
        day = row["reported_at"] and f"{row['reported_at']:%m-%d}"
        reported.setdefault(row["source_file"].split("/", 2)[2], []).append(day)
    return reported


def test_dates_that_could_be_two_days_are_told_until_a_line_or_a_setting_decides(world):
    def csv(*times):
        return "\n".join(["ts,ms_played,track_name", *(f"{time},200000,Song" for time in times)])

    world.land("anna/unsure.csv", csv("5/1/2024 10:00", "6/1/2024 10:00"))
    world.land("anna/sure.csv", csv("5/1/2024 10:00", "1/13/2024 10:00"))
    world.land("anna/x.zip", zipped({"in.csv": csv("7/1/2024 10:00")}))
    world.land("anna/iso.csv", csv("2024-05-01 10:00:00"))
    told = [file.source for file in world.ingest().unused if file.status == "ambiguous"]
    assert told == ["history/anna/unsure.csv", "history/anna/x.zip!in.csv"]
    known = {"iso.csv": ["05-01"], "sure.csv": ["05-01", "01-13"]}
    assert days(world) == {"unsure.csv": [None, None], "x.zip!in.csv": [None], **known}
    changes = world.ingest().changes
    assert not changes
    assert [file.source for file in changes.unused] == told
    assert "5/1/2024 is 5 January or 1 May; 2 records" in changes.unused[0].reason

    world.overrides = {"date_order": "day_first"}
    assert [file.path for file in world.ingest().changes.to_read] == ["history/anna/unsure.csv", "history/anna/x.zip"]
    assert days(world) == {"unsure.csv": ["01-05", "01-06"], "x.zip!in.csv": ["01-07"], **known}
    assert not world.ingest().changes

    lines = b"source_file,order\nhistory/anna/unsure.csv,month_first\nhistory/anna/no.csv,month_first\n"
    world.landing.land("overrides/date_order.csv", lines)
    result = world.ingest()
    assert [file.path for file in result.changes.to_read] == ["history/anna/unsure.csv"]
    assert [str(file) for file in result.unused] == [
        "line skipped: overrides/date_order.csv (line 3: there is no file 'history/anna/no.csv' in the landing zone)"
    ]
    assert days(world)["unsure.csv"] == ["05-01", "06-01"]
    assert not world.ingest().changes

    world.overrides = {}
    world.landing.remove(["overrides/date_order.csv"])
    world.ingest()
    assert days(world) == {"unsure.csv": [None, None], "x.zip!in.csv": [None], **known}
    assert not world.ingest().changes


NOW = datetime(2025, 3, 1, tzinfo=UTC)
A_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("landed_at", "latest"),
    [
        (LANDED_AT, LANDED_AT + A_DAY),
        (NOW + timedelta(days=400), NOW + A_DAY),  # its clock was wrong, or somebody set its time
        (datetime(2008, 10, 1, tzinfo=UTC), datetime(2008, 10, 2, tzinfo=UTC)),
        (datetime(2008, 9, 30, tzinfo=UTC), NOW),
    ],
)
def test_the_latest_valid_time_of_a_record(landed_at, latest):
    assert latest_valid(landed_at, load_settings(), NOW) == latest


def test_a_file_dated_in_the_future_vouches_for_no_record_of_the_future(world):
    now = datetime.now(UTC)
    times = [f"{now + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (-1, 30)]
    world.land("anna/x.json", [extended(time) for time in times], landed_at=now + timedelta(days=400))
    world.ingest()
    [row] = world.rows("raw_files")
    assert (f"{row['last_played_at']:%Y-%m-%dT%H:%M:%SZ}", row["undated_records"]) == (times[0], 1)


@pytest.mark.parametrize("landed_at", [LANDED_AT, datetime(1980, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize(("wrong", "undated"), [("2024-02-05", 2), ("2024-03-15", 1)])
def test_what_was_read_while_the_clock_was_behind_is_read_again(world, clock, landed_at, wrong, undated):
    times = ["2024-01-31T12:00:00Z", "2024-03-01T12:00:00Z", "2024-03-31T12:00:00Z"]
    world.land("anna/x.json", [extended(time) for time in times], landed_at=landed_at)
    for time, expected in ((wrong, undated), ("2026-01-01", 0)):
        clock(time)
        world.ingest()
        [row] = world.rows("raw_files")
        assert (row["undated_records"], f"{row['last_played_at']:%Y-%m-%dT%H:%M:%SZ}") == (
            expected,
            times[-1 - expected],
        )
        assert not world.ingest().changes


def test_what_was_read_while_the_clock_was_ahead_is_read_again(world, clock):
    world.land(
        "anna/x.json",
        [extended("2024-01-31T12:00:00Z"), extended("2030-01-31T12:00:00Z")],
        landed_at=datetime(2044, 1, 1, tzinfo=UTC),
    )
    for time, undated in (("2045-01-01", 0), ("2026-01-01", 1)):
        clock(time)
        world.ingest()
        assert [row["undated_records"] for row in world.rows("raw_files")] == [undated]
        assert not world.ingest().changes


def test_plays_of_months_beyond_the_clock_do_not_stay(world, clock):
    """No run computes such a month, so nothing else would remove them before it has come."""
    records = [extended("2024-01-31T12:00:00Z"), extended("2024-08-01T12:00:00Z")]
    world.land("anna/x.json", records, landed_at=datetime(2024, 8, 2, tzinfo=UTC))
    for time, kept, rejected in (("2024-09-01", 2, 0), ("2024-06-01", 1, 1), ("2024-09-01", 2, 0)):
        clock(time)
        world.ingest()
        world.refresh("plays", "rejected_plays")
        assert (len(world.rows("plays")), len(world.rows("rejected_plays"))) == (kept, rejected), time


@pytest.mark.parametrize(
    ("age", "is_read"),
    [
        (timedelta(hours=1), True),
        (timedelta(seconds=1), False),
        (-timedelta(days=400), True),  # it would wait for as long
    ],
)
def test_a_file_that_may_still_be_copied_waits_and_one_dated_in_the_future_does_not(world, age, is_read):
    now = datetime.now(UTC)
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z")], landed_at=now - age)
    changes = find_changes(world.landing, world.lake, world.settings, settled_before=now - timedelta(minutes=1))
    assert [file.path for file in changes.to_read] == ["history/anna/x.json"] * is_read


@pytest.fixture
def broken_disk(monkeypatch):
    """Set of paths that can't be read, for an error of the disk."""
    broken = set()
    open_ = Folder.open

    def fail(self, path):
        if path.removeprefix("history/") in broken:
            raise OSError(errno.EIO, "Input/output error", path)
        return open_(self, path)

    monkeypatch.setattr(Folder, "open", fail)
    return broken


def unused(done):
    return {file.source.removeprefix("history/"): (file.status, file.reason) for file in done.unused}


def test_a_file_that_cannot_be_read_now_is_read_by_the_next_run(world, broken_disk):
    broken_disk |= {"anna/new.json", "anna/changed.json"}
    world.land("anna/new.json", [extended("2024-01-31T13:37:00Z")])
    world.land("anna/good.json", [extended("2024-03-31T13:37:00Z")])
    broken_disk -= {"anna/changed.json"}
    world.land("anna/changed.json", [extended("2024-02-01T13:37:00Z")])
    done = world.ingest()
    assert unused(done) == {"anna/new.json": ("not read yet", "input/output error; the next sync tries again")}
    assert files(world) == {"good.json": ("read", 1), "changed.json": ("read", 1)}

    broken_disk |= {"anna/changed.json"}
    world.land("anna/changed.json", [extended("2024-02-01T13:37:00Z"), extended("2024-02-02T13:37:00Z")])
    assert len(unused(world.ingest())) == 2
    assert files(world) == {"good.json": ("read", 1), "changed.json": ("read", 1)}  # what was known of it stays
    assert len(world.rows("raw_plays")) == 2

    broken_disk.clear()
    assert unused(world.ingest()) == {}
    assert files(world) == {"good.json": ("read", 1), "changed.json": ("read", 2), "new.json": ("read", 1)}
    assert len(world.rows("raw_plays")) == 4
    assert not world.ingest().changes


class BadSector(io.BytesIO):
    """A file of which the disk can't read the bytes from 4,000 to 8,000."""

    def read(self, size=-1):
        start = self.tell()
        if start < 8_000 and (size < 0 or start + size > 4_000):
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", ["zip", "ndjson", "parquet"])
def test_a_disk_that_fails_half_way_is_no_fault_of_the_file(world, monkeypatch, kind, streamed):
    # Large enough that the end of the file, where a zip and a Parquet file begin to be read, is far from the sector.
    records = [account("2024-01-31 13:37", track=os.urandom(100).hex()) for _ in range(600)]
    lines = "\n".join(map(json.dumps, records)).encode()
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), written, compression="none")
    content = {
        "zip": zipped({"a.json": records[:1], "b.ndjson": lines}, zipfile.ZIP_STORED),
        "ndjson": lines,
        "parquet": written.getvalue(),
    }[kind]
    assert len(content) > 100_000
    if streamed:
        monkeypatch.setattr(ingest_module, "STREAMED_BYTES", 100)
    monkeypatch.setattr("spotify_assets.readers.lines.BLOCK_BYTES", 4_000)
    world.land(f"anna/x.{kind}", content)
    with monkeypatch.context() as failing:
        failing.setattr(ingest_module, "file_sha256", lambda opener: "0" * 64)
        failing.setattr(
            Folder,
            "open",
            lambda self, path, opens=Folder.open: BadSector(content) if "x." in path else opens(self, path),
        )
        assert [status for status, _ in unused(world.ingest()).values()] == ["not read yet"]
    assert files(world) == {}
    world.ingest()
    assert {status for status, _ in files(world).values()} == {"read"}
    assert len(world.rows("raw_plays")) == (601 if kind == "zip" else 600)


def test_a_disk_that_fails_at_the_end_of_a_zip_is_no_fault_of_the_zip():
    class BadEnd(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 4:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    content = zipped({"a.json": []})
    with pytest.raises(OSError, match="Input/output error"), sources("a.zip", lambda: BadEnd(content), 10) as parts:
        list(parts)


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(world, monkeypatch):
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z")])
    world.ingest()
    scandir = os.scandir

    def fail(path):
        if str(path).endswith("anna"):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(StorageError, match=r"history/anna can't be listed: input/output error"):
        world.ingest()
    assert files(world) == {"x.json": ("read", 1)}


def test_a_file_that_becomes_no_history_loses_its_records(world):
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z")])
    world.land("anna/x.zip", zipped({"a.json": [extended("2024-02-01T13:37:00Z")], "b.json": [extended("soon")]}))
    world.ingest()
    world.land("anna/x.json", {"name": "no play"})
    world.land("anna/x.zip", zipped({"b.json": [extended("later")]}))
    world.ingest()
    assert files(world) == {"x.json": ("ignored", 0), "x.zip!b.json": ("read", 1)}
    assert [row["ts"] for row in world.rows("raw_plays")] == ["later"]


def test_every_file_that_is_not_used_has_a_reason(world):
    world.land("anna/good.zip", zipped({"a.json": [extended("2024-01-31T13:37:00Z")], "ReadMe.pdf": b"%PDF\x00"}))
    world.land("anna/cut.json", "[{")
    world.land("stray.json", [extended("2024-01-31T13:37:00Z")])
    folder = world.root / os.fsdecode(b"landing/history/ren\xe9")
    folder.mkdir()
    (folder / "x.json").write_text("[]")
    found = unused(world.ingest())
    assert {source: status for source, (status, _) in found.items()} == {
        "anna/cut.json": "unreadable",
        "ren?/x.json": "passed over",
        "stray.json": "passed over",
        "anna/good.zip!ReadMe.pdf": "ignored",
    }
    assert next(iter(found)) == "anna/cut.json"
    assert found["ren?/x.json"][1] == "its path is no valid UTF-8; rename it"
    again = find_changes(world.landing, world.lake, world.settings)
    assert not again
    assert {file.source.removeprefix("history/") for file in again.unused} == set(found)
    assert use_of(world.lake, ["history/anna/good.zip"])[0] == 1
    assert use_of(world.lake, ["history/anna/cut.json"])[0] == 0


@pytest.mark.parametrize("place", ["world", "s3_world"])
def test_what_was_read_is_known_by_its_content(place, request):
    world = request.getfixturevalue(place)
    world.land("anna/x.json", [extended("2024-01-31T13:37:00Z")])
    world.land("ben/y.json", "[]")
    world.ingest()
    [listed] = [file for file in world.landing.storage.files() if file.path.endswith("x.json")]
    with world.landing.open(listed.path) as stream:
        sha256 = hashlib.sha256(stream.read()).hexdigest()
    assert known_digests(world.lake, "anna") == {listed: sha256}


def test_of_a_damaged_table_nothing_is_known_so_that_an_import_goes_on(synced):
    KINDS["entry_cut"](Path(synced.lake.table_uri("raw_files")))
    assert known_digests(Lake(synced.settings.lake_uri), "anna") == {}


def test_a_file_that_is_not_used_is_told_without_what_a_terminal_obeys():
    file = UnusedFile("history/anna/a\x1b[2J\u202e.json", "unreadable", "it is empty")
    assert str(file) == r"unreadable: history/anna/a\x1b[2J\u202e.json (it is empty)"


def gone(world, table):
    shutil.rmtree(world.lake.table_uri(table))


def log_emptied(world, table):
    for entry in Path(world.lake.table_uri(table), "_delta_log").iterdir():
        entry.unlink()


def last_commit_gone(world, table):
    entries(Path(world.lake.table_uri(table)))[-1].unlink()


def restored(world, table):
    world.lake.open(table).restore(0)


def replaced(world, table):
    DeltaTable.create(world.lake.table_uri(table), schema=TABLES[table].arrow_schema, mode="overwrite")


def partly_deleted(world, table):
    world.lake.open(table).delete("source_file = 'history/anna/a.json'")


def doubled(world, table):
    world.lake.write(table, world.lake.read(table), mode="append")


def updated(world, table):
    world.lake.open(table).update(updates={"listener": "'ben'"})


def damaged(world, table):
    KINDS["file_gone"](Path(world.lake.table_uri(table)))


LOSSES = (gone, log_emptied, last_commit_gone, restored, replaced, partly_deleted, doubled, updated, damaged)


@pytest.mark.parametrize("table", ["raw_plays", "raw_files"])
@pytest.mark.parametrize("loss", LOSSES)
def test_what_a_raw_table_lacks_is_read_again(synced, table, loss):
    def content():
        return [
            {name: value for name, value in row.items() if name not in TIMELESS}
            for raw in ("raw_files", "raw_plays")
            for row in synced.rows(raw)
        ]

    before = content()
    loss(synced, table)
    found = find_changes(synced.landing, synced.lake, synced.settings)
    assert found
    assert {file.path for file in found.to_read} == {"history/anna/a.json", "history/anna/b.json"} or loss is gone
    synced.ingest()
    assert content() == before
    assert not find_changes(synced.landing, synced.lake, synced.settings)


def test_only_files_whose_records_are_missing_are_read_again(synced):
    """A lost commit of ours leaves a table that no other program has changed."""
    synced.land("anna/c.json", [extended("2024-04-30T13:37:00Z")])
    synced.ingest()
    metadata = synced.lake.open("raw_plays").history(1)[0]["userMetadata"]
    synced.lake.replace(
        "raw_plays", lambda: iter(()), predicate="source_file = 'history/anna/b.json'", metadata=lambda _: metadata
    )
    changes = find_changes(synced.landing, synced.lake, synced.settings)
    assert changes.mismatch.reason == "raw_plays has 2 records, and raw_files lists 3"
    assert changes.again == {"history/anna/b.json"}
    assert changes.summary() == "1 read again"
    synced.ingest()
    assert len(synced.rows("raw_plays")) == 3
    assert not find_changes(synced.landing, synced.lake, synced.settings)


def test_records_that_are_not_listed_yet_are_no_mismatch(synced):
    """Another process has just committed them, and lists them next."""
    listed = synced.lake.read("raw_files")
    synced.land("anna/c.json", [extended("2024-04-30T13:37:00Z")])
    synced.ingest()
    synced.lake.replace(
        "raw_files",
        lambda: iter(listed.to_batches()),
        metadata=lambda current: ingest_module._metadata(synced.lake, "raw_files", current, is_whole=True),
    )
    assert not ingest_module.find_mismatch(synced.lake)


def test_maintenance_is_no_reason_to_read_again(synced):
    maintain_lake(synced.lake, 0)
    assert not find_changes(synced.landing, synced.lake, synced.settings)
