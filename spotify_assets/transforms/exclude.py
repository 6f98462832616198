"""Which records a person excluded, by lines of `raw_exclusions`."""

from collections import defaultdict
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.conditions import any_of
from spotify_assets.model.raw import EVERY_LISTENER
from spotify_assets.transforms.asking import ask
from spotify_assets.transforms.identity import artist_and_title
from spotify_assets.transforms.keys import normalize_name


def is_excluded(raw_exclusions: DataFrame | None) -> Column | None:
    """Whether a person excluded the record; None where there are no lines.

    Lines are read while the query is built, and are a condition of it: joins would take time for each record even
    without a line.

    Args:
        raw_exclusions: Whole table, or None.
    """
    if raw_exclusions is None:
        return None
    limits = [F.unix_micros(name).alias(name) for name in ("excluded_from", "excluded_until")]
    lines = ask(raw_exclusions.orderBy("exclusion_id").select("listener", "what", *limits, "value"))
    values: dict[tuple[str, str, int | None, int | None], list[str]] = defaultdict(list)
    for listener, what, start, end, value in lines:
        values[listener, what, start, end].append(value)
    conditions = [_condition(*group, found) for group, found in values.items()]
    return _or_false(any_of(conditions)) if conditions else None


def excluded_files(raw_exclusions: DataFrame | None) -> Column | None:
    """Whether a person excluded the whole file of a row of `raw_files`; None where there are no such lines."""
    if raw_exclusions is None:
        return None
    lines = ask(raw_exclusions.where("what = 'source_file' AND excluded_from IS NULL AND excluded_until IS NULL"))
    conditions = [_condition(line["listener"], "source_file", None, None, [line["value"]]) for line in lines]
    return _or_false(any_of(conditions)) if conditions else None


def _condition(listener: str, what: str, start: int | None, end: int | None, values: list[str]) -> Column:
    """Whether a record is of the listener and the time (microseconds since 1970), and has one of the values."""
    parts = [] if listener == EVERY_LISTENER else [F.col("listener") == listener]
    if start is not None:
        parts.append(F.col("played_at") >= F.timestamp_micros(F.lit(start)))
    if end is not None:
        parts.append(F.col("played_at") < F.timestamp_micros(F.lit(end)))
    if what != "period":
        parts.append(any_of([_or_false(named) for named in _names_one_of(what, values)]))
    return _or_false(reduce(Column.__and__, parts))


def _names_one_of(what: str, values: list[str]) -> list[Column]:
    """Conditions of which any tells that a record has one of the values."""
    normalized = [normalize_name(F.lit(value)) for value in values]
    if what == "track":
        artist_and_track = artist_and_title("clean_artist_name", "clean_track_name")
        return [
            F.col("track_id").isin(*values),
            normalize_name(F.col("clean_track_name")).isin(*normalized),
            artist_and_track.isin(*normalized),
        ]
    if what == "album":
        artist_and_album = artist_and_title("clean_artist_name", "clean_album_name")
        return [normalize_name(F.col("clean_album_name")).isin(*normalized), artist_and_album.isin(*normalized)]
    if what == "source_file":
        return [F.col("source_file").isin(*values), F.substring_index("source_file", "!", 1).isin(*values)]
    of_show = F.when(F.col("content_type") != "track", F.col("creator_name"))
    named = {"artist": F.col("clean_artist_name"), "show": of_show, "device": F.col("platform")}[what]
    return [normalize_name(named).isin(*normalized)]


def _or_false(condition: Column) -> Column:
    return F.coalesce(condition, F.lit(False))
