"""The commits of a Delta table, from its log."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable

from spotify_assets.lake.damage import LOG_DAMAGE, DamagedTableError, translate_log_errors
from spotify_assets.storage import Bucket, is_s3


def history(table: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
    """Information about the latest commits, as in the log, with their `version`; the latest first.

    `DeltaTable.history` of delta-rs 1.6 is empty for a table below a folder with `#` or `?` in its name. In S3, it
    lists the log before it reads an entry, and no other thread of Python runs meanwhile.

    Raises:
        DamagedTableError: An entry is garbled. With a checkpoint after it, the table can be opened all the same.
    """
    uri = unquote(table.table_uri).rstrip("/")
    name = uri.rpartition("/")[2]
    if is_s3(uri):
        return _history_in_bucket(table, Bucket(uri), name, limit)
    with translate_log_errors(name):
        found: list[dict[str, Any]] = table.history(limit)
    parts = urlsplit(table.table_uri)
    if found or parts.scheme != "file":
        return found
    folder = Path(unquote(parts.path), "_delta_log")
    for version in range(table.version(), -1, -1)[:limit]:
        entry = folder / f"{version:020}.json"
        if not entry.exists():
            break
        actions = map(json.loads, entry.read_text().splitlines())
        found += [{**action["commitInfo"], "version": version} for action in actions if "commitInfo" in action]
    return found


def _history_in_bucket(table: DeltaTable, bucket: Bucket, name: str, limit: int | None) -> list[dict[str, Any]]:
    """The same of a table in S3, by a request for each entry that wasn't read before.

    Versions are counted as `DeltaTable.history` does it: an entry without information is passed over, and those before
    it count one more.
    """
    known: dict[int, dict[str, Any] | None] = getattr(table, "known_commits", {})
    latest = table.version()
    found: list[dict[str, Any]] = []
    for version in range(latest, -1, -1)[:limit]:
        if version not in known:
            try:
                known[version] = _commit_info(bucket.read(f"_delta_log/{version:020}.json"), name)
            except FileNotFoundError:
                break
        if (commit := known[version]) is not None:
            found.append({**commit, "version": latest - len(found)})
    return found


def _commit_info(entry: bytes, name: str) -> dict[str, Any] | None:
    """What an entry of a log tells of its commit; None where it tells nothing."""
    try:
        actions = [json.loads(line) for line in entry.splitlines()]
    except ValueError as error:
        raise DamagedTableError(name, LOG_DAMAGE["Invalid JSON"]) from error
    return next((action["commitInfo"] for action in actions if "commitInfo" in action), None)
