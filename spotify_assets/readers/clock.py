"""Which times in landed files are believed: those up to this machine's clock, which may itself be wrong."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# How far clocks may differ from each other, time zones included.
CLOCK_SKEW = timedelta(days=1)


@dataclass(frozen=True)
class Believed:
    """Of some times (UTC), those next to the time up to which they are believed.

    Attributes:
        latest: The latest one that is believed; None where there is none.
        beyond: The earliest one that is not, since it comes later; None where there is none. Once the clock has come
            so far, or is right again, the same file tells something else.
    """

    latest: datetime | None = None
    beyond: datetime | None = None


def believe(times: Iterable[datetime | None], until: datetime) -> Believed:
    """Judge times (UTC; None is no time). Those after `until` are not believed."""
    latest = beyond = None
    for time in times:
        if time is None:
            continue
        if time > until:
            beyond = min(time, beyond or time)
        else:
            latest = max(time, latest or time)
    return Believed(latest, beyond)
