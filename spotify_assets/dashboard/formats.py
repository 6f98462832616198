"""How values are written on pages: thin thousands separators, units, dates in words."""

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

THIN = "\u202f"
MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
MS_PER_HOUR = 3_600_000
DAYS_OF_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def write_count(value: float) -> str:
    """`12 345`, with a thin space."""
    return f"{value:,.0f}".replace(",", THIN).replace("-", MINUS)


def write_decimal(value: float) -> str:
    """`12.3`; one decimal below 100."""
    return f"{value:,.1f}".replace(",", THIN).replace("-", MINUS) if abs(value) < 100 else write_count(value)


def write_amount(value: float) -> str:
    """A whole number as a count, any other with one decimal below 100."""
    return write_count(value) if value == int(value) else write_decimal(value)


def write_share(value: float) -> str:
    """`12 %`; one decimal below 10 %."""
    percent = value * 100
    digits = 1 if 0 < abs(percent) < 9.95 else 0
    return f"{percent:.{digits}f}{THIN}%".replace("-", MINUS)


def write_hours(ms: float) -> str:
    """Milliseconds as hours: `12.3 h`, or minutes below one hour."""
    if abs(ms) < MS_PER_HOUR:
        return write_minutes(ms)
    return f"{write_decimal(ms / MS_PER_HOUR)}{THIN}h"


def write_minutes(ms: float) -> str:
    """Milliseconds as `3:20` minutes and seconds below one hour, else as hours."""
    seconds = round(ms / 1000)
    if seconds >= 3600:
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{seconds // 60}:{seconds % 60:02d}"


def write_day(value: date) -> str:
    """`5 Mar 2024`."""
    return f"{value:%-d %b %Y}"


def write_month(value: date) -> str:
    """`Mar 2024`."""
    return f"{value:%b %Y}"


def write_time(value: datetime) -> str:
    """`5 Mar 2024, 14:05`."""
    return f"{value:%-d %b %Y, %H:%M}"


def write_clock(value: datetime) -> str:
    """`14:05`."""
    return f"{value:%H:%M}"


def write_change(value: float) -> str:
    """`+3` or `-3`, `=` for none."""
    return f"+{write_count(value)}" if value > 0 else write_count(value) if value < 0 else "="


def write_signed(value: float) -> str:
    """`+3.2` or `-3.2`, `+3` of a whole number, `±0` where it rounds to that."""
    rounded = round(value, 1)
    text = write_count(value) if value == int(value) else write_decimal(rounded)
    return f"+{text}" if rounded > 0 else text if rounded < 0 else "±0"


def write_hour_of_day(value: int) -> str:
    """`07:00`."""
    return f"{int(value):02d}:00"


def write_words(value: str) -> str:
    """`album_run` as `album run`."""
    return str(value).replace("_", " ")


def write_yes(value: bool) -> str:
    """`yes` or `no`."""
    return "yes" if value else "no"


def write_list(value: list[str]) -> str:
    """Items with semicolons between them, as names may have commas."""
    return "; ".join(map(str, value))


def write_genre(value: str) -> str:
    """The label of a family of genres: `hip_hop` as `hip hop`, `rnb_soul` as `R&B and soul`."""
    from spotify_assets.model.genres import genre_label  # loads SQLAlchemy

    return genre_label(value)


DEVICES = {"ios": "iOS", "macos": "macOS", "speaker_or_tv": "Speaker or TV", "web": "Web player"}


def write_device(value: str) -> str:
    """A family of platforms as people call it: `ios` as `iOS`, `android` as `Android`; `unknown` and `other` stay."""
    if value in DEVICES:
        return DEVICES[value]
    return write_words(value) if value in ("unknown", "other", "not_applicable") else value.capitalize()


WAYS = {"deliberate": "chosen by you", "shuffle": "on shuffle", "queue": "from a queue or autoplay"}


def write_way(value: str) -> str:
    """How a first play began, as in `discoveries.started_by`: `queue` as `from a queue or autoplay`."""
    return WAYS.get(value, value)


def write_country(value: str) -> str:
    """The English name of a country by its code of ISO 3166: `SE` as `Sweden`; an unknown code as it is: `ZZ`."""
    return _country_names().get(value, value)


@cache
def _country_names() -> dict[str, str]:
    """Names by code, of the time zone database, whose package is there anyway: short ones, in common use."""
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    return dict(line.split("\t", 1) for line in table.splitlines() if line and not line.startswith("#"))


def capitalized(text: str) -> str:
    """The text with a capital first letter; the others stay, as in `R&B`."""
    return text[:1].upper() + text[1:]


# By the kind of a column, see `blocks.Column`.
WRITERS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "path": str,
    "words": write_words,
    "genre": write_genre,
    "country": write_country,
    "device": write_device,
    "way": write_way,
    "count": write_count,
    "decimal": write_decimal,
    "amount": write_amount,
    "share": write_share,
    "hours": write_hours,
    "minutes": write_minutes,
    "day": write_day,
    "month": write_month,
    "time": write_time,
    "clock": write_clock,
    "change": write_change,
    "signed": write_signed,
    "hour": write_hour_of_day,
    "yes": write_yes,
    "list": write_list,
}
# Those whose values are codes: charts show what they are written as, too.
CODES = {"genre", "country", "device"}
NUMERIC = {"count", "decimal", "amount", "share", "hours", "minutes", "change", "signed", "hour"}
# Those that need some width.
LONG = {"path", "list"}
# Those that are never broken into lines.
UNBROKEN = NUMERIC | {"day", "month", "time", "clock"}


def written(value: Any, kind: str) -> str:
    """A value as its kind is written; a dash where it is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    return WRITERS[kind](value)


def listing(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def plural(count: int, word: str) -> str:
    """`1 day`, `2 days`."""
    return f"{write_count(count)} {word}{'' if count == 1 else 's'}"


def part_of_day(hour: int) -> str:
    """Night (0 to 5), morning (6 to 11), afternoon (12 to 17), evening (18 to 23), as in `dim_time`."""
    return ("night", "morning", "afternoon", "evening")[hour // 6]
