"""The rules by which a landed record is kept or rejected, in their order; see `REJECTION_REASONS`."""

from datetime import UTC
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.cleaned import MAX_MS_PLAYED
from spotify_assets.settings import Settings
from spotify_assets.transforms.keys import BLANKS, content_key, present, spotify_id
from spotify_assets.windows import TimeWindow, floor_to_grain

WHOLE_NUMBER = r"^[+-]?[0-9]+([.]0*)?\z"
ESTIMATED_FORMAT = "recently_played"
MAX_FILE_ROWS = 1 << 40
COARSE_RANKS = (2, 3)


def judged(
    raw_plays: DataFrame, raw_files: DataFrame, settings: Settings, window: TimeWindow | None = None
) -> DataFrame:
    """Every landed record with its typed values and its `reason`, null where it is kept.

    Args:
        raw_plays: Records, as landed.
        raw_files: The register of files. A record whose file is not in it is left out.
        settings: Where plays start, and how short is too short.
        window: Only records of this span of time; all where it is None.

    Returns:
        One row per record: raw_plays' columns, `window_at`, and what `plays` needs.
    """
    if window is None:
        return _duplicates(_typed(_with_files(raw_plays, raw_files), settings))
    records = _with_files(_possibly_within(window, raw_plays, raw_files), raw_files)
    judged_records = _duplicates(_typed(records, settings))
    return judged_records.where((F.col("window_at") >= window.start) & (F.col("window_at") < window.end))


def _possibly_within(window: TimeWindow, raw_plays: DataFrame, raw_files: DataFrame) -> DataFrame:
    """The records that can belong to the window: by their time, or, for the first, any of a file with undated ones."""
    within = raw_plays.where((F.col("played_at") >= window.start) & (F.col("played_at") < window.end))
    if not window.is_first:
        return within
    with_undated = raw_files.where("undated_records > 0").select("source_file")
    undated = small_first(with_undated, raw_plays, "source_file", "inner").select(*raw_plays.columns)
    return within.unionByName(
        undated.where(
            F.col("played_at").isNull() | (F.col("played_at") < window.start) | (F.col("played_at") >= window.end)
        )
    )


def _source_rank(source_format: Column, is_minute_precise: Column) -> Column:
    """How fine a source is: 1 is best."""
    coarse = (source_format == "account_data") | ((source_format == "maven_csv") & is_minute_precise)
    return F.when(source_format == ESTIMATED_FORMAT, 3).when(coarse, 2).otherwise(1)


def _with_files(raw_plays: DataFrame, raw_files: DataFrame) -> DataFrame:
    """Records with what their file's row in the register says of them.

    Adds `source_rank`, `position` (order by rank, file and row), and `better_spans`. A time is valid where it lies
    in its file's interval; others become null.
    """
    rank = _source_rank(F.col("source_format"), F.col("is_minute_precise"))
    files = raw_files.where("status <> 'ignored'").select(
        "listener", "source_file", rank.alias("source_rank"), "first_played_at", "last_played_at"
    )
    # Partitioned by a constant, lest the engine warns of a window without partitions: there are few files.
    everything_by_rank = Window.partitionBy(F.lit(1)).orderBy("source_rank", "source_file")
    of_file = (
        files.withColumn("file_number", F.row_number().over(everything_by_rank))
        .join(_better_spans(files), ["listener", "source_rank"], "left")
        .select(
            "source_file",
            "source_rank",
            F.col("first_played_at").alias("file_first"),
            F.col("last_played_at").alias("file_last"),
            "file_number",
            "better_spans",
        )
    )
    return small_first(of_file, raw_plays, "source_file", "inner").withColumns(
        {
            "played_at": F.when(
                F.col("played_at").between(F.col("file_first"), F.col("file_last")), F.col("played_at")
            ),
            "position": F.col("file_number") * F.lit(MAX_FILE_ROWS) + F.col("source_row"),
        }
    )


def small_first(small: DataFrame, large: DataFrame, on: Column | str | list[str], how: str) -> DataFrame:
    """A join that keeps only the small side in memory.

    Spark takes the hint; Sail ignores it, and builds its hash table from the side that comes first: with ten
    million plays there, a join with one file took 10 GB and five times as long.
    """
    return F.broadcast(small).join(large, on, how)


def _typed(records: DataFrame, settings: Settings) -> DataFrame:
    """Typed values, keys, and the first six reasons, which depend on the record and its file."""
    start = floor_to_grain(settings.plays_start, settings.plays_grain)
    records = records.withColumns(
        {
            "track_id": spotify_id(F.col("track_uri"), "track"),
            "episode_id": spotify_id(F.col("episode_uri"), "episode"),
            "audiobook_id": F.coalesce(
                spotify_id(F.col("chapter_uri"), "episode"),
                spotify_id(F.col("chapter_uri"), "chapter"),
                spotify_id(F.col("audiobook_uri"), "show"),
                spotify_id(F.col("audiobook_uri"), "audiobook"),
            ),
            "clean_track_name": present(F.col("track_name")),
            "clean_artist_name": present(F.col("artist_name")),
            "clean_album_name": present(F.col("album_name")),
            "clean_ms_played": _whole_number(F.col("ms_played")),
        }
    )
    is_track = F.col("track_id").isNotNull() | F.col("clean_track_name").isNotNull()
    records = records.withColumn(
        "content_type",
        F.when(is_track, "track")
        .when(
            F.coalesce("audiobook_id", present(F.col("chapter_title")), present(F.col("audiobook_title"))).isNotNull(),
            "audiobook",
        )
        .when(
            F.coalesce("episode_id", present(F.col("episode_name")), present(F.col("show_name"))).isNotNull(),
            "episode",
        ),
    )
    is_track = F.col("content_type") == "track"
    is_audiobook = F.col("content_type") == "audiobook"
    records = records.withColumns(
        {
            "clean_episode_name": F.when(is_audiobook, present(F.col("chapter_title"))).when(
                ~is_track, present(F.col("episode_name"))
            ),
            "clean_show_name": F.when(is_audiobook, present(F.col("audiobook_title"))).when(
                ~is_track, present(F.col("show_name"))
            ),
        }
    )
    spoken_id = F.when(is_audiobook, F.col("audiobook_id")).otherwise(F.col("episode_id"))
    content_id = F.when(is_track, F.col("track_id")).otherwise(spoken_id)
    ms_played = F.col("clean_ms_played")
    return records.withColumns(
        {
            "content_id": content_id,
            "content_key": F.when(
                is_track, content_key(content_id, F.col("clean_artist_name"), F.col("clean_track_name"))
            ).otherwise(content_key(content_id, F.col("clean_show_name"), F.col("clean_episode_name"))),
            "window_at": F.coalesce("played_at", F.lit(start.astimezone(UTC))),
            "reason": F.when(F.col("raw_record").isNotNull(), "unreadable")
            .when(F.col("played_at").isNull(), "bad_timestamp")
            .when(F.col("content_type").isNull(), "no_content")
            .when(ms_played.isNull() | ~ms_played.between(0, MAX_MS_PLAYED), "bad_duration")
            .when(ms_played < settings.min_ms_played, "too_short")
            .when(
                F.col("better_spans").isNotNull()
                & F.exists("better_spans", lambda span: F.col("played_at").between(span["first"], span["last"])),
                "superseded",
            ),
        }
    )


def _whole_number(text: Column) -> Column:
    """A whole number as bigint, `60000.0` included; null for anything else."""
    trimmed = F.btrim(text, F.lit(BLANKS))
    decimal = F.when(trimmed.rlike(WHOLE_NUMBER), F.regexp_replace(trimmed, r"[.]0*\z", ""))
    return F.coalesce(trimmed.try_cast("bigint"), decimal.try_cast("bigint"))


def _better_spans(files: DataFrame) -> DataFrame:
    """For each listener and rank, the spans of time that files of a better rank cover: disjoint, both ends included.

    A span begins at the file's first valid time, floored to the minute: a coarser source cuts the seconds off.
    It hangs on the file, not on a join with records: a join by range built its hash table from all plays of a
    listener on Sail.
    """
    spans = files.where("first_played_at IS NOT NULL").select(
        "listener",
        "source_rank",
        F.date_trunc("minute", "first_played_at").alias("span_first"),
        F.col("last_played_at").alias("span_last"),
    )
    better = reduce(
        DataFrame.unionByName,
        [spans.where(F.col("source_rank") < rank).withColumn("source_rank", F.lit(rank)) for rank in COARSE_RANKS],
    )
    in_order = Window.partitionBy("listener", "source_rank").orderBy("span_first", "span_last")
    covered_until = F.max("span_last").over(in_order.rowsBetween(Window.unboundedPreceding, -1))
    islands = better.withColumn(
        "starts_island", F.when(F.col("span_first") <= covered_until, 0).otherwise(1)
    ).withColumn("island", F.sum("starts_island").over(in_order.rowsBetween(Window.unboundedPreceding, 0)))
    return (
        islands.groupBy("listener", "source_rank", "island")
        .agg(F.struct(F.min("span_first").alias("first"), F.max("span_last").alias("last")).alias("span"))
        .groupBy("listener", "source_rank")
        .agg(F.collect_list("span").alias("better_spans"))
    )


def _duplicates(records: DataFrame) -> DataFrame:
    """Marks all but the first of records that repeat each other.

    Few do: they are found by a 128-bit hash of what makes records the same, and all others never meet. Sorting
    ten million plays to find 90,000 repeated ones takes three times as long. Records that break another rule have
    no hash, rather than being filtered out first: Sail would work out every reason twice, to filter early.
    """
    ms_played = F.when(F.col("source_rank") < 3, F.col("clean_ms_played")).otherwise(F.lit(-1).cast("bigint"))
    same = [F.col("listener"), F.unix_micros("played_at"), F.col("content_key"), ms_played]
    records = records.withColumns(
        {
            "same_hash": F.when(F.col("reason").isNull(), F.xxhash64(*same)),
            "same_hash_again": F.xxhash64(F.lit("again"), *same),
        }
    )
    first_of_several = (
        records.groupBy(F.col("same_hash").alias("hash"), F.col("same_hash_again").alias("hash_again"))
        .agg(F.min("position").alias("first_position"), F.count(F.lit(1)).alias("records"))
        .where("records > 1")
    )
    repeats = (F.col("same_hash") == F.col("hash")) & (F.col("same_hash_again") == F.col("hash_again"))
    return small_first(first_of_several, records, repeats, "right").withColumn(
        "reason",
        F.coalesce("reason", F.when(F.col("position") > F.col("first_position"), "duplicate")),
    )
