"""What pages say of the last sync."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spotify_assets.dashboard.warehouse import WarehouseFile
from spotify_assets.refresh.sync_log import SyncLog
from spotify_assets.settings import load_settings

NOW = datetime.now(UTC)


@pytest.fixture
def notice(tmp_path):
    """Write the record of a sync, and return what pages say of it."""

    def say(**record) -> str:
        settings = load_settings(warehouse=str(tmp_path / "w.duckdb"), lake_uri=str(tmp_path / "lake"))
        if record:
            log = SyncLog(settings.lake_uri)
            log._write(replace(log.start(), **record))
        return WarehouseFile(settings).sync_notice()

    return say


def test_a_lake_without_syncs_says_nothing(notice):
    assert notice() == ""


def test_a_recent_success_says_nothing(notice):
    assert notice(ended_at=NOW, outcome="succeeded") == ""


def test_an_old_success_says_how_old(notice):
    started = NOW - timedelta(days=45)
    assert notice(started_at=started, ended_at=started, outcome="succeeded").startswith(
        "The last sync was 45 days ago"
    )


def test_a_failure_says_what_failed_and_what_to_do(notice):
    said = notice(ended_at=NOW, outcome="failed", failed="plays (DuckDBError)")
    assert "did not succeed" in said
    assert "failed (plays (DuckDBError))" in said
    assert "spotify-assets sync" in said


def test_the_notice_is_on_the_page(made, monkeypatch):
    monkeypatch.setattr(WarehouseFile, "sync_notice", lambda self: "Something <b>failed</b>")
    assert '<p class="notice" role="status">Something &lt;b&gt;failed&lt;/b&gt;</p>' in made["full"].get("/").text
    assert "Something &lt;b&gt;" in made["empty"].get("/").text
