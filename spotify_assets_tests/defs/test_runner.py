"""What a sync asks Dagster for, and what it leaves undone; Dagster itself is a list here."""

from pathlib import Path

import pytest

from spotify_assets.defs import runner
from spotify_assets.defs.outcome import RunFailedError
from spotify_assets.defs.runner import Runner
from spotify_assets.ingest.catalog import mirror_catalog
from spotify_assets.ingest.catalog_register import CATALOG_FILES
from spotify_assets.ingest.history import ingest
from spotify_assets.refresh.plan import PlannedRun
from spotify_assets.settings import load_settings


class Asked(list):
    """Runs that were asked for; only the landing zone is read."""

    def __init__(self, of):
        super().__init__()
        self.of = of

    def read_history(self):
        self.append("read_history")
        unused = ingest(self.of.landing, self.of.lake, self.of.settings).unused
        return unused, len(unused)

    def refresh(self, run):
        self.append(f"refresh {run}")

    def publish(self, target, refreshes, *, full):
        self.append(f"publish {target}{' full' * full}")


@pytest.fixture
def sync(monkeypatch):
    """A runner of these settings, and what it asks for."""

    def make(before=lambda: None, **options):
        sync = Runner(load_settings(**options), lambda _: pytest.fail("it opened Dagster"), before=before)
        asked = Asked(sync)
        monkeypatch.setattr(Runner, "dagster", asked)
        return sync, asked

    return make


def test_what_stays_stale_is_given_up_after_some_rounds(sync, monkeypatch):
    monkeypatch.setattr(runner, "MAX_ROUNDS", 2)
    sync, asked = sync()
    with pytest.raises(RunFailedError, match="is another process writing to the same lake"):
        sync.sync()
    assert asked[0] == "read_history"
    assert [title.partition(" ")[0] for title in asked[1:]] == ["refresh", "refresh"]
    assert len(sync.done.runs) == 2
    assert not sync.done.is_computed


def test_a_landing_zone_that_was_read_is_not_read_again(sync, monkeypatch):
    monkeypatch.setattr(runner, "MAX_ROUNDS", 0)
    sync, asked = sync()
    sync.landing.land("history/stray.json", b"[]")
    for _ in range(2):
        with pytest.raises(RunFailedError):
            sync.sync()
        # What lies where nothing is read is told each time.
        assert [file.source for file in sync.done.unused] == ["history/stray.json"]
        assert sync.done.unused_count == 1
    assert asked == ["read_history"]


def test_what_a_sync_changes_is_preceded_by_one_call_and_nothing_else_is(sync, monkeypatch):
    monkeypatch.setattr(runner, "MAX_ROUNDS", 1)
    counted = []
    first, asked = sync(before=lambda: counted.append(list(asked)))
    with pytest.raises(RunFailedError):
        first.sync()
    assert len(asked) > 1
    assert counted == [[]]
    monkeypatch.setattr(runner.plan, "plan_runs", lambda *_: [])
    second, _ = sync(before=lambda: counted.append("second"))
    second.sync()
    assert counted == [[]]


def test_catalogue_files_that_were_read_and_those_that_are_not_used_are_told(sync, monkeypatch):
    planned = [[PlannedRun((CATALOG_FILES,))], []]
    monkeypatch.setattr(runner.plan, "plan_runs", lambda *_: planned.pop(0))
    sync, asked = sync()
    asked.refresh = lambda run: mirror_catalog(sync.landing, sync.lake, sync.settings)
    sync.landing.land("catalog/artists.csv", b"id,name,followers\n1,Band,7\n")
    sync.landing.land("catalog/colours.csv", b"colour,size\n")
    done = sync.sync()
    assert done.landing == "catalogue files: 2 new"
    assert list(map(str, done.unused)) == [
        "ignored: catalog/colours.csv (its header is none of a catalogue: colour,size)"
    ]
    assert done.unused_count == 1


def test_a_target_that_fails_keeps_no_other_from_being_written(sync):
    Path("letter").write_text("a letter " * 1_000)
    sync, asked = sync(warehouse="letter", export_uri="exports")
    with pytest.raises(RunFailedError, match=r"^duckdb: .*letter can't be read as a DuckDB file"):
        sync.publish()
    assert asked == ["publish files"]
    assert set(sync.done.published) == {"files"}


@pytest.mark.parametrize(
    ("names", "full", "expected"),
    [
        ((), False, ["publish duckdb", "publish files"]),
        (("files",), False, ["publish files"]),
        (("duckdb",), True, ["publish duckdb full"]),
    ],
)
def test_targets_are_published_by_name(sync, names, full, expected):
    sync, asked = sync(export_uri="exports")
    assert set(sync.publish(names, full=full).published) == {title.split()[1] for title in expected}
    assert asked == expected
