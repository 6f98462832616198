"""Sessions: plays of a listener without a long gap between them.

Plays are taken in order of their ends, by which they are in partitions: so only the first and the last session of a
partition can go on in another one. These are put together from their plays; all others lie within their partition.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import DELIBERATE_STARTS, NOT_APPLICABLE_NUMBER, UNKNOWN_NUMBER
from spotify_assets.settings import Settings
from spotify_assets.transforms.joins import union_by_name
from spotify_assets.transforms.keys import album_key, artist_key, track_only_key
from spotify_assets.transforms.metrics import FINISHED, partition_start, sums
from spotify_assets.transforms.plays import local_time

PARTITION = ("month", "window_at", "listener")

ALBUM_RUN_PLAYS = 5
BINGE_PLAYS = 5
BINGE_SHARE = 0.6
SHUFFLE_SHARE = 0.8
BACKGROUND_MS = 3 * 60 * 60 * 1000

SUMMED = (
    "plays",
    "streams",
    "ms_played",
    "spoken_plays",
    "skips",
    "shuffles",
    "deliberate_starts",
    "tracks",
    "hand_offs",
)


def session_parts(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per partition, listener and session that lies within the partition.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition; `session_gap_minutes`; time zones by listener.
    """
    within = _is_edge(in_sessions(_plausible(plays, settings), PARTITION, settings)).where("NOT is_edge")
    return _sum_sessions(within, PARTITION, settings)


def session_edges(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per play of a listener's first and last session in a partition.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition; `session_gap_minutes`.
    """
    edges = _is_edge(in_sessions(_plausible(plays, settings), PARTITION, settings)).where("is_edge")
    return edges.select(
        *PARTITION,
        "play_id",
        "played_at",
        "started_at",
        "content_type",
        "recording_key",
        "artist_key",
        "album_key",
        "year",
        "ms_played",
        "is_stream",
        "is_finished",
        "skipped",
        "shuffle",
        "is_deliberate",
        "reason_end",
        "platform",
        (F.col("session") == 1).alias("is_first"),
    )


def listening_sessions(session_parts: DataFrame, session_edges: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per listener and session; times are UTC, `date` is local.

    Args:
        session_parts: Whole table.
        session_edges: Whole table.
        settings: `session_gap_minutes`; time zones by listener.
    """
    across = _sum_sessions(in_sessions(session_edges, ["listener"], settings), ["listener"], settings)
    sessions = union_by_name(session_parts.drop("month", "window_at"), across)
    before = F.lag("session_end").over(Window.partitionBy("listener").orderBy("session_start"))
    gap = F.floor((F.unix_micros("session_start") - F.unix_micros(before)) / 1000).cast("bigint")
    plays = F.col("plays")
    session_type = (
        F.when(F.col("longest_album_run") >= ALBUM_RUN_PLAYS, "album_run")
        .when((plays >= BINGE_PLAYS) & (F.col("top_artist_plays") >= BINGE_SHARE * plays), "artist_binge")
        .when(F.col("shuffles") >= SHUFFLE_SHARE * plays, "shuffle_mix")
        .when((F.col("ms_played") >= BACKGROUND_MS) & (F.col("deliberate_starts") == 0), "background")
        .otherwise("mixed")
    )
    return sessions.select("*", gap.alias("gap_before_ms"), session_type.alias("session_type"))


def in_sessions(plays: DataFrame, by: Sequence[str], settings: Settings) -> DataFrame:
    """The plays with the `session` that each is in and its `position` there, both from 1, and whether it `opens` it.

    Args:
        plays: Plays with `by`, `played_at`, `started_at` and `play_id`.
        by: Columns within which sessions are numbered.
        settings: `session_gap_minutes`.
    """
    in_order = Window.partitionBy(*by).orderBy("played_at", "play_id")
    so_far = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    before = F.unix_micros(F.lag("played_at").over(in_order))
    pause = F.unix_micros("started_at") - before
    opens = F.coalesce(pause > settings.session_gap_minutes * 60_000_000, F.lit(True))
    opened = plays.select("*", opens.alias("opens"), F.row_number().over(in_order).alias("number"))
    return opened.select(
        "*",
        F.sum(F.col("opens").cast("bigint")).over(so_far).alias("session"),
        (F.col("number") - F.max(F.when(F.col("opens"), F.col("number"))).over(so_far) + 1).alias("position"),
    )


def _plausible(plays: DataFrame, settings: Settings) -> DataFrame:
    """The plays that can be in a session, with their partition, keys and flags."""
    content_type = F.col("content_type")
    return plays.where("NOT is_implausible").select(
        "month",
        partition_start(settings),
        "listener",
        "play_id",
        "played_at",
        "started_at",
        "content_type",
        track_only_key(content_type, F.col("recording_key")).alias("recording_key"),
        track_only_key(content_type, artist_key(F.col("artist_name"))).alias("artist_key"),
        track_only_key(content_type, album_key(F.col("artist_name"), F.col("album_name"))).alias("album_key"),
        F.year("local_date").alias("year"),
        "ms_played",
        "is_stream",
        (F.col("reason_end") == FINISHED).alias("is_finished"),
        "skipped",
        "shuffle",
        F.col("reason_start").isin(*DELIBERATE_STARTS).alias("is_deliberate"),
        "reason_end",
        "platform",
    )


def _is_edge(plays: DataFrame) -> DataFrame:
    """The plays of `in_sessions` with `is_edge`: whether the session is the first or the last of its partition."""
    last = F.max("session").over(Window.partitionBy(*PARTITION))
    return plays.select("*", ((F.col("session") == 1) | (F.col("session") == last)).alias("is_edge"))


def _sum_sessions(plays: DataFrame, by: Sequence[str], settings: Settings) -> DataFrame:
    """One row per session of `in_sessions`, without `session_type` and `gap_before_ms`."""
    in_order = Window.partitionBy(*by).orderBy("played_at", "play_id")
    so_far = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)

    def changes(column: str) -> Column:
        return F.lag(column).over(in_order) != F.col(column)

    flagged = plays.select(
        "*",
        (~F.col("opens") & changes("platform")).alias("is_hand_off"),
        (F.col("opens") | changes("album_key")).alias("opens_run"),
        F.coalesce(F.lead("opens").over(in_order), F.lit(True)).alias("closes"),
    )
    run_start = F.max(F.when(F.coalesce("opens_run", F.lit(True)), F.col("number"))).over(so_far)
    in_runs = flagged.select("*", (F.col("number") - run_start + 1).cast("bigint").alias("run_position"))
    is_track = F.col("content_type") == "track"
    is_known, has_album = (
        ~F.col(key).isin(UNKNOWN_NUMBER, NOT_APPLICABLE_NUMBER) for key in ("artist_key", "album_key")
    )
    # A recording has one artist, so numbers of different recordings by artist add up.
    by_artist = in_runs.groupBy(*by, "session", "artist_key").agg(
        F.count(F.lit(1)).alias("plays"),
        F.count_if("is_stream").alias("streams"),
        F.sum("ms_played").alias("ms_played"),
        F.count_if(~is_track).alias("spoken_plays"),
        F.count_if("skipped").alias("skips"),
        F.count_if("shuffle").alias("shuffles"),
        F.count_if("is_deliberate").alias("deliberate_starts"),
        F.countDistinct(F.when(is_track, F.col("recording_key"))).alias("tracks"),
        F.count_if("is_hand_off").alias("hand_offs"),
        F.coalesce(F.max(F.when(has_album, F.col("run_position"))), F.lit(0)).alias("longest_album_run"),
        F.min(F.when(F.col("opens"), F.col("started_at"))).alias("session_start"),
        F.max("played_at").alias("session_end"),
        F.max(F.when(F.col("opens"), F.col("recording_key"))).alias("first_recording_key"),
        F.max(F.when(F.col("closes"), F.col("recording_key"))).alias("last_recording_key"),
        F.max(F.when(F.col("opens"), F.col("platform"))).alias("first_platform"),
        F.collect_set("platform").alias("platforms"),
    )
    sessions = by_artist.groupBy(*by, "session").agg(
        *sums(SUMMED),
        F.count_if(is_known).alias("artists"),
        F.coalesce(F.max(F.when(is_known, F.col("plays"))), F.lit(0)).alias("top_artist_plays"),
        *[
            F.max(name).alias(name)
            for name in (
                "longest_album_run",
                "session_end",
                "first_recording_key",
                "last_recording_key",
                "first_platform",
                "session_start",
            )
        ],
        F.flatten(F.collect_list("platforms")).alias("platform_sets"),
    )
    date = F.to_date(local_time(F.col("session_start"), F.col("listener"), settings)).alias("date")
    platforms = F.size(F.array_distinct("platform_sets")).cast("bigint").alias("platforms")
    return sessions.select("*", date, platforms).drop("session", "platform_sets")
