"""Records of syncs, beside the lake's tables: when each ran, what it did, and how it ended.

Each sync has a JSON file below `_syncs` in the lake's folder, which is written when it starts and again when it ends.
So a sync that was killed has a record without an end. Records hold numbers, and names of tables, targets and error
classes: messages and file names could name a listener.
"""

import json
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Self
from uuid import uuid4

from spotify_assets.processes import is_alive, start_mark
from spotify_assets.readers.clock import CLOCK_SKEW
from spotify_assets.storage import Storage, StorageError, storage_at

SYNCS = "_syncs"
# Records that are kept.
MAX_RECORDS = 50
SUCCEEDED, FAILED, STOPPED = "succeeded", "failed", "stopped"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SyncRecord:
    """What a sync did.

    Attributes:
        started_at: When it started (UTC).
        ended_at: When it ended (UTC); None while it is under way, and if it was killed.
        outcome: `succeeded`, `failed`, or `stopped` by a signal; empty as long as `ended_at` is None.
        failed: What failed: step or target, and check or class of the error.
        landing: Changes in the landing zone, as `2 new`.
        tables: Number of computed tables.
        partitions: Number of computed partitions.
        published: Number of written tables by target.
        warnings: Number of failed checks that only warn.
        machine: Hash of the name of the machine it ran on.
        pid: Its process there.
        start: When that process started; see `processes.start_mark`.
        name: Name of its file.
    """

    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    failed: str = ""
    landing: str = "no change"
    tables: int = 0
    partitions: int = 0
    published: Mapping[str, int] = field(default_factory=dict)
    warnings: int = 0
    machine: str = ""
    pid: int = 0
    start: str = ""
    name: str = ""

    @classmethod
    def parse(cls, name: str, content: bytes) -> Self | None:
        """Read a record's file; None if it holds none."""
        try:
            found = json.loads(content)
            found = {one.name: found[one.name] for one in fields(cls) if one.name in found}
            for moment in ("started_at", "ended_at"):
                found[moment] = found[moment] and datetime.fromisoformat(found[moment])
            return cls(**found | {"name": name})
        except (ValueError, TypeError, KeyError):
            return None

    @property
    def is_running(self) -> bool | None:
        """Whether it is under way; None if it has not ended and ran on another machine."""
        if self.ended_at:
            return False
        if self.machine != _machine():
            return None
        return is_alive(f"{socket.gethostname()}:{self.pid}:{self.start}", self.started_at.timestamp())

    def __str__(self) -> str:
        """One line: when, how it ended, what it did, and what failed."""
        started = f"{self.started_at:%Y-%m-%d %H:%M} UTC"
        if self.ended_at is None:
            states = {
                True: "is under way",
                False: "was killed, or could not write how it ended",
                None: "has not ended: it is under way on another machine, or was killed there",
            }
            return f"{started}: {states[self.is_running]}"
        why = f" ({self.failed})" if self.failed else ""
        did = [f"landing zone: {self.landing}"]
        if self.tables:
            did.append(f"{self.tables:,} tables computed")
        did += [f"{tables:,} tables published to {target}" for target, tables in self.published.items()]
        if self.warnings:
            did.append(f"{self.warnings:,} checks warned")
        seconds = (self.ended_at - self.started_at).total_seconds()
        return f"{started}: {self.outcome}{why} after {max(seconds, 0):,.0f} s; {', '.join(did)}"


class SyncLog:
    """Records of the last syncs of a lake. A record that can't be written fails no sync.

    Args:
        lake_uri: The lake's folder, or `s3://bucket/prefix`.
    """

    def __init__(self, lake_uri: str) -> None:
        self._storage: Storage = storage_at(lake_uri)

    def start(self) -> SyncRecord:
        """Write the record of a sync that starts, remove the oldest ones, and return it."""
        now = datetime.now(UTC)
        name = f"{now:%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}.json"
        record = SyncRecord(now, machine=_machine(), pid=os.getpid(), start=start_mark(os.getpid()), name=name)
        self._write(record)
        try:
            if old := self._latest_first()[MAX_RECORDS:]:
                self._storage.remove(old)
        except (OSError, StorageError) as error:
            log.debug("Old records of syncs can't be removed: %s", type(error).__name__)
        return record

    def end(self, record: SyncRecord) -> None:
        """Write a record again, as of now."""
        self._write(replace(record, ended_at=datetime.now(UTC)))

    def last(self) -> SyncRecord | None:
        """Record of the sync that started last; None if there is none."""
        for path in self._latest_first():
            try:
                with self._storage.open(path) as stream:
                    content = stream.read()
            except FileNotFoundError:
                continue
            if record := SyncRecord.parse(path.rpartition("/")[2], content):
                return record
        return None

    def last_problem(self) -> str:
        """The last sync in one line, if it failed or was stopped or killed; else empty."""
        last = self.last()
        if last is None or last.outcome == SUCCEEDED or last.is_running:
            return ""
        return f"The last sync, {last}."

    def _latest_first(self) -> list[str]:
        """Paths of records by time; those beyond the clock, which was ahead or is behind, come after all others."""
        paths = [file.path for file in self._storage.files(SYNCS) if file.path.endswith(".json")]
        latest = f"{SYNCS}/{datetime.now(UTC) + CLOCK_SKEW:%Y%m%dT%H%M%S}"
        return sorted(sorted(paths, reverse=True), key=lambda path: path > latest)

    def _write(self, record: SyncRecord) -> None:
        content = json.dumps(asdict(record), default=datetime.isoformat).encode()
        try:
            self._storage.write(f"{SYNCS}/{record.name}", content)
        except (OSError, StorageError) as error:
            log.debug("The record of a sync can't be written: %s", type(error).__name__)


def _machine() -> str:
    """Name of this machine in records, hashed: it often contains that of a person."""
    return sha256(socket.gethostname().encode()).hexdigest()[:12]
