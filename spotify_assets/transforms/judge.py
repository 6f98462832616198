"""Validation of landed records: parsed values, keys, and the first rule that a record breaks (`REJECTION_REASONS`)."""

from collections.abc import Mapping
from datetime import UTC
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.cleaned import MAX_MS_PLAYED
from spotify_assets.model.raw import MINUTE_PRECISE_RANK, SOURCE_RANKS
from spotify_assets.settings import Settings
from spotify_assets.transforms.asking import ask
from spotify_assets.transforms.duplicates import repeated_positions
from spotify_assets.transforms.exclude import excluded_files, is_excluded
from spotify_assets.transforms.implausible import implausible_positions
from spotify_assets.transforms.joins import broadcast_join, look_up
from spotify_assets.transforms.keys import CAST_BLANKS, content_key, id_from_uri, trim_to_null
from spotify_assets.transforms.supersede import superseded_positions
from spotify_assets.windows import TimeWindow, floor_to_grain, reported_span

WHOLE_NUMBER = r"^[+-]?[0-9]+([.]0*)?\z"
GROUPED_NUMBER = r"^[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+([.]0*)?\z"
SCIENTIFIC_NUMBER = r"^[+-]?[0-9]([.][0-9]{0,15})?[eE][+]?0?[0-9]\z"
MAX_FILE_ROWS = 1 << 40
# What Spotify writes for names that it no longer knows; in real account data up to 6 % of plays.
PLACEHOLDERS = {
    "track_name": ("unknown track",),
    "artist_name": ("unknown artist",),
    "album_name": ("unknown album",),
    "episode_name": ("unknown episode",),
    "show_name": ("unknown show", "unknown podcast"),
    "chapter_title": ("unknown chapter",),
    "audiobook_title": ("unknown audiobook",),
}


def judge_records(
    raw_plays: DataFrame,
    raw_files: DataFrame,
    raw_exclusions: DataFrame | None,
    settings: Settings,
    window: TimeWindow | None = None,
    *,
    flags_implausible: bool = False,
) -> DataFrame:
    """One row per landed record with its parsed values and its `reason`, null where the record is kept.

    Args:
        raw_plays: Records as landed.
        raw_files: Whole register of landed files. Records of files that it lacks, or ignores, are left out.
        raw_exclusions: Whole table: what a person excludes; None for nothing.
        settings: `plays_start`, `plays_grain` and `min_ms_played`.
        window: Records whose `window_at` is in it; all records if None. They are judged beside those of
            `reported_span`: the result is the same for a window as for all records.
        flags_implausible: Whether to look for implausible plays; else `is_implausible` is false.

    Returns:
        The columns of `raw_plays`; `window_at` (`played_at`, or `plays_start` for a record without a valid time);
        `content_type`, `content_id`, `content_key`, `creator_name` (artist or show) and `title`; the parsed
        `clean_*` values; `reason`; `is_implausible`.
    """
    files = _used_files(raw_files)
    candidates = _candidates_of(window, raw_plays, raw_files) if window else raw_plays

    excluded = is_excluded(raw_exclusions)

    def apply_rules(records: DataFrame, files: DataFrame) -> DataFrame:
        return _apply_record_rules(_join_files(records, files), settings, excluded)

    superseded = None
    if _have_several_ranks(files):
        # A record that is excluded by its file tells no coarser one.
        whole = excluded_files(raw_exclusions)
        superseded = superseded_positions(candidates, files if whole is None else files.where(~whole), apply_rules)
    marks = {
        "is_superseded": superseded,
        "is_repeated": repeated_positions(candidates, files, apply_rules),
        "is_implausible": implausible_positions(candidates, files, apply_rules) if flags_implausible else None,
    }
    reason = F.coalesce("reason", F.when(F.col("is_superseded"), "superseded").when(F.col("is_repeated"), "duplicate"))
    judged = _marked(apply_rules(candidates, files), marks).withColumn("reason", reason)
    if window is None:
        return judged
    moment = "window_at" if window.is_first else "played_at"
    return judged.where((F.col(moment) >= window.start) & (F.col(moment) < window.end))


def _candidates_of(window: TimeWindow, raw_plays: DataFrame, raw_files: DataFrame) -> DataFrame:
    """Records that decide what is kept in the window: by time of report, and for the first window all undated ones."""
    span = reported_span(window)
    within = raw_plays.where((F.col("reported_at") >= span.start) & (F.col("reported_at") < span.end))
    if not window.is_first:
        return within
    with_undated = raw_files.where("undated_records > 0").select("source_file")
    undated = broadcast_join(with_undated, raw_plays, "source_file", "inner").select(*raw_plays.columns)
    return within.unionByName(
        undated.where(
            F.col("reported_at").isNull() | (F.col("reported_at") < span.start) | (F.col("reported_at") >= span.end)
        )
    )


def _used_files(raw_files: DataFrame) -> DataFrame:
    """Files whose records count, with `source_rank` and `file_number`, their order by rank and path."""
    rank = F.when((F.col("source_format") == "maven_csv") & F.col("is_minute_precise"), MINUTE_PRECISE_RANK)
    for source_format, known in SOURCE_RANKS.items():
        rank = rank.when(F.col("source_format") == source_format, known)
    # Partitioned by a constant: engines warn of a window without partitions, and files are few.
    by_rank_and_file = Window.partitionBy(F.lit(1)).orderBy("source_rank", "source_file")
    return (
        raw_files.where("status <> 'ignored'")
        .select(
            *["listener", "source_file", "is_minute_precise", "first_reported_at", "last_reported_at"],
            rank.otherwise(1).alias("source_rank"),
        )
        .withColumn("file_number", F.row_number().over(by_rank_and_file))
    )


def _have_several_ranks(files: DataFrame) -> bool:
    """Whether a listener has files of several ranks: only then a record can be superseded.

    To ask first saves planning what supersedes, half a second of each run.
    """
    ranks = files.groupBy("listener").agg((F.min("source_rank") < F.max("source_rank")).alias("has_several"))
    return bool(ask(ranks.where("has_several").limit(1)))


def _marked(records: DataFrame, marks: Mapping[str, DataFrame | None]) -> DataFrame:
    """Add a column for each mark: whether the record is at one of its positions.

    All in one join: each takes time for every record. Positions of one mark are not grouped, which takes some, too.
    """
    found = {mark: frame for mark, frame in marks.items() if frame is not None}
    by_mark = [
        frame.select("position", *[F.lit(name == mark).alias(name) for name in found]) for mark, frame in found.items()
    ]
    [by_position, *others] = by_mark
    if others:
        by_position = (
            reduce(DataFrame.unionByName, by_mark)
            .groupBy("position")
            .agg(*[F.max(name).alias(name) for name in found])
        )
    marked = broadcast_join(by_position, records, "position", "right")
    return marked.withColumns(
        {mark: F.coalesce(mark, F.lit(False)) if mark in found else F.lit(False) for mark in marks}
    )


def _join_files(raw_plays: DataFrame, files: DataFrame) -> DataFrame:
    """Join each record with its file: adds `source_rank`, `is_minute_precise` and `position`.

    `position` is the order by rank, file and row. `played_at` becomes null where `reported_at` lies outside of the
    file's first and last valid time.
    """
    of_file = files.select(
        *["source_file", "source_rank", "is_minute_precise", "file_number"],
        F.col("first_reported_at").alias("file_first"),
        F.col("last_reported_at").alias("file_last"),
    )
    return look_up(of_file, raw_plays, "source_file").withColumns(
        {
            "played_at": F.when(
                F.col("reported_at").between(F.col("file_first"), F.col("file_last")), F.col("played_at")
            ),
            "position": F.col("file_number") * F.lit(MAX_FILE_ROWS) + F.col("source_row"),
        }
    )


def _apply_record_rules(records: DataFrame, settings: Settings, excluded: Column | None) -> DataFrame:
    """Add parsed values, keys, and `reason` by all rules that need only the record and its file."""
    start = floor_to_grain(settings.plays_start, settings.plays_grain)
    # Each step names what the next uses several times: engines plan nested expressions in far more time.
    records = records.withColumns(
        {
            "clean_ms_played": F.btrim("ms_played", F.lit(CAST_BLANKS)),
            **{f"clean_{column}": trim_to_null(F.col(column)) for column in PLACEHOLDERS},
        }
    )
    records = records.withColumns(
        {
            "track_id": id_from_uri(F.col("track_uri"), "track"),
            "episode_id": id_from_uri(F.col("episode_uri"), "episode"),
            "audiobook_id": F.coalesce(
                id_from_uri(F.col("chapter_uri"), "episode", "chapter"),
                id_from_uri(F.col("audiobook_uri"), "show", "audiobook"),
            ),
            "clean_ms_played": _parse_whole_number(F.col("clean_ms_played")),
            **{f"clean_{column}": _name(column) for column in PLACEHOLDERS},
        }
    )
    spoken = {
        kind: F.coalesce(*columns).isNotNull()
        for kind, columns in {
            "audiobook": ("audiobook_id", "clean_chapter_title", "clean_audiobook_title"),
            "episode": ("episode_id", "clean_episode_name", "clean_show_name"),
        }.items()
    }
    is_track = F.coalesce("track_id", "clean_track_name").isNotNull()
    records = records.withColumn(
        "content_type",
        F.when(is_track, "track").when(spoken["audiobook"], "audiobook").when(spoken["episode"], "episode"),
    )

    def of_type(track: str, audiobook: str, episode: str) -> Column:
        is_track, is_audiobook = (F.col("content_type") == type_ for type_ in ("track", "audiobook"))
        return F.when(is_track, F.col(track)).when(is_audiobook, F.col(audiobook)).otherwise(F.col(episode))

    records = records.withColumns(
        {
            "content_id": of_type("track_id", "audiobook_id", "episode_id"),
            "creator_name": of_type("clean_artist_name", "clean_audiobook_title", "clean_show_name"),
            "title": of_type("clean_track_name", "clean_chapter_title", "clean_episode_name"),
        }
    )
    ms_played = F.col("clean_ms_played")
    return records.withColumns(
        {
            "content_key": content_key(F.col("content_id"), F.col("creator_name"), F.col("title")),
            "window_at": F.coalesce("played_at", F.lit(start.astimezone(UTC))),
            "reason": F.when(F.col("raw_record").isNotNull(), "unreadable")
            .when(F.col("played_at").isNull(), "bad_timestamp")
            .when(F.col("content_type").isNull(), "no_content")
            .when(ms_played.isNull() | ~ms_played.between(0, MAX_MS_PLAYED), "bad_duration")
            .when(ms_played < settings.min_ms_played, "too_short")
            .when(F.lit(False) if excluded is None else excluded, "excluded"),
        }
    )


def _name(column: str) -> Column:
    """A trimmed name; null where it is missing, or what Spotify writes for what it no longer knows."""
    name = F.col(f"clean_{column}")
    # The prefix first: it is compared in a tenth of the time.
    is_placeholder = F.lower(F.substring(name, 1, 8)) == "unknown "
    return F.when(~(is_placeholder & F.lower(name).isin(*PLACEHOLDERS[column])), name)


def _parse_whole_number(trimmed: Column) -> Column:
    """The text as bigint where it is a whole number, as also `60000.0`, `200,000` and `2.0E5` are, else null."""
    digits = F.when(
        trimmed.rlike(WHOLE_NUMBER) | trimmed.rlike(GROUPED_NUMBER), F.regexp_replace(trimmed, r"[.]0*\z|,", "")
    )
    scientific = F.when(trimmed.rlike(SCIENTIFIC_NUMBER), trimmed.try_cast("double"))
    whole = F.when(scientific == F.floor(scientific), scientific.try_cast("bigint"))
    # Spreadsheets and pandas write the last two; a number that is plain needs no pattern.
    return F.coalesce(trimmed.try_cast("bigint"), digits.try_cast("bigint"), whole)
