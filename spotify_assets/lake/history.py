"""The commits of a Delta table, from its log."""

import json
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable

from spotify_assets.lake.damage import LOG_DAMAGE, DamagedTableError
from spotify_assets.storage import Bucket, is_s3

# How entries begin a line that tells of the commit.
COMMIT_INFO = b'{"commitInfo"'


def history(table: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
    """Information about the latest commits, as in the log, with their `version`; the latest first.

    Versions are counted as `DeltaTable.history` of delta-rs 1.6 does it: an entry without information is passed over,
    and those before it count one more. It isn't used: it lists the log before it reads an entry, lets no other
    thread of Python run meanwhile, and finds nothing for a table below a folder with `#` or `?` in its name.

    Raises:
        DamagedTableError: An entry is garbled. With a checkpoint after it, the table can be opened all the same.
    """
    read, known = _entries_of(table)
    latest = table.version()
    found: list[dict[str, Any]] = []
    for version in range(latest, -1, -1)[:limit]:
        if version not in known:
            try:
                known[version] = _commit_info(read(f"{version:020}.json"), table)
            except FileNotFoundError:
                break
        if (commit := known[version]) is not None:
            found.append({**commit, "version": latest - len(found)})
    return found


def _entries_of(table: DeltaTable) -> tuple[Callable[[str], bytes], MutableMapping[int, dict[str, Any] | None]]:
    """How to read an entry of the log by its name, and what is known of entries: in S3, each is a request."""
    uri = table.table_uri
    if is_s3(uri):
        bucket = Bucket(unquote(uri).rstrip("/"))
        return lambda name: bucket.read(f"_delta_log/{name}"), getattr(table, "known_commits", {})
    log = Path(unquote(urlsplit(uri).path), "_delta_log")
    return lambda name: (log / name).read_bytes(), {}


def _commit_info(entry: bytes, table: DeltaTable) -> dict[str, Any] | None:
    """What an entry of a log tells of its commit; None where it tells nothing. Its other lines may be thousands."""
    lines = entry.splitlines()
    try:
        actions = [json.loads(line) for line in lines if line.startswith(COMMIT_INFO)] or map(json.loads, lines)
        return next((action["commitInfo"] for action in actions if "commitInfo" in action), None)
    except ValueError as error:
        name = unquote(table.table_uri).rstrip("/").rpartition("/")[2]
        raise DamagedTableError(name, LOG_DAMAGE["Invalid JSON"]) from error
