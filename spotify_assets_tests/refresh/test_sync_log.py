import subprocess
import sys
from dataclasses import replace
from datetime import datetime

import psutil
import pytest

from spotify_assets.refresh import sync_log
from spotify_assets.refresh.sync_log import FAILED, SUCCEEDED, SYNCS, SyncLog


@pytest.fixture
def log(tmp_path) -> SyncLog:
    return SyncLog(str(tmp_path / "lake"))


def test_a_sync_that_ended_says_how(log):
    assert log.last() is None
    record = log.start()
    assert log.last().is_running
    assert str(log.last()).endswith("is under way")
    log.end(replace(record, outcome=FAILED, failed="publish_mysql: TargetError", landing="2 new", tables=30))
    assert str(log.last()) == (
        f"{record.started_at:%Y-%m-%d %H:%M} UTC: failed (publish_mysql: TargetError) after 0 s; "
        "landing zone: 2 new, 30 tables computed"
    )
    assert log.last_problem() == f"The last sync, {log.last()}."
    log.end(replace(log.start(), outcome=SUCCEEDED, published={"duckdb": 34}))
    assert str(log.last()).endswith("; landing zone: no change, 34 tables published to duckdb")
    assert log.last_problem() == ""


def test_a_sync_whose_process_is_gone_was_killed(log):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    record = replace(log.start(), pid=gone.pid)
    log._write(record)
    assert str(log.last()).endswith("was killed, or could not write how it ended")
    assert "was killed" in log.last_problem()
    log._write(replace(record, machine="another"))
    assert "under way on another machine, or was killed there" in str(log.last())


def test_a_sync_is_under_way_though_the_clock_was_set_ahead_meanwhile(log, monkeypatch):
    before = psutil.Process.create_time
    log.start()
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: before(process) + 86_400)
    assert log.last().is_running
    log._write(replace(log.last(), start="00000000-1"))
    assert log.last().is_running is False


def test_the_oldest_records_go(log, tmp_path, monkeypatch):
    monkeypatch.setattr(sync_log, "MAX_RECORDS", 3)
    for _ in range(5):
        last = log.start()
    left = sorted(path.name for path in (tmp_path / "lake" / SYNCS).iterdir())
    assert len(left) == 3
    assert log.last().name == last.name == left[-1]


def test_a_record_of_a_clock_that_was_ahead_is_not_the_last_and_goes_first(log, tmp_path, monkeypatch):
    monkeypatch.setattr(sync_log, "MAX_RECORDS", 2)
    with monkeypatch.context() as patch:
        patch.setattr(sync_log, "datetime", Ahead)
        log.end(replace(log.start(), outcome=FAILED))
    assert log.last().outcome == FAILED
    log.end(replace(log.start(), outcome=SUCCEEDED))
    assert (log.last().outcome, log.last_problem()) == (SUCCEEDED, "")
    log.start()
    assert not [path.name for path in (tmp_path / "lake" / SYNCS).iterdir() if path.name.startswith("2045")]


class Ahead(datetime):
    @classmethod
    def now(cls, zone=None):
        return datetime(2045, 1, 1, tzinfo=zone)


def test_a_damaged_record_is_passed_over(log, tmp_path):
    log.start()
    for number, content in enumerate([b"", b"[]", b"{}", b'{"started_at": 5}', b'{"started_at": "2024"']):
        (tmp_path / "lake" / SYNCS / f"9-{number}.json").write_bytes(content)
    assert log.last().is_running


def test_a_record_that_can_not_be_written_fails_no_sync(tmp_path):
    (tmp_path / "lake").write_text("a file where the folder should be")
    log = SyncLog(str(tmp_path / "lake"))
    log.end(replace(log.start(), outcome=SUCCEEDED))
    assert log.last() is None


def test_records_in_a_bucket(bucket):
    log = SyncLog(f"{bucket}/lake")
    log.end(replace(log.start(), outcome=SUCCEEDED))
    assert log.last().outcome == SUCCEEDED
