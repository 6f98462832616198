"""Spellings of a time in exports, and in what spreadsheets and programs make of them.

`5/1/2024` is in May in the United States and in January elsewhere. All such dates of a file have one order of day and
month, and it shows as soon as one of them exists in that order only.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.readers.formats import AMBIGUOUS_DATES, DATE_ORDERS
from spotify_assets.readers.scratch import duckdb_cursor
from spotify_assets.settings import DateOrder

_CLOCK = r"(?:[01]?\d|2[0-3]):\d\d?"
# ISO 8601 in UTC, with `T` or blanks: the spelling of all of Spotify's exports. It is matched before the cast, as that
# also accepts `24:00`, years of five digits and `infinity`. DuckDB's `strptime` is no alternative: where a text ends
# before its format does, it reads past the text's end, and if that is the end of a page of memory, the process dies
# (DuckDB 1.5.5; one of 60 syncs did).
_EXPORT_TIME = rf" *\d{{4}}-\d\d?-\d\d?(?:T| +){_CLOCK}(?::\d\d?(?:\.\d+)?)?Z? *"
# Fractions of a second are truncated to microseconds.
EXPORT_TIME_SQL = f"try_cast(rtrim(CASE WHEN regexp_full_match(ts, '{_EXPORT_TIME}') THEN ts END) AS TIMESTAMP)"

# The same with seconds and an offset, as pandas writes it.
_OFFSET_TIME = rf" *\d{{4}}-\d\d?-\d\d?(?:T| +){_CLOCK}:\d\d?(?:\.\d+)?[+-](?:0\d|1[0-4])(?::[0-5]\d)? *"
_OFFSET_TIME_SQL = f"""
    SELECT try_cast(if(regexp_full_match(ts, '{_OFFSET_TIME}'), rtrim(ts), NULL) AS TIMESTAMPTZ) AT TIME ZONE 'UTC'
        AS instant
    FROM texts"""
# An offset can lead out of the years that Python and Delta know.
_IN_BOUNDS = "if(instant BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59', instant, NULL)"

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Groups: year, month, day; or two numbers with the mark after each, and a year; or day, name of the month, year.
_DATE = (
    r"(?:(\d{4})[-/.](\d\d?)[-/.](\d\d?)"
    r"|(\d\d?)([-/.])(\d\d?)([-/.])(\d{4})"
    rf"|(\d\d?)[ -]((?i:{'|'.join(_MONTHS)}))[a-z]{{0,6}}[.]?[ -](\d{{4}}))"
)
# Groups: hour, minute, second, `A` or `P`.
_TIME_OF_DAY = r"(?:[Tt]|,? +)(\d\d?):(\d\d?)(?::(\d\d?(?:[.]\d+)?))?(?: *([AaPp])[.]?[Mm][.]?)?"
# Groups: sign, hours, minutes.
_ZONE = r"(?: *(?:(?i:Z|UTC|GMT)|([+-])(0\d|1[0-4]):?([0-5]\d)?))?"
_OTHER_TIME = f" *{_DATE}{_TIME_OF_DAY}{_ZONE} *"
_GROUPS = (
    *("year", "month", "day", "one", "mark", "two", "second_mark", "last_year", "named_day", "name", "named_year"),
    *("hour", "minute", "second", "half", "sign", "hours", "minutes"),
)
# Seconds since 1970 from 2001 to 2099, or as many milliseconds or microseconds. A date in digits alone (20240501, also
# with a time) is none of these, or lies in the future.
_EPOCH = r" *\d{10,16}(?:\.\d+)? *"
_EPOCH_FIRST, _EPOCH_LAST = 1_000_000_000, 4_100_000_000

_PARTS_SQL = f"""
    SELECT ts, parts, number, parts.mark IN ('/', '-') AND parts.mark = parts.second_mark AS in_question
    FROM (
        SELECT ts,
            regexp_extract(ts, '^{_OTHER_TIME}$', {list(_GROUPS)}) AS parts,
            if(regexp_full_match(ts, '{_EPOCH}'), try_cast(trim(ts) AS DECIMAL(38, 6)), NULL) AS number
        FROM texts
    )"""
_DATES_SQL = f"""
    SELECT *,
        CASE
            WHEN parts.mark <> parts.second_mark THEN NULL
            WHEN parts.year <> '' THEN try_cast(concat_ws('-', parts.year, parts.month, parts.day) AS DATE)
            WHEN parts.name <> '' THEN try_cast(concat_ws('-', parts.named_year,
                list_position({list(_MONTHS)}, lower(parts.name)), parts.named_day) AS DATE)
            WHEN parts.mark = '.' THEN try_cast(concat_ws('-', parts.last_year, parts.two, parts.one) AS DATE)
        END AS day,
        if(in_question, try_cast(concat_ws('-', parts.last_year, parts.two, parts.one) AS DATE), NULL) AS day_first,
        if(in_question, try_cast(concat_ws('-', parts.last_year, parts.one, parts.two) AS DATE), NULL) AS month_first,
        try_cast(parts.hour AS INTEGER) AS hour,
        (try_cast(parts.hours AS INTEGER) * 60 + coalesce(try_cast(parts.minutes AS INTEGER), 0))
            * if(parts.sign = '-', -1, 1) AS offset_minutes
    FROM ({_PARTS_SQL})"""
_TIMES_SQL = f"""
    SELECT ts, {_IN_BOUNDS} AS reported_at, has_seconds, shows
    FROM (SELECT ts,
        CASE
            WHEN number BETWEEN {_EPOCH_FIRST} AND {_EPOCH_LAST} THEN make_timestamp((number * 1000000)::BIGINT)
            WHEN number BETWEEN {_EPOCH_FIRST}000 AND {_EPOCH_LAST}000 THEN make_timestamp((number * 1000)::BIGINT)
            WHEN number BETWEEN {_EPOCH_FIRST}000000 AND {_EPOCH_LAST}000000 THEN make_timestamp(number::BIGINT)
            ELSE try_cast(concat(
                CASE WHEN in_question AND day_first IS DISTINCT FROM month_first THEN CASE $1
                    WHEN 'day_first' THEN day_first WHEN 'month_first' THEN month_first END
                    ELSE coalesce(day, day_first) END,
                ' ',
                CASE WHEN parts.half = '' AND hour < 24 THEN hour
                    WHEN parts.half <> '' AND hour BETWEEN 1 AND 12
                    THEN hour % 12 + if(upper(parts.half) = 'P', 12, 0) END,
                ':', parts.minute, ':', if(parts.second = '', '00', parts.second)) AS TIMESTAMP)
                - to_minutes(coalesce(offset_minutes, 0))
        END AS instant,
        number IS NOT NULL OR parts.second <> '' AS has_seconds,
        CASE WHEN day_first IS NULL AND month_first IS NOT NULL THEN 'month_first'
            WHEN month_first IS NULL AND day_first IS NOT NULL THEN 'day_first'
            WHEN day_first <> month_first THEN 'either' END AS shows
    FROM ({_DATES_SQL}))"""


@dataclass
class DateEvidence:
    """What the dates of a file that end with the year, with `/` or `-`, show about the order of day and month.

    Attributes:
        counts: Number of dates that exist only with the day first (`day_first`), only with the month first
            (`month_first`), or in both orders, and are two different days (`either`).
        examples: The first date of each of these kinds.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*DATE_ORDERS, "either"), 0))
    examples: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.counts.values())

    @property
    def order(self) -> DateOrder | None:
        """The order in which every date of the file exists; None where both are, or none is."""
        possible = [order for order in DATE_ORDERS if not self.counts[_other(order)]]
        return possible[0] if len(possible) == 1 else None

    def problem(self) -> str:
        """Why the file does not say its order, both readings, and what to do. Only for a file without an order."""
        if self.counts["day_first"]:
            readings = f"{self.examples['day_first']} has the day first, {self.examples['month_first']} the month"
        else:
            example = self.examples["either"]
            one, two, year = map(int, re.findall(r"\d+", example))
            readings = f"{example} is {datetime(year, two, one):%-d %B} or {datetime(year, one, two):%-d %B}"
        return (
            f"{AMBIGUOUS_DATES}: {readings}; {sum(self.counts.values()):,} records are rejected until a line in "
            f"overrides/date_order.csv gives the file's path and {' or '.join(DATE_ORDERS)}, or "
            "SPOTIFY_ASSETS_DATE_ORDER is set"
        )

    def add(self, texts: pa.Array, shows: pa.Array) -> None:
        """Count texts, and what each shows: a key of `counts`, or null."""
        for kind in self.counts:
            of_kind = texts.filter(pc.equal(shows, kind))
            self.counts[kind] += len(of_kind)
            if len(of_kind) and kind not in self.examples:
                self.examples[kind] = re.findall(r"\d+[/-]\d+[/-]\d{4}", of_kind[0].as_py())[0]


def _other(order: DateOrder) -> DateOrder:
    return DATE_ORDERS[1 - DATE_ORDERS.index(order)]


def parse_times(texts: pa.ChunkedArray, order: DateOrder | None, evidence: DateEvidence) -> pa.Table:
    """Parse spellings of a time other than those of Spotify's exports.

    These are ISO 8601 with any offset and any of `-`, `/` and `.`, dates with the name of a month, times of 12 hours
    with AM or PM, and seconds, milliseconds or microseconds since 1970. Without a zone a time is UTC. Dates that end
    with the year have the day first where they are written with dots, and the given order with `/` or `-`.

    Args:
        texts: Times as text.
        order: The order of day and month; None if it isn't known, which leaves dates that depend on it without a time.
        evidence: What the texts show about the order is added to it.

    Returns:
        A row per text, in order: `reported_at` in UTC, null where the text is no such time; `has_seconds`.
    """
    cursor = duckdb_cursor()
    cursor.register("texts", pa.table({"ts": texts}))
    zoned = (
        cursor.execute(f"SELECT {_IN_BOUNDS} AS reported_at FROM ({_OFFSET_TIME_SQL})")
        .to_arrow_table()["reported_at"]
        .combine_chunks()
    )
    if not zoned.null_count:
        return pa.table({"reported_at": zoned, "has_seconds": pa.repeat(True, len(zoned))})
    is_other = zoned.is_null()
    cursor.register("texts", pa.table({"ts": texts.filter(is_other)}))
    parsed = cursor.execute(_TIMES_SQL, [order]).to_arrow_table()
    evidence.add(parsed["ts"], parsed["shows"])
    return pa.table(
        {
            "reported_at": pc.replace_with_mask(zoned, is_other, parsed["reported_at"].combine_chunks()),
            "has_seconds": pc.replace_with_mask(
                pa.repeat(True, len(zoned)), is_other, parsed["has_seconds"].combine_chunks()
            ),
        }
    )
