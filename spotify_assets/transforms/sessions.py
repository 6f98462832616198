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
from spotify_assets.transforms.metrics import FINISHED, partition_start, sums, with_layout
from spotify_assets.transforms.plays import local_time

PARTITION = ("window_at", "listener")

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
    "hand_offs",
)
# Of which a session has the greatest of its parts.
GREATEST = ("longest_album_run", "session_end", "first_recording_key", "last_recording_key", "first_platform")


def session_parts(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per partition, listener and session that lies within the partition.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition; `session_gap_minutes`; time zones by listener.
    """
    within = _is_edge(in_sessions(_plausible(plays, settings), PARTITION, settings)).where("NOT is_edge")
    return with_layout(_sum_sessions(within, PARTITION, settings))


def session_edges(plays: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per play of a listener's first and last session in a partition.

    Args:
        plays: All rows of one or more partitions.
        settings: `plays_grain`, the length of a partition; `session_gap_minutes`.
    """
    edges = _is_edge(in_sessions(_plausible(plays, settings), PARTITION, settings)).where("is_edge")
    edges = edges.select(
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
    return with_layout(edges)


def listening_sessions(session_parts: DataFrame, session_edges: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per listener and session; times are UTC, `date` is local.

    Args:
        session_parts: Whole table.
        session_edges: Whole table.
        settings: `session_gap_minutes`; time zones by listener.
    """
    across = _sum_sessions(in_sessions(session_edges, ["listener"], settings), ["listener"], settings)
    sessions = union_by_name(session_parts.drop("month", "year_start", "window_at"), across)
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
    sessions = _sum_members(_sum_recordings(in_runs, by), by)
    date = F.to_date(local_time(F.col("session_start"), F.col("listener"), settings)).alias("date")
    return sessions.select("*", date).drop("session")


def _is_known(key: str) -> Column:
    return ~F.col(key).isin(UNKNOWN_NUMBER, NOT_APPLICABLE_NUMBER)


def _sum_recordings(plays: DataFrame, by: Sequence[str]) -> DataFrame:
    """One row per session, artist, recording and platform, with `platform_starts`: how often it was changed to."""
    return plays.groupBy(
        *by, "session", "artist_key", "recording_key", F.xxhash64("platform").alias("platform_key")
    ).agg(
        F.count(F.lit(1)).alias("plays"),
        F.count_if("is_stream").alias("streams"),
        F.sum("ms_played").alias("ms_played"),
        F.count_if(F.col("content_type") != "track").alias("spoken_plays"),
        F.count_if("skipped").alias("skips"),
        F.count_if("shuffle").alias("shuffles"),
        F.count_if("is_deliberate").alias("deliberate_starts"),
        F.count_if("is_hand_off").alias("hand_offs"),
        F.count_if(F.col("opens") | F.col("is_hand_off")).alias("platform_starts"),
        F.coalesce(F.max(F.when(_is_known("album_key"), F.col("run_position"))), F.lit(0)).alias("longest_album_run"),
        F.min(F.when(F.col("opens"), F.col("started_at"))).alias("session_start"),
        F.max("played_at").alias("session_end"),
        F.max(F.when(F.col("opens"), F.col("recording_key"))).alias("first_recording_key"),
        F.max(F.when(F.col("closes"), F.col("recording_key"))).alias("last_recording_key"),
        F.max(F.when(F.col("opens"), F.col("platform"))).alias("first_platform"),
    )


def _sum_members(recordings: DataFrame, by: Sequence[str]) -> DataFrame:
    """One row per session, with its numbers of tracks, artists and platforms.

    Distinct recordings and platforms are counted as rows of two kinds. Sets of them, two for each artist of a session,
    took 6 GB for two million plays, and two and a half times as long.
    """
    # Each platform of a session is that of its first play, or follows another.
    kinds = F.when(F.col("platform_starts") > 0, F.array(F.lit(0), F.lit(1))).otherwise(F.array(F.lit(0)))
    is_platform = F.col("kind") == 1
    greatest = [F.max(name).alias(name) for name in GREATEST]
    start = F.min("session_start").alias("session_start")
    members = (
        recordings.select("*", F.explode(kinds).alias("kind"))
        .groupBy(
            *by,
            "session",
            "kind",
            F.when(is_platform, UNKNOWN_NUMBER).otherwise(F.col("artist_key")).alias("artist_key"),
            F.when(is_platform, F.col("platform_key")).otherwise(F.col("recording_key")).alias("member"),
        )
        .agg(*[F.sum(F.when(~is_platform, F.col(name))).alias(name) for name in SUMMED], *greatest, start)
    )
    # A recording has one artist, so numbers of different recordings by artist add up.
    by_artist = members.groupBy(*by, "session", "kind", "artist_key").agg(
        *sums(SUMMED),
        F.count_if(~is_platform & (F.col("member") != NOT_APPLICABLE_NUMBER)).alias("tracks"),
        F.count_if(is_platform).alias("platforms"),
        *greatest,
        start,
    )
    return by_artist.groupBy(*by, "session").agg(
        *sums((*SUMMED, "tracks", "platforms")),
        F.count_if(_is_known("artist_key")).alias("artists"),
        F.coalesce(F.max(F.when(_is_known("artist_key"), F.col("plays"))), F.lit(0)).alias("top_artist_plays"),
        *greatest,
        start,
    )
