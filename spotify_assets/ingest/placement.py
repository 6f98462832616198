"""Places plays in time: when a play ended, where a record of it was reported late.

`ts` of an extended export is when the record reached Spotify. For plays that were offline, or whose app was closed,
that is hours or days after the end of the play: in a real export a median of 5.3 hours, at most 6 days.
"""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

# Ends of plays that an app reports when it is started again.
LATE_REASONS = ("logout", "unexpected-exit", "unexpected-exit-while-paused")
# Milliseconds. Shorter delays are latency, longer ones are wrong clocks; all others are pauses within a play.
MIN_DELAY = 60 * 1000
MAX_DELAY = 31 * 24 * 60 * 60 * 1000
TIME_TYPE = pa.timestamp("us", "UTC")
MS = pa.timestamp("ms", "UTC")
WHOLE_NUMBER = r"^\s*\+?\d{1,15}(\.0*)?\s*$"


def placed_times(table: pa.Table, source_format: str | None, start: datetime) -> tuple[pa.Array, pa.Array]:
    """`offline_at` and `played_at` (UTC) of records in the record schema.

    `offline_at` is the start of the play by `offline_timestamp`, in seconds or milliseconds, where that is plausible:
    between the start of plays and `reported_at`. It is null in other formats than the extended one.

    `played_at` is `reported_at`, or `offline_at` plus `ms_played`, where that is more than `MIN_DELAY` and at most
    `MAX_DELAY` earlier and the record says that it could be reported late: `offline` is true, or `reason_end` is one
    of `LATE_REASONS`.

    Args:
        table: Records, with their `reported_at`.
        source_format: Format of their file.
        start: Start of plays.
    """
    reported_at = table["reported_at"].combine_chunks()
    offline_at = pa.nulls(len(table), TIME_TYPE)
    if source_format != "extended" or table["offline_timestamp"].null_count == len(table):
        return offline_at, reported_at
    offline_at = _plausible_start(_whole_number(table["offline_timestamp"]), reported_at, start)
    is_late = pc.and_(pc.is_valid(offline_at), _may_be_late(table))
    late = pc.indices_nonzero(pc.fill_null(is_late, False))
    if not len(late):
        return offline_at, reported_at
    began, reported = (column.take(late).cast(pa.int64()) for column in (offline_at, reported_at))
    length = _whole_number(table["ms_played"].take(late))
    ended = pc.add(began, pc.multiply(length, 1000))
    delay = pc.subtract(reported, ended)
    is_placed = pc.and_(pc.greater(delay, MIN_DELAY * 1000), pc.less_equal(delay, MAX_DELAY * 1000))
    placed = pc.if_else(pc.fill_null(is_placed, False), ended, reported).cast(TIME_TYPE)
    return offline_at, pc.replace_with_mask(reported_at, pc.fill_null(is_late, False), placed)


def _may_be_late(table: pa.Table) -> pa.Array:
    """Whether a record says that it was offline, or that its app was closed."""
    offline, reason_end = (
        pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(table[name].combine_chunks())), "")
        for name in ("offline", "reason_end")
    )
    return pc.or_(pc.is_in(offline, pa.array(["true", "1"])), pc.is_in(reason_end, pa.array(LATE_REASONS)))


def _plausible_start(number: pa.Array, reported_at: pa.Array, start: datetime) -> pa.Array:
    """The number as a time, taken as seconds or milliseconds, whichever lies between `start` and `reported_at`."""
    reported = reported_at.cast(MS, safe=False).cast(pa.int64())
    earliest = int(start.timestamp()) * 1000

    def is_plausible(moment: pa.Array) -> pa.Array:
        return pc.and_(pc.greater_equal(moment, earliest), pc.less_equal(moment, reported))

    from_seconds = pc.multiply(number, 1000)
    plausible = pc.case_when(
        pc.make_struct(*[pc.fill_null(is_plausible(moment), False) for moment in (from_seconds, number)]),
        from_seconds,
        number,
    )
    return plausible.cast(MS).cast(TIME_TYPE)


def _whole_number(text: pa.ChunkedArray) -> pa.Array:
    """Text as a number where it is a whole one without a sign, else null."""
    values = text.combine_chunks()
    is_whole = pc.match_substring_regex(values, WHOLE_NUMBER)
    digits = pc.if_else(is_whole, pc.utf8_trim(values, "+ \t\r\n"), pa.scalar(None, pa.string()))
    return pc.replace_substring_regex(digits, r"\.0*$", "").cast(pa.int64())
