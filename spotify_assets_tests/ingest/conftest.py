"""A clock that can be moved, as far as landed files are read by it."""

from datetime import UTC, datetime

import pytest

from spotify_assets.ingest import catalog, catalog_rows, export_dates, history, history_changes, history_rows
from spotify_assets.refresh import staleness


@pytest.fixture
def clock(monkeypatch):
    """Set this machine's clock, as far as files are read by it: a function of a time in UTC, as text."""

    def set_to(time):
        class Moved(datetime):
            @classmethod
            def now(cls, zone=None):
                return datetime.fromisoformat(time).replace(tzinfo=UTC)

        for module in (catalog, catalog_rows, export_dates, history, history_changes, history_rows, staleness):
            monkeypatch.setattr(module, "datetime", Moved)

    return set_to
