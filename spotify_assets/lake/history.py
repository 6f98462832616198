"""The commits of a Delta table, from its log."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable

from spotify_assets.lake.damage import translate_log_errors


def history(table: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
    """Information about the latest commits, as in the log, with their `version`; the latest first.

    `DeltaTable.history` of delta-rs 1.6 is empty for a table below a folder with `#` or `?` in its name.

    Raises:
        DamagedTableError: An entry is garbled. With a checkpoint after it, the table can be opened all the same.
    """
    with translate_log_errors(unquote(table.table_uri).rstrip("/").rpartition("/")[2]):
        found: list[dict[str, Any]] = table.history(limit)
    uri = urlsplit(table.table_uri)
    if found or uri.scheme != "file":
        return found
    folder = Path(unquote(uri.path), "_delta_log")
    for version in range(table.version(), -1, -1)[:limit]:
        entry = folder / f"{version:020}.json"
        if not entry.exists():
            break
        actions = map(json.loads, entry.read_text().splitlines())
        found += [{**action["commitInfo"], "version": version} for action in actions if "commitInfo" in action]
    return found
