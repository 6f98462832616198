"""Validation of landed records: parsed values, keys, and the first rule that a record breaks (`REJECTION_REASONS`)."""

from datetime import UTC
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.cleaned import MAX_MS_PLAYED
from spotify_assets.model.raw import MINUTE_PRECISE_RANK, SOURCE_RANKS
from spotify_assets.settings import Settings
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import CAST_BLANKS, content_key, id_from_uri, trim_to_null
from spotify_assets.windows import TimeWindow, floor_to_grain

WHOLE_NUMBER = r"^[+-]?[0-9]+([.]0*)?\z"
GROUPED_NUMBER = r"^[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+([.]0*)?\z"
SCIENTIFIC_NUMBER = r"^[+-]?[0-9]([.][0-9]{0,15})?[eE][+]?0?[0-9]\z"
MAX_FILE_ROWS = 1 << 40
# Ranks of `_source_rank` that a finer source can supersede.
COARSE_RANKS = sorted({MINUTE_PRECISE_RANK, *SOURCE_RANKS.values()} - {1})


def judge_records(
    raw_plays: DataFrame, raw_files: DataFrame, settings: Settings, window: TimeWindow | None = None
) -> DataFrame:
    """One row per landed record with its parsed values and its `reason`, null where the record is kept.

    Args:
        raw_plays: Records as landed.
        raw_files: Whole register of landed files. Records of files that it lacks, or ignores, are left out.
        settings: `plays_start`, `plays_grain` and `min_ms_played`.
        window: Records whose `window_at` is in it; all records if None.

    Returns:
        The columns of `raw_plays`; `window_at` (`played_at`, or `plays_start` for a record without a valid time);
        `content_type`, `content_id`, `content_key`; the parsed `clean_*` values; `reason`.
    """
    if window is None:
        return _mark_duplicates(_apply_record_rules(_join_files(raw_plays, raw_files), settings))
    records = _join_files(_candidates_of(window, raw_plays, raw_files), raw_files)
    judged = _mark_duplicates(_apply_record_rules(records, settings))
    return judged.where((F.col("window_at") >= window.start) & (F.col("window_at") < window.end))


def _candidates_of(window: TimeWindow, raw_plays: DataFrame, raw_files: DataFrame) -> DataFrame:
    """Records that may belong to the window: by time, and for the first window all of files with undated records."""
    within = raw_plays.where((F.col("played_at") >= window.start) & (F.col("played_at") < window.end))
    if not window.is_first:
        return within
    with_undated = raw_files.where("undated_records > 0").select("source_file")
    undated = broadcast_join(with_undated, raw_plays, "source_file", "inner").select(*raw_plays.columns)
    return within.unionByName(
        undated.where(
            F.col("played_at").isNull() | (F.col("played_at") < window.start) | (F.col("played_at") >= window.end)
        )
    )


def _source_rank(source_format: Column, is_minute_precise: Column) -> Column:
    """How precise a source's times are: 1 is the most precise."""
    rank = F.when((source_format == "maven_csv") & is_minute_precise, MINUTE_PRECISE_RANK)
    for name, of_format in SOURCE_RANKS.items():
        rank = rank.when(source_format == name, of_format)
    return rank.otherwise(1)


def _join_files(raw_plays: DataFrame, raw_files: DataFrame) -> DataFrame:
    """Join each record with its file's row in the register.

    Adds `source_rank`, `position` (order by rank, file and row) and `finer_spans` (see `_finer_spans`). `played_at`
    becomes null where `reported_at` lies outside of the file's first and last valid time.
    """
    rank = _source_rank(F.col("source_format"), F.col("is_minute_precise"))
    files = raw_files.where("status <> 'ignored'").select(
        "listener", "source_file", rank.alias("source_rank"), "first_reported_at", "last_reported_at"
    )
    # Partitioned by a constant: engines warn of a window without partitions, and files are few.
    by_rank_and_file = Window.partitionBy(F.lit(1)).orderBy("source_rank", "source_file")
    of_file = (
        files.withColumn("file_number", F.row_number().over(by_rank_and_file))
        .join(_finer_spans(files), ["listener", "source_rank"], "left")
        .select(
            "source_file",
            "source_rank",
            F.col("first_reported_at").alias("file_first"),
            F.col("last_reported_at").alias("file_last"),
            "file_number",
            "finer_spans",
        )
    )
    return broadcast_join(of_file, raw_plays, "source_file", "inner").withColumns(
        {
            "played_at": F.when(
                F.col("reported_at").between(F.col("file_first"), F.col("file_last")), F.col("played_at")
            ),
            "position": F.col("file_number") * F.lit(MAX_FILE_ROWS) + F.col("source_row"),
        }
    )


def _apply_record_rules(records: DataFrame, settings: Settings) -> DataFrame:
    """Add parsed values, keys, and `reason` by all rules that need only the record and its file."""
    start = floor_to_grain(settings.plays_start, settings.plays_grain)
    chapter_title, audiobook_title = trim_to_null(F.col("chapter_title")), trim_to_null(F.col("audiobook_title"))
    episode_name, show_name = trim_to_null(F.col("episode_name")), trim_to_null(F.col("show_name"))
    records = records.withColumns(
        {
            "track_id": id_from_uri(F.col("track_uri"), "track"),
            "episode_id": id_from_uri(F.col("episode_uri"), "episode"),
            "audiobook_id": F.coalesce(
                id_from_uri(F.col("chapter_uri"), "episode"),
                id_from_uri(F.col("chapter_uri"), "chapter"),
                id_from_uri(F.col("audiobook_uri"), "show"),
                id_from_uri(F.col("audiobook_uri"), "audiobook"),
            ),
            "clean_track_name": trim_to_null(F.col("track_name")),
            "clean_artist_name": trim_to_null(F.col("artist_name")),
            "clean_album_name": trim_to_null(F.col("album_name")),
            "clean_ms_played": _parse_whole_number(F.col("ms_played")),
        }
    )
    is_track = F.col("track_id").isNotNull() | F.col("clean_track_name").isNotNull()
    records = records.withColumn(
        "content_type",
        F.when(is_track, "track")
        .when(F.coalesce("audiobook_id", chapter_title, audiobook_title).isNotNull(), "audiobook")
        .when(F.coalesce("episode_id", episode_name, show_name).isNotNull(), "episode"),
    )
    is_track = F.col("content_type") == "track"
    is_audiobook = F.col("content_type") == "audiobook"
    records = records.withColumns(
        {
            "clean_episode_name": F.when(is_audiobook, chapter_title).when(~is_track, episode_name),
            "clean_show_name": F.when(is_audiobook, audiobook_title).when(~is_track, show_name),
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
                F.col("finer_spans").isNotNull()
                & F.exists("finer_spans", lambda span: F.col("reported_at").between(span["first"], span["last"])),
                "superseded",
            ),
        }
    )


def _parse_whole_number(text: Column) -> Column:
    """The text as bigint where it is a whole number, as also `60000.0`, `200,000` and `2.0E5` are, else null."""
    trimmed = F.btrim(text, F.lit(CAST_BLANKS))
    digits = F.when(
        trimmed.rlike(WHOLE_NUMBER) | trimmed.rlike(GROUPED_NUMBER), F.regexp_replace(trimmed, r"[.]0*\z|,", "")
    )
    scientific = F.when(trimmed.rlike(SCIENTIFIC_NUMBER), trimmed.try_cast("double"))
    whole = F.when(scientific == F.floor(scientific), scientific.try_cast("bigint"))
    # Spreadsheets and pandas write the last two; a number that is plain needs no pattern.
    return F.coalesce(trimmed.try_cast("bigint"), digits.try_cast("bigint"), whole)


def _finer_spans(files: DataFrame) -> DataFrame:
    """One row per listener and coarse rank: `finer_spans`, the times that files of a finer rank cover.

    Spans are disjoint and include both ends. A span starts at the file's first valid time, floored to the minute,
    since coarser sources truncate seconds. Spans are joined by file rather than by a range of time: for a range join
    Sail builds its hash table from all plays of a listener.
    """
    spans = files.where("first_reported_at IS NOT NULL").select(
        "listener",
        "source_rank",
        F.date_trunc("minute", "first_reported_at").alias("span_first"),
        F.col("last_reported_at").alias("span_last"),
    )
    finer = reduce(
        DataFrame.unionByName,
        [spans.where(F.col("source_rank") < rank).withColumn("source_rank", F.lit(rank)) for rank in COARSE_RANKS],
    )
    in_order = Window.partitionBy("listener", "source_rank").orderBy("span_first", "span_last")
    covered_until = F.max("span_last").over(in_order.rowsBetween(Window.unboundedPreceding, -1))
    # Gaps and islands: overlapping spans are one island.
    islands = finer.withColumn(
        "starts_island", F.when(F.col("span_first") <= covered_until, 0).otherwise(1)
    ).withColumn("island", F.sum("starts_island").over(in_order.rowsBetween(Window.unboundedPreceding, 0)))
    return (
        islands.groupBy("listener", "source_rank", "island")
        .agg(F.struct(F.min("span_first").alias("first"), F.max("span_last").alias("last")).alias("span"))
        .groupBy("listener", "source_rank")
        .agg(F.collect_list("span").alias("finer_spans"))
    )


def _mark_duplicates(records: DataFrame) -> DataFrame:
    """Set the reason `duplicate` on all but the first of records with equal listener, time, content and duration.

    Equal records are found by grouping a 128-bit hash, and joined back by it. A window function would sort all
    plays: three times as long for ten million plays with 90,000 duplicates. Records that break another rule get a
    null hash instead of a filter: Sail would push the filter down and compute every reason twice.
    """
    ms_played = F.when(F.col("source_rank") < 3, F.col("clean_ms_played")).otherwise(F.lit(-1).cast("bigint"))
    identity = [F.col("listener"), F.unix_micros("played_at"), F.col("content_key"), ms_played]
    records = records.withColumns(
        {
            "identity_hash": F.when(F.col("reason").isNull(), F.xxhash64(*identity)),
            "identity_hash_2": F.xxhash64(F.lit("again"), *identity),
        }
    )
    first_of_several = (
        records.groupBy(F.col("identity_hash").alias("hash"), F.col("identity_hash_2").alias("hash_2"))
        .agg(F.min("position").alias("first_position"), F.count(F.lit(1)).alias("records"))
        .where("records > 1")
    )
    is_repeated = (F.col("identity_hash") == F.col("hash")) & (F.col("identity_hash_2") == F.col("hash_2"))
    return broadcast_join(first_of_several, records, is_repeated, "right").withColumn(
        "reason",
        F.coalesce("reason", F.when(F.col("position") > F.col("first_position"), "duplicate")),
    )
