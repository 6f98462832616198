"""Finds records of coarse sources that a finer source of the same listener tells, so that no play counts twice.

Sources tell one play with different times, names and lengths. A coarse record is superseded where a finer record's
time agrees with its own, and (a) its id, names or `ms_played` are the same, or (b) it is left over beside a finer
record that is left over: the same play under another name. Neither intervals of files nor days matter, so a hole, a
wrong clock or a sparse file in the finer source loses nothing.
"""

from collections.abc import Callable
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.raw import ESTIMATED_FORMATS, MINUTE_PRECISE_RANK
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import SEPARATOR, hash64, normalize_name

MINUTE = 60_000_000  # microseconds
# Times of coarse sources that know seconds may be the play's start or its end, this far off (microseconds).
TOLERANCE = 60_000_000
# Files whose times lie this far apart tell no play of each other: a play lasts 24 hours at most.
MARGIN = timedelta(days=2)


def superseded_positions(
    raw_plays: DataFrame, files: DataFrame, apply_rules: Callable[[DataFrame, DataFrame], DataFrame]
) -> DataFrame:
    """One row per superseded record: its `position`.

    Args:
        raw_plays: Records that may tell the same play.
        files: Landed files that are used: `listener`, `source_file`, `source_rank`, `first_reported_at`,
            `last_reported_at`.
        apply_rules: Joins some of the records with their files and judges each by itself.
    """
    # Engines read nothing of `raw_plays` for a join with no files: listeners without coarse sources cost nothing.
    coarse_files, finer_files = _files_that_meet(files)
    coarse = _coarse_records(apply_rules(broadcast_join(coarse_files, raw_plays, "source_file", "inner"), files))
    near = broadcast_join(finer_files, raw_plays, "source_file", "inner").where(
        "reported_at BETWEEN earliest AND latest"
    )
    finer = _finer_records(apply_rules(near.drop("earliest", "latest"), files))
    pairs = _agreeing_pairs(coarse, finer)
    return _matched(pairs)


def _files_that_meet(files: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Coarse files, and finer files of the same listener with times near them; of these, the times that are near."""
    dated = files.where("first_reported_at IS NOT NULL")
    coarse = dated.select(*[F.col(name).alias(f"coarse_{name}") for name in dated.columns])
    meeting = F.broadcast(coarse).join(
        dated,
        (F.col("coarse_listener") == F.col("listener"))
        & (F.col("coarse_source_rank") > F.col("source_rank"))
        & (F.col("coarse_first_reported_at") <= F.col("last_reported_at") + F.lit(MARGIN))
        & (F.col("coarse_last_reported_at") >= F.col("first_reported_at") - F.lit(MARGIN)),
    )
    return (
        meeting.select(F.col("coarse_source_file").alias("source_file")).distinct(),
        meeting.groupBy("source_file").agg(
            (F.min("coarse_first_reported_at") - F.lit(MARGIN)).alias("earliest"),
            (F.max("coarse_last_reported_at") + F.lit(MARGIN)).alias("latest"),
        ),
    )


def _told(records: DataFrame) -> DataFrame:
    """What records with a valid time tell: when, what and how long; `unit` is equal for records of one play."""
    creator = F.coalesce("creator_name", F.lit(""))
    names = F.concat_ws(SEPARATOR, normalize_name(creator), normalize_name(F.col("title")))
    is_estimated = F.col("source_format").isin(*ESTIMATED_FORMATS)
    at = F.unix_micros("reported_at")
    told = records.where("played_at IS NOT NULL").select(
        "listener",
        "source_rank",
        "position",
        "reason",
        at.alias("at"),
        F.when(F.col("is_minute_precise"), F.lit(MINUTE - 1)).otherwise(F.lit(0)).alias("width"),
        "content_id",
        F.when(F.col("title").isNotNull(), names).alias("names"),
        F.when(~is_estimated, F.col("clean_ms_played")).alias("ms"),
        F.col("clean_ms_played").alias("length"),
    )
    return told.withColumn(
        "unit",
        hash64(
            *map(F.col, ("listener", "source_rank", "at")),
            *[_or_blank(name) for name in ("content_id", "names", "ms")],
        ),
    )


def _or_blank(name: str) -> Column:
    return F.coalesce(F.col(name).cast("string"), F.lit(SEPARATOR))


def _coarse_records(records: DataFrame) -> DataFrame:
    """Records of coarse sources, once for each minute in which a finer record may tell them."""
    return (
        _told(records)
        .where("source_rank > 1")
        .select("*", (F.col("reason").isNull()).alias("is_candidate"))
        .drop("reason")
        .withColumn("offset", F.explode(F.array(*[F.lit(offset) for offset in (-2, -1, 0, 1)])))
        .withColumn("minute", F.floor(F.col("at") / MINUTE) + F.col("offset"))
    )


def _finer_records(records: DataFrame) -> DataFrame:
    """Records that may tell coarser ones, by the minute of their end and by that of their start."""
    finer = _told(records).where("reason IS NULL OR reason <> 'bad_duration'")
    start = F.col("at") - F.col("length") * 1000
    edges = F.array_compact(F.array(F.col("at"), F.when(F.col("length") > 0, start)))
    return (
        finer.select(
            "listener",
            F.explode(edges).alias("edge"),
            *[F.col(name).alias(f"finer_{name}") for name in finer.columns if name not in ("listener", "reason")],
        )
        .withColumns(
            {
                "is_end": F.col("edge") == F.col("finer_at"),
                "finer_since": F.col("finer_at") - F.col("finer_length") * 1000,
            }
        )
        .withColumn("minute", F.floor(F.col("edge") / MINUTE))
    )


def _agreeing_pairs(coarse: DataFrame, finer: DataFrame) -> DataFrame:
    """Pairs of a coarse and a finer record whose times agree.

    Adds `is_told` (they tell the same id, names or length) and `distance`: microseconds; for minute-precise sources 0
    where the finer record is of the same minute, 1 where it is of the minute before, 2 of the minute after.
    """
    gap = F.greatest(
        F.lit(0),
        F.col("edge") - F.col("at") - F.col("width"),
        F.col("at") - F.col("edge") - F.col("finer_width"),
    )
    by_minute = F.col("source_rank") == MINUTE_PRECISE_RANK
    agrees = F.when(by_minute, F.col("is_end") & F.col("offset").between(-1, 1)).otherwise(gap <= TOLERANCE)
    is_same = [
        F.coalesce(F.col(name) == F.col(f"finer_{name}"), F.lit(False)) for name in ("content_id", "names", "ms")
    ]
    pairs = F.broadcast(coarse).join(finer, ["listener", "minute"])
    return pairs.where((F.col("finer_source_rank") < F.col("source_rank")) & agrees).select(
        *["listener", "source_rank", "position", "is_candidate", "at", "names", "unit"],
        *["finer_at", "finer_since", "finer_names", "finer_position", "finer_unit"],
        (is_same[0] | is_same[1] | is_same[2]).alias("is_told"),
        F.when(by_minute, F.abs("offset") + F.when(F.col("offset") > 0, 1).otherwise(0))
        .otherwise(gap)
        .alias("distance"),
    )


def _matched(pairs: DataFrame) -> DataFrame:
    """One row per coarse record that a finer one tells: its `position`.

    What is told under the same id, names or length is told. Of the rest, pairs are matched first come, first served:
    for minute-precise sources by distance, then in order of the coarse record; for the others in order of the coarse
    record, which takes the nearest.
    """
    is_coarse_told = F.max("is_told").over(Window.partitionBy("unit"))
    tells = F.max("is_told").over(Window.partitionBy("finer_unit", "source_rank"))
    open_pairs = (
        pairs.withColumns({"is_coarse_told": is_coarse_told, "tells": tells})
        .where("is_candidate AND (is_told OR NOT (is_coarse_told OR tells))")
        .withColumns(
            {
                "since": F.least("at", "finer_since"),
                "until": F.greatest("at", "finer_at"),
            }
        )
    )
    in_order = Window.partitionBy("listener", "source_rank").orderBy("since", "until")
    until_before = F.max("until").over(in_order.rowsBetween(Window.unboundedPreceding, -1))
    # Gaps and islands: pairs of one record are in one island.
    islands = open_pairs.withColumn("starts", F.when(F.col("since") <= until_before, 0).otherwise(1)).withColumn(
        "island", F.sum("starts").over(in_order.rowsBetween(Window.unboundedPreceding, 0))
    )
    by_minute = F.col("source_rank") == MINUTE_PRECISE_RANK
    pair = F.struct(
        # Numbers that may be null: Sail compares the types of a lambda's parameter before and after optimizing.
        F.when(F.col("is_told"), 0).when(~F.col("is_told"), 1).cast("bigint").alias("is_renamed"),
        F.when(by_minute, F.col("distance")).cast("bigint").alias("first"),
        *["at", "names", "position", "unit", "distance", "finer_at", "finer_names", "finer_position", "finer_unit"],
    )
    nothing = F.array().cast("array<bigint>")

    def take(taken: Column, pair: Column) -> Column:
        """Units of both kinds that are taken, with those of the pair where both are free."""
        is_taken = (
            (pair["is_renamed"] == 0)
            | F.array_contains(taken, pair["unit"])
            | F.array_contains(taken, pair["finer_unit"])
        )
        return F.when(is_taken, taken).otherwise(F.concat(taken, F.array(pair["unit"], pair["finer_unit"])))

    return (
        islands.groupBy("listener", "source_rank", "island")
        .agg(F.array_sort(F.collect_list(pair)).alias("pairs"))
        .withColumn("taken", F.aggregate("pairs", nothing, take))
        .select("taken", F.explode("pairs").alias("pair"))
        .where("pair.is_renamed = 0 OR array_contains(taken, pair.unit)")
        .select("pair.position")
        .distinct()
    )
