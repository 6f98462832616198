"""How recordings, artists and albums live with a listener: totals, streaks, peaks, rediscoveries, what is forgotten.

Days of an entity are one sorted list of whole numbers, and everything about their order follows from that list beside
itself, shifted by one to seven places: on Sail, 9 million days take 31 s of CPU so, and 75 s with window functions.
"""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import UNKNOWN_NUMBER
from spotify_assets.model.metrics import (
    CURRENT_DAYS,
    FORGOTTEN_PLAYS,
    NEW_DAYS,
    PEAK_DAYS,
    REDISCOVERED_DAYS,
)
from spotify_assets.settings import Settings
from spotify_assets.transforms.aggregates import MILLION, completed_millionths, share_of
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.identity import merge_keys
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.metrics import MEASURES, SHUFFLE_MEASURES, START_MEASURES, known_share, sums

# A day and its plays are one number, so that sorting numbers sorts days; half a second is the shortest play.
PLAYS_BITS = 20
PLAYS_MASK = (1 << PLAYS_BITS) - 1
# Where the most plays are sought, they come first, and the day is subtracted from this: the first is the largest.
DAY_BITS = 17
LAST_DAY = (1 << DAY_BITS) - 1
# Of up to six days.
LENGTH_BITS = 3
# More than the days of any list.
ALL_DAYS = 1 << DAY_BITS
COMPLETION = ("plays_with_length", "ms_with_length", "completed_millionths")
SUMMED = (
    *MEASURES,
    *SHUFFLE_MEASURES,
    *START_MEASURES,
    "skipped_ms_played",
    "implausible_plays",
)


def track_metrics(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    *,
    settings: Settings,
) -> DataFrame:
    """One row per listener and canonical recording; tracks only, all time.

    Args:
        daily_track_plays: Whole table.
        dim_listener: Whole table: the last day.
        dim_recording: Whole table: names, and the most played track.
        dim_track: Whole table: lengths.
        settings: `forgotten_after_days`, `obsession_plays`.
    """
    recordings = dim_recording.select(
        "recording_key", F.col("canonical_track_key").alias("track_key"), "track_name", "artist_name"
    )
    lengths = known_lengths(dim_recording, dim_track)
    days = entity_days(daily_track_plays, dim_recording, "recording_key", lengths)
    lives = entity_lives(days, dim_listener, "recording_key", settings.forgotten_after_days)
    obsession = _count_disjoint_weeks(settings.obsession_plays).alias("obsession")
    return _with_rank(lives, "recording_key", obsession).join(recordings, "recording_key")


def artist_metrics(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_artist: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    *,
    settings: Settings,
) -> DataFrame:
    """One row per listener and canonical artist; tracks only, all time. Plays without an artist are left out.

    Args:
        daily_track_plays: Whole table.
        dim_listener: Whole table: the last day.
        dim_artist: Whole table: names.
        dim_recording: Whole table: the most played track of each recording.
        dim_track: Whole table: lengths.
        settings: `forgotten_after_days`.
    """
    artists = dim_artist.select("artist_key", "artist_name")
    known = daily_track_plays.where(F.col("artist_key") != UNKNOWN_NUMBER)
    days = entity_days(known, dim_artist, "artist_key", known_lengths(dim_recording, dim_track))
    lives = entity_lives(days, dim_listener, "artist_key", settings.forgotten_after_days)
    return _with_rank(lives, "artist_key").join(artists, "artist_key")


def album_metrics(
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_album: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    *,
    settings: Settings,
) -> DataFrame:
    """One row per listener and canonical album; tracks only, all time. Plays without an album are left out.

    Args:
        daily_track_plays: Whole table.
        dim_listener: Whole table: the last day.
        dim_album: Whole table: names.
        dim_recording: Whole table: the most played track of each recording.
        dim_track: Whole table: lengths.
        settings: `forgotten_after_days`.
    """
    albums = dim_album.select("album_key", "album_name", "artist_name")
    known = daily_track_plays.where(F.col("album_key") != UNKNOWN_NUMBER)
    days = entity_days(known, dim_album, "album_key", known_lengths(dim_recording, dim_track))
    lives = entity_lives(days, dim_listener, "album_key", settings.forgotten_after_days)
    return _with_rank(lives, "album_key").join(albums, "album_key")


def known_lengths(dim_recording: DataFrame, dim_track: DataFrame) -> DataFrame | None:
    """Recordings (`length_of`), their canonical key (`length_key`), and the length of its most played track (ms)."""
    lengths = dim_track.where("duration_ms > 0").select(F.col("track_key").alias("length_of"), "duration_ms")
    if not has_rows(lengths):
        return None
    recordings = dim_recording.select("recording_key", "canonical_recording_key", "canonical_track_key")
    return broadcast_join(lengths, recordings, F.col("length_of") == F.col("canonical_track_key"), "inner").select(
        F.col("recording_key").alias("length_of"), F.col("canonical_recording_key").alias("length_key"), "duration_ms"
    )


def entity_days(
    daily_track_plays: DataFrame, dimension: DataFrame, by: str, lengths: DataFrame | None = None
) -> DataFrame:
    """One row per listener, canonical key `by` and local date: sums, and what completion follows from.

    Args:
        daily_track_plays: Rows with a key.
        dimension: Whole dimension of the key.
        by: Column of the key.
        lengths: As by `known_lengths`.

    Returns:
        `plays_with_length`, `ms_with_length` and `completed_millionths` (of plays) are 0 where no length is known.
    """
    keys = ["listener", by, "date"]
    ranges = [F.min("first_played_at").alias("first_played_at"), F.max("last_played_at").alias("last_played_at")]
    if lengths is None:
        zeros = [F.lit(0).cast("bigint").alias(name) for name in COMPLETION]
        return (
            merge_keys(daily_track_plays, dimension, by).groupBy(*keys).agg(*sums(SUMMED), *ranges).select("*", *zeros)
        )
    joined = broadcast_join(lengths, daily_track_plays, F.col("length_of") == F.col("recording_key"), "right")
    # The length is of the recording: what is left unfinished of it is compared with it day by day.
    by_recording = (
        merge_keys(joined, dimension, by)
        .groupBy(*keys, *([] if by == "recording_key" else ["length_key"]))
        .agg(*sums((*SUMMED, "finished", "unfinished_ms_played")), *ranges, F.max("duration_ms").alias("duration_ms"))
    )
    has_length = F.col("duration_ms").isNotNull()
    completed = completed_millionths(F.col("duration_ms"))
    values = dict(zip(COMPLETION, (F.col("plays"), F.col("ms_played"), completed), strict=True))
    measured = by_recording.select(
        *keys,
        *SUMMED,
        "first_played_at",
        "last_played_at",
        *[F.when(has_length, value).otherwise(0).alias(name) for name, value in values.items()],
    )
    if by == "recording_key":
        return measured
    return measured.groupBy(*keys).agg(*sums((*SUMMED, *COMPLETION)), *ranges)


def entity_lives(days: DataFrame, dim_listener: DataFrame, by: str, forgotten_after_days: int) -> DataFrame:
    """One row per listener and key `by`: sums, and figures of the order of its days.

    Args:
        days: As by `entity_days`.
        dim_listener: Whole table: the last day.
        by: Column of the key.
        forgotten_after_days: Days without a play after which it is forgotten, and may be rediscovered.

    Returns:
        `weeks` are the days with the plays of the seven days from each on.
    """
    day = F.unix_date("date").cast("bigint")
    plausible = F.col("plays") - F.col("implausible_plays")
    packed = F.when(plausible > 0, packed_day(plausible))
    today = dim_listener.select("listener", F.unix_date("last_date").cast("bigint").alias("today"))
    entities = (
        days.groupBy("listener", by)
        .agg(
            *sums((*SUMMED, *COMPLETION)),
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
            F.min(day).alias("first_day"),
            F.max(day).alias("last_day"),
            F.max(F.shiftleft(plausible, DAY_BITS) + (LAST_DAY - day)).alias("best_day"),
            F.collect_list(packed).alias("listed"),
        )
        .withColumn("days", F.array_sort("listed"))
    )
    lives = broadcast_join(today, entities, "listener", "inner")
    return _with_state(_with_peaks(_with_gaps(lives, forgotten_after_days)), forgotten_after_days)


def with_streaks(lives: DataFrame) -> DataFrame:
    """Add `steps`, each day with the next, and `streaks`: first and last day of each run of consecutive days."""
    lives = lives.withColumn("next_days", F.slice("days", 2, ALL_DAYS)).withColumn(
        "steps", F.arrays_zip("days", "next_days")
    )
    ends = F.filter("steps", lambda step: step["next_days"].isNull() | (_gap(step) > 0))
    restarts = F.filter("steps", lambda step: _gap(step) > 0)
    return (
        lives.withColumns({"ends": ends, "restarts": restarts})
        .withColumns(
            {
                "streak_ends": F.transform("ends", lambda step: _day(step["days"])),
                "streak_starts": F.concat(
                    F.transform(F.slice("days", 1, 1), _day),
                    F.transform("restarts", lambda step: _day(step["next_days"])),
                ),
            }
        )
        .withColumn("streaks", F.arrays_zip("streak_starts", "streak_ends"))
    )


def _with_gaps(lives: DataFrame, forgotten_after_days: int) -> DataFrame:
    """Add what follows from each day and the next: streaks, gaps, and days that came after a long one."""
    returns = F.filter("steps", lambda step: _gap(step) >= forgotten_after_days)
    lives = with_streaks(lives).withColumns({"gaps": F.transform("steps", _gap), "returns": returns})
    lengths = F.transform("streaks", lambda streak: streak["streak_ends"] - streak["streak_starts"] + 1)
    day_of_each_play = F.transform(
        F.slice("days", 1, 10),
        lambda packed: F.array_repeat(_day(packed), F.least(_plays(packed), F.lit(10)).cast("int")),
    )
    return lives.withColumns({"streak_lengths": lengths, "first_plays": F.flatten(day_of_each_play)}).withColumns(
        {
            "active_days": F.size("days"),
            "days_to_10th_play": (F.get("first_plays", F.lit(9)) - F.get("first_plays", F.lit(0))).cast("int"),
            "longest_streak_days": F.coalesce(F.array_max("streak_lengths"), F.lit(0)).cast("int"),
            "longest_gap_days": F.coalesce(F.array_max("gaps"), F.lit(0)).cast("int"),
            "rediscoveries": F.size("returns"),
            "last_return": F.array_max(F.transform("returns", lambda step: _day(step["next_days"]))),
        }
    )


def _with_peaks(lives: DataFrame) -> DataFrame:
    """Add the best day, month and week, and what follows from a week's plays: see `entity_lives`."""
    shifted = [f"days_{place}" for place in range(PEAK_DAYS + 1)]
    lives = (
        lives.withColumns({name: F.slice("days", place + 1, ALL_DAYS) for place, name in enumerate(shifted)})
        .withColumn("spans", F.arrays_zip(*shifted))
        .withColumn("weeks", F.transform("spans", lambda span: _week(*[span[name] for name in shifted])))
        .withColumns(
            {
                "peak": F.coalesce(F.array_max(F.transform("weeks", _packed_week)), F.lit(0)),
                "months": F.transform("days", _month),
            }
        )
        # A lambda that refers to a column of the row is evaluated anew with each element on Sail.
        .withColumn("peaks", F.array_repeat("peak", F.size("weeks")))
        .withColumn("later", F.arrays_zip("weeks", "peaks"))
        .withColumn("declines", F.filter("later", _is_decline))
        .withColumn("best_month", F.aggregate("months", _months_so_far(), _add_to_month, lambda found: found["best"]))
    )
    declined_on = F.array_min(F.transform("declines", lambda one: one["weeks"]["day"])) + PEAK_DAYS
    return lives.withColumns(
        {"peak_plays": _peak_plays(F.col("peak")), "peak_end": _peak_end(F.col("peak")), "declined_on": declined_on}
    )


def _week(first: Column, *later: Column) -> Column:
    """Of a day and the next: the plays of its seven days, how long these last, and the plays of the seven after it."""
    day = _day(first)
    end, following_end = (F.shiftleft(day + days, PLAYS_BITS) for days in (PEAK_DAYS, PEAK_DAYS + 1))
    *within, _ = later
    return F.struct(
        day.alias("day"),
        reduce(Column.__add__, [F.when(one < end, _plays(one)).otherwise(0) for one in within], _plays(first)).alias(
            "plays"
        ),
        F.greatest(F.lit(0), *[F.when(one < end, _day(one) - day) for one in within]).alias("length"),
        reduce(Column.__add__, [F.when(one < following_end, _plays(one)).otherwise(0) for one in later]).alias(
            "following"
        ),
    )


def _packed_week(week: Column) -> Column:
    """A number that is the largest for the most plays, and then for the first day; with the week's length."""
    first_first = F.shiftleft(LAST_DAY - week["day"], LENGTH_BITS)
    return F.shiftleft(week["plays"], DAY_BITS + LENGTH_BITS) + first_first + week["length"]


def _peak_plays(peak: Column) -> Column:
    return F.shiftright(peak, DAY_BITS + LENGTH_BITS)


def _peak_end(peak: Column) -> Column:
    """The last day of the week with the most plays: the first day whose last seven days have so many."""
    first = LAST_DAY - F.shiftright(peak, LENGTH_BITS).bitwiseAND(LAST_DAY)
    return first + peak.bitwiseAND((1 << LENGTH_BITS) - 1)


def _is_decline(one: Column) -> Column:
    """Whether the seven days after a day of the peak's end or later have fewer than half of its plays."""
    week, peak = one["weeks"], one["peaks"]
    return (week["day"] >= _peak_end(peak)) & (week["following"] * 2 < _peak_plays(peak))


def _with_state(lives: DataFrame, forgotten_after_days: int) -> DataFrame:
    """Add `state`: what the entity is to the listener on their last day."""
    today, silent = F.col("today"), F.col("today") - F.col("last_day")
    recent = F.filter("days", lambda packed: _day(packed) > F.col("today") - CURRENT_DAYS)
    lives = lives.withColumn("recent", recent).withColumn(
        "recent_plays", F.aggregate("recent", F.lit(0).cast("bigint"), lambda total, packed: total + _plays(packed))
    )
    known_days = F.greatest(today - F.col("first_day") + 1, F.lit(CURRENT_DAYS))
    is_current = F.col("recent_plays") * 2 * known_days >= F.col("plays") * CURRENT_DAYS
    state = (
        F.when(today - F.col("first_day") < NEW_DAYS, "new")
        .when(F.col("last_return") > today - REDISCOVERED_DAYS, "rediscovered")
        .when((F.col("plays") >= FORGOTTEN_PLAYS) & (silent >= forgotten_after_days), "forgotten")
        .when(is_current, "current")
        .when(silent < forgotten_after_days, "fading")
        .otherwise("past")
    )
    return lives.withColumn("state", state)


def _with_rank(lives: DataFrame, by: str, *more: Column) -> DataFrame:
    """The columns that tracks, artists and albums share, with the rank by `ms_played`."""
    most_heard_first = Window.partitionBy("listener").orderBy(F.desc("ms_played"), by)
    half_life = F.when(F.col("declined_on") <= F.col("today"), F.col("declined_on") - F.col("peak_end")).cast("int")
    has_peak = F.col("peak_plays") > 0
    return lives.select(
        "listener",
        by,
        F.col("plays").alias("total_plays"),
        F.col("streams").alias("total_streams"),
        F.col("ms_played").alias("total_ms_played"),
        (F.col("ms_played") / F.col("plays")).alias("avg_ms_played"),
        "skips",
        "skips_known",
        known_share("skips").alias("skip_rate"),
        F.when(F.col("skips") > 0, F.col("skipped_ms_played") / F.col("skips")).alias("mean_ms_to_skip"),
        "shuffles_known",
        known_share("shuffles").alias("shuffle_rate"),
        "starts_known",
        share_of(F.col("deliberate_starts"), "starts_known").alias("deliberate_share"),
        "plays_with_length",
        share_of(F.col("completed_millionths") / MILLION, "plays_with_length").alias("completion"),
        share_of(F.col("ms_with_length"), "ms_played").alias("length_coverage"),
        "first_played_at",
        "last_played_at",
        F.row_number().over(most_heard_first).cast("bigint").alias("rank"),
        "state",
        "active_days",
        "days_to_10th_play",
        "longest_streak_days",
        "longest_gap_days",
        "rediscoveries",
        F.when(has_peak, _most_on("best_day")).alias("best_day"),
        F.shiftright("best_day", DAY_BITS).alias("best_day_plays"),
        F.when(has_peak, _most_on("best_month")).alias("best_month"),
        F.shiftright("best_month", DAY_BITS).alias("best_month_plays"),
        F.when(has_peak, date_of(F.col("peak_end"))).alias("peak_7_days_end"),
        F.col("peak_plays").alias("peak_7_days_plays"),
        half_life.alias("half_life_days"),
        *more,
    )


def _count_disjoint_weeks(plays: int) -> Column:
    """How many weeks of so many plays there are that begin with a play and don't overlap: each as early as it can."""

    def add(found: Column, week: Column) -> Column:
        """Count, and the first day of the next week: as one number, count first."""
        counted = F.shiftleft(F.shiftright(found, DAY_BITS) + 1, DAY_BITS) + week["day"] + PEAK_DAYS
        return F.when(week["day"] >= found.bitwiseAND(LAST_DAY), counted).otherwise(found)

    full = F.filter("weeks", lambda week: week["plays"] >= plays)
    return F.shiftright(F.aggregate(full, F.lit(0).cast("bigint"), add), DAY_BITS)


def _months_so_far() -> Column:
    """State of a walk through days: the month with its plays so far, and the best month so far."""
    return F.struct(F.lit(0).cast("bigint").alias("month"), F.lit(0).cast("bigint").alias("best"))


def _add_to_month(found: Column, packed: Column) -> Column:
    """Add a day, as of `_month`. A month's plays only grow, so that the best after each of its days is the best."""
    month = packed.bitwiseAND(LAST_DAY)
    is_same = found["month"].bitwiseAND(LAST_DAY) == month
    so_far = F.when(is_same, found["month"] + packed - month).otherwise(packed)
    return F.struct(so_far.alias("month"), F.greatest(found["best"], so_far).alias("best"))


def _month(packed: Column) -> Column:
    """A day's plays, and its month as the first of its days: the larger, the more plays, and then the earlier."""
    day = _day(packed)
    first = day - F.dayofmonth(date_of(day)) + 1
    return F.shiftleft(_plays(packed), DAY_BITS) + (LAST_DAY - first)


def packed_day(plays: Column) -> Column:
    """The column `date` and its plays as one number."""
    return F.shiftleft(F.unix_date("date").cast("bigint"), PLAYS_BITS) + plays


def _day(packed: Column) -> Column:
    """Days since 1970."""
    return F.shiftright(packed, PLAYS_BITS)


def date_of(day: Column) -> Column:
    """The date, of days since 1970."""
    return F.date_from_unix_date(day.cast("int"))


def _most_on(name: str) -> Column:
    """The day, of a number that has the plays first."""
    return date_of(LAST_DAY - F.col(name).bitwiseAND(LAST_DAY))


def _plays(packed: Column) -> Column:
    return packed.bitwiseAND(PLAYS_MASK)


def _gap(step: Column) -> Column:
    """Days without a play between a day and the next; null after the last."""
    return _day(step["next_days"]) - _day(step["days"]) - 1
