"""Which landed files have to be read again because this machine's clock was another one when they were read.

A clock may be behind, as that of a machine without a battery, or ahead. What a file tells beyond it is not believed
(`readers.clock`), and the registers of landed files, `raw_files` and `raw_catalog_files`, say until when that holds.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from spotify_assets.readers.clock import CLOCK_SKEW

# In a reader's version, what comes before the time from which it is outdated.
UNTIL = " until "


def with_end(version: str, valid_from: Iterable[datetime | None]) -> str:
    """A reader's version, with the time from which it is outdated.

    Args:
        version: Version of everything else that a file's rows depend on.
        valid_from: When what lies beyond the clock, in each of the file's sources, may become valid (UTC).
    """
    first = min((time for time in valid_from if time), default=None)
    return f"{version}{UNTIL}{first.isoformat(timespec='seconds')}" if first else version


def without_end(version: str) -> str:
    """A reader's version without the time from which it is outdated."""
    return _parts(version)[0]


def was_read_by_another_clock(rows: Iterable[Mapping[str, Any]], now: datetime) -> bool:
    """Whether files have to be read again, by their rows of `raw_files` or `raw_catalog_files`.

    That is where the first time beyond the clock may be valid by now, and where a time that was believed lies beyond
    the clock.
    """
    latest = now + CLOCK_SKEW
    for row in rows:
        end = _parts(row["reader_version"])[1]
        believed = [time for time in (row.get("last_reported_at"), row["exported_at"]) if time]
        if (end and end <= now) or any(time > latest for time in believed):
            return True
    return False


def _parts(version: str) -> tuple[str, datetime | None]:
    before, mark, end = version.rpartition(UNTIL)
    return (before, datetime.fromisoformat(end)) if mark else (version, None)
