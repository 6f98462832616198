"""Filters of a page: whose listening, of which days, and which plays. The query string has them, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

ALL, MUSIC, SPOKEN = "all", "music", "spoken"
CONTENTS = {ALL: "music and spoken", MUSIC: "music", SPOKEN: "spoken"}
MINIMUMS = {0: "any length", 10: "10 s or more", 30: "30 s or more", 60: "1 min or more", 120: "2 min or more"}
MAX_MINIMUM_SECONDS = 24 * 60 * 60
PERIODS = {
    "all": "all time",
    "year": "this year",
    "last-year": "last year",
    "12m": "last 12 months",
    "90d": "last 90 days",
}
RANGE = "range"


@dataclass(frozen=True)
class Listener:
    """A listener of the warehouse, with the local days of the first and the last play."""

    name: str
    timezone: str
    first: date
    last: date


@dataclass(frozen=True)
class Filters:
    """What a page counts.

    Attributes:
        listener: Whose listening.
        period: A name of `PERIODS`, counted back from the listener's last day with a play, or `range`.
        start: First local day.
        end: Last local day, included.
        minimum: Shortest play that counts (s); 0 counts all.
        content: `all`, `music` or `spoken`.
        no_incognito: Whether private sessions are left out.
        covers: Whether covers are shown, which asks Spotify's servers for them.
        preferred: The listener whose pages need no name in their address.
    """

    listener: Listener
    period: str
    start: date
    end: date
    minimum: int = 0
    content: str = ALL
    no_incognito: bool = False
    covers: bool = False
    preferred: str = ""

    @classmethod
    def parse(cls, asked: Mapping[str, str], listeners: Mapping[str, Listener], preferred: str) -> "Filters":
        """The filters of a query string. What can't be understood counts as not given.

        Args:
            asked: The query string's values by name.
            listeners: Listeners by name; at least one.
            preferred: The listener of a page that names none.
        """
        preferred = preferred if preferred in listeners else next(iter(listeners))
        listener = listeners.get(asked.get("listener", ""), listeners[preferred])
        start, end = parse_day(asked.get("from")), parse_day(asked.get("to"))
        period = asked.get("period", "")
        if start or end:
            start, end = start or listener.first, end or listener.last
            start, end = min(start, end), max(start, end)
            period = RANGE
        else:
            period = period if period in PERIODS else "all"
            start, end = _span(period, listener)
        minimum = asked.get("min", "")
        content = asked.get("content", ALL)
        return cls(
            listener,
            period,
            start,
            end,
            min(int(minimum), MAX_MINIMUM_SECONDS) if minimum.isascii() and minimum.isdigit() else 0,
            content if content in CONTENTS else ALL,
            asked.get("incognito") == "no",
            asked.get("covers") == "on",
            preferred,
        )

    @property
    def is_plain(self) -> bool:
        """Whether all plays of the days count, so that daily sums answer."""
        return not self.minimum and not self.no_incognito and self.content == ALL

    @property
    def is_all_time(self) -> bool:
        """Whether it is all days of the listener."""
        return self.start <= self.listener.first and self.end >= self.listener.last

    @property
    def days(self) -> int:
        """Number of days, first and last included."""
        return (self.end - self.start).days + 1

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of queries: of the listener and the days, and of plays."""
        return {
            "listener": self.listener.name,
            "start": self.start,
            "end": self.end,
            "min_ms": self.minimum * 1000,
            "zone": self.listener.timezone,
        }

    @property
    def previous(self) -> tuple[date, date]:
        """The days before: as many months, where these are whole months, else as many days."""
        until = self.start - timedelta(days=1)
        if self.start.day == 1 and (self.end + timedelta(days=1)).day == 1:
            months = 12 * (self.end.year - self.start.year) + self.end.month - self.start.month + 1
            place = 12 * self.start.year + self.start.month - 1 - months
            return date(place // 12, place % 12 + 1, 1), until
        return until - timedelta(days=self.days - 1), until

    @property
    def asked(self) -> dict[str, str | int | None]:
        """Values of the query string by name; those at their default are None or left out."""
        values: dict[str, str | int | None] = {}
        if self.listener.name != self.preferred:
            values["listener"] = self.listener.name
        if self.period == RANGE:
            values |= {"from": f"{self.start:%Y-%m-%d}", "to": f"{self.end:%Y-%m-%d}"}
        elif self.period != "all":
            values["period"] = self.period
        values |= {"min": self.minimum or None, "content": None if self.content == ALL else self.content}
        return values | {"incognito": "no" if self.no_incognito else None, "covers": "on" if self.covers else None}

    def address(self, path: str, **changes: str | int | None) -> str:
        """Address of a page with these filters; `changes` are further or other values, None removes one."""
        values = self.asked
        if "period" in changes or "from" in changes:
            values = {name: value for name, value in values.items() if name not in ("period", "from", "to")}
        query = urlencode({name: value for name, value in (values | changes).items() if value is not None})
        return f"{path}?{query}" if query else path

    def describe(self) -> str:
        """The days and what isn't counted, in words."""
        said = [describe_days(self.start, self.end) if self.period != "all" else "all time"]
        if self.content != ALL:
            said.append(CONTENTS[self.content])
        if self.minimum:
            said.append(f"plays of {self.minimum} s or more")
        if self.no_incognito:
            said.append("without private sessions")
        return ", ".join(said)


def year_before(day: date) -> date:
    """The same day of the year before; of 29 February, the 28th."""
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def _span(period: str, listener: Listener) -> tuple[date, date]:
    last = listener.last
    spans = {
        "all": (listener.first, last),
        "year": (date(last.year, 1, 1), last),
        "last-year": (date(last.year - 1, 1, 1), date(last.year - 1, 12, 31)),
        "12m": (year_before(last) + timedelta(days=1), last),
        "90d": (last - timedelta(days=89), last),
    }
    return spans[period]


def parse_day(text: str | None) -> date | None:
    """The day that a query string names, as 2024-01-31; None for anything else."""
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    # So that a day has one before it, and the SQL of any engine can write it.
    return found if 1900 <= found.year <= 2200 else None


def describe_days(start: date, end: date) -> str:
    """First and last day in words."""
    if (start.month, start.day, end.month, end.day) == (1, 1, 12, 31):
        return f"{start.year}" if start.year == end.year else f"{start.year} to {end.year}"
    if start.day == 1 and (start.year, start.month) == (end.year, end.month) and (end + timedelta(days=1)).day == 1:
        return f"{start:%B %Y}"
    return f"{start:%-d %b %Y} to {end:%-d %b %Y}" if start != end else f"{start:%-d %b %Y}"
