"""What was heard in days, weeks, months, quarters and years.

Days are local dates, `ms_played` is in milliseconds.
"""

from collections.abc import Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.transforms.identity import merge_keys

MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
DAYS_OF = {"day": 1, "week": 7}


def canonical_track_plays(
    daily_track_plays: DataFrame, dim_recording: DataFrame, dim_artist: DataFrame, dim_album: DataFrame
) -> DataFrame:
    """`daily_track_plays` with canonical keys of recording, artist and album."""
    rows = merge_keys(daily_track_plays, dim_recording, "recording_key")
    return merge_keys(merge_keys(rows, dim_artist, "artist_key"), dim_album, "album_key")


def starts_of(date: Column, period_types: Iterable[str]) -> dict[str, Column]:
    """Columns `<period_type>_start`: the first day of each period that a day is in, null for `all`."""
    return {f"{name}_start": _start_of(name, date) for name in period_types}


def previous_start() -> Column:
    """Start of the period before, by the columns `period_type` and `period_start`; null for `all`."""
    start, of_type = F.col("period_start"), F.lit(None).cast("date")
    for name, months in MONTHS_OF.items():
        of_type = F.when(F.col("period_type") == name, F.add_months(start, -months)).otherwise(of_type)
    for name, days in DAYS_OF.items():
        of_type = F.when(F.col("period_type") == name, F.date_sub(start, days)).otherwise(of_type)
    return of_type


def _start_of(period_type: str, date: Column) -> Column:
    if period_type == "all":
        return F.lit(None).cast("date")
    return date if period_type == "day" else F.trunc(date, period_type)
