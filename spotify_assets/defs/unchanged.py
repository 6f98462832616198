"""Ticks that end early: nothing changed since one that found nothing to do.

A sensor that asks the lake opens 86 tables, which takes 0.2 s and memory for good. Comparing the times of files takes
some milliseconds. In S3 there is no such short cut: listing takes as many requests.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spotify_assets.landing.zone import HISTORY
from spotify_assets.model import TABLES
from spotify_assets.refresh.sync_log import SYNCS
from spotify_assets.settings import Settings
from spotify_assets.storage import is_s3

# After so many seconds the lake is asked all the same: a month may have begun, or a table may be damaged.
LOOK_AGAIN_SECONDS = 600.0


@dataclass(frozen=True)
class Quiet:
    """What a tick found that had nothing to do: in which state of the files, what it told, and when (Unix time)."""

    settings: Settings
    state: str
    told: str
    at: float


@dataclass
class QuietTicks:
    """The last tick of each sensor that had nothing to do, of this process: another one may have other code."""

    _last: dict[str, Quiet] = field(default_factory=dict)

    def told(self, sensor: str, settings: Settings, state: str, within: float = LOOK_AGAIN_SECONDS) -> str:
        """What the last tick told, if nothing changed since; else empty.

        Args:
            sensor: The sensor's name.
            settings: Its settings.
            state: Of `state_of_files`, now.
            within: Seconds for which that holds.
        """
        last = self._last.get(sensor)
        if not last or not state or (last.state, last.settings) != (state, settings):
            return ""
        return last.told if 0 <= time.time() - last.at < within else ""

    def note(self, sensor: str, settings: Settings, state: str, told: str) -> str:
        """Note a tick that found nothing to do, in the state that the files had before it looked; returns `told`."""
        self._last[sensor] = Quiet(settings, state, told, time.time())
        return told


def state_of_files(settings: Settings, *, has_history: bool = True) -> str:
    """Hash of what changes with landed files, with commits to the lake and with the DuckDB file; empty in S3.

    Args:
        settings: Where these are.
        has_history: Whether landed history counts. No table is stale, and no target lacks anything, before it is read.
    """
    if is_s3(settings.lake_uri) or is_s3(settings.landing_uri):
        return ""
    digest = hashlib.blake2b(digest_size=16)
    without = "" if has_history else HISTORY
    landed = _landed(settings.landing_uri, without)
    for line in (*_commits(Path(settings.lake_uri)), *landed, _marks(settings.warehouse)):
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _commits(lake: Path) -> Iterator[str]:
    """Times of the folders that get a file with each commit, and with each sync."""
    yield _marks(lake / SYNCS)
    for name, table in TABLES.items():
        yield _marks(lake / table.layer / name / "_delta_log")


def _landed(folder: str, without: str = "") -> Iterator[str]:
    """Each landed file below a folder, without one of its folders, in no order that lasts longer than the files."""
    try:
        with os.scandir(folder) as scanned:
            for entry in sorted(scanned, key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != without:
                        yield from _landed(entry.path)
                else:
                    yield f"{entry.path}{_marks(entry)}"
    except OSError:  # the tick that asks says so
        yield f"{folder} can't be listed"


def _marks(path: Path | str | os.DirEntry[str]) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "-"
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns};"
