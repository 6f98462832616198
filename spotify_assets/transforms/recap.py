"""What a year's recap shows, put together from other metric tables.

Rows are few, so lists are made of sorted arrays of structs. Days are local dates, `ms_played` is in milliseconds.
"""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import UNKNOWN, UNKNOWN_NUMBER
from spotify_assets.model.periods import CHART_ENTITIES
from spotify_assets.model.recap import SPAN_YEARS, TOP, WRAPPED_END, YEARS_TO_SPAN
from spotify_assets.transforms.aggregates import share_of
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.behaviour import ALL_YEARS
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.life import DAY_BITS, LAST_DAY, date_of, packed_day, with_streaks
from spotify_assets.transforms.milestones import PLAUSIBLE
from spotify_assets.transforms.periods import canonical_track_plays, entity_names

YEAR = ("listener", "year")
# Columns of `period_listening` that are taken as they are.
TOTALS = (
    "plays",
    "streams",
    "ms_played",
    "music_ms_played",
    "spoken_ms_played",
    "tracks",
    "artists",
    "albums",
    "new_tracks",
    "new_artists",
    "active_days",
    "days",
    "skip_rate",
    "skips_known",
    "shuffle_share",
    "shuffles_known",
    "year_before_ms_played",
    "year_before_plays",
    "is_complete",
    "release_coverage",
)
MONTHS = range(1, 13)


def yearly_recap(
    period_listening: DataFrame,
    daily_listening: DataFrame,
    listening_sessions: DataFrame,
    listening_behaviour: DataFrame,
    top_charts: DataFrame,
    discoveries: DataFrame,
    genre_trends: DataFrame,
    daily_track_plays: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_album: DataFrame,
    dim_track: DataFrame,
) -> DataFrame:
    """One row per listener and local year with a play: all that a recap of the year shows.

    Args:
        period_listening: Whole table: totals, and those of the year before.
        daily_listening: Whole table: the biggest day and month, the longest streak.
        listening_sessions: Whole table.
        listening_behaviour: Whole table: kinds of devices.
        top_charts: Whole table: what was heard longest in years, months and weeks.
        discoveries: Whole table: artists that became regulars.
        genre_trends: Whole table.
        daily_track_plays: Whole table: what Wrapped counts, and years of release.
        dim_recording: Whole table: canonical recordings, their names and their most played track.
        dim_artist: Whole table: canonical artists, and their names.
        dim_album: Whole table: canonical albums, and their names.
        dim_track: Whole table: years of release.
    """
    if not has_rows(period_listening):
        return literal_rows(period_listening.sparkSession, "yearly_recap", [])
    years = period_listening.where("period_type = 'year'").select(
        "listener", F.year("period_start").alias("year"), *TOTALS
    )
    parts = [
        _biggest_of_year(daily_listening),
        _year_charts(top_charts),
        _wrapped_charts(daily_track_plays, dim_recording, dim_artist, dim_album),
        _kept_discoveries(discoveries),
        _year_genres(genre_trends),
        _listening_ages(daily_track_plays, dim_recording, dim_track),
        _year_sessions(listening_sessions),
        _year_devices(listening_behaviour),
    ]
    recap = reduce(lambda rows, part: rows.join(part, list(YEAR), "left"), parts, years)
    counts = {name: F.coalesce(name, F.lit(0)) for name in ("wrapped_plays", "discoveries_kept", "sessions")}
    return recap.select(
        *YEAR,
        *TOTALS,
        date_of(LAST_DAY - F.col("packed_month").bitwiseAND(LAST_DAY)).alias("top_month"),
        F.shiftright("packed_month", DAY_BITS).alias("top_month_ms_played"),
        date_of(LAST_DAY - F.col("packed_day").bitwiseAND(LAST_DAY)).alias("biggest_day"),
        F.shiftright("packed_day", DAY_BITS).alias("biggest_day_ms_played"),
        F.coalesce(F.shiftright("packed_streak", DAY_BITS), F.lit(0)).cast("int").alias("longest_streak_days"),
        date_of(LAST_DAY - F.col("packed_streak").bitwiseAND(LAST_DAY)).alias("longest_streak_start"),
        date_of(LAST_DAY - F.col("week.packed").bitwiseAND(LAST_DAY)).alias("obsessive_week_start"),
        F.col("week.name").alias("obsessive_week_track"),
        F.col("week.artist_name").alias("obsessive_week_artist"),
        F.shiftright("week.packed", DAY_BITS).alias("obsessive_week_plays"),
        *[value.cast("bigint").alias(name) for name, value in counts.items()],
        _texts("kept", "name").alias("kept_artists"),
        F.col("genre.genre_family").alias("top_genre"),
        share_of(-F.col("genre.less_ms"), "genre_ms_played").alias("top_genre_share"),
        F.when(F.col("genre").isNotNull(), share_of(F.col("genre_ms_played"), "music_ms_played")).alias(
            "genre_coverage"
        ),
        "listening_span_start",
        (F.col("listening_span_start") - YEARS_TO_SPAN).alias("listening_birth_year"),
        (F.col("year") - F.col("listening_span_start") + YEARS_TO_SPAN).alias("listening_age"),
        "mean_session_ms",
        F.shiftright("packed_session", DAY_BITS).alias("longest_session_ms"),
        date_of(LAST_DAY - F.col("packed_session").bitwiseAND(LAST_DAY)).alias("longest_session_on"),
        F.col("device.value").alias("top_platform_family"),
        share_of(-F.col("device.less_ms"), "ms_played").alias("top_platform_family_share"),
        *_top_lists("ours", ("plays", "ms_played")),
        _texts("ours_artist", "sprint").alias("sprint"),
        *_top_lists("wrapped", ("plays",)),
    )


def _most_first(measure: Column, date: str) -> Column:
    """A number that is the largest for the largest measure, and then for the earliest day."""
    return F.shiftleft(measure, DAY_BITS) + (LAST_DAY - F.unix_date(date).cast("bigint"))


def _first(entries: Column) -> Column:
    """The smallest of a list of structs; null where it is empty."""
    return F.get(F.array_sort(entries), F.lit(0))


def _biggest_of_year(daily_listening: DataFrame) -> DataFrame:
    """By year: the day, month and streak that are the biggest, each as a number with its first day."""
    time = F.col("ms_played") - F.col("implausible_ms_played")
    months = (
        daily_listening.where(PLAUSIBLE)
        .groupBy("listener", F.trunc("date", "month").alias("month"))
        .agg(
            F.sum(time).alias("time"),
            F.max(_most_first(time, "date")).alias("packed_day"),
            F.collect_list(packed_day(F.lit(1))).alias("days"),
        )
    )
    years = (
        months.withColumn("packed_month", _most_first(F.col("time"), "month"))
        .groupBy("listener", F.year("month").alias("year"))
        .agg(
            F.max("packed_month").alias("packed_month"),
            F.max("packed_day").alias("packed_day"),
            F.flatten(F.collect_list("days")).alias("listed"),
        )
        .withColumn("days", F.array_sort("listed"))
    )
    lengths = F.transform(
        "streaks",
        lambda one: (
            F.shiftleft(one["streak_ends"] - one["streak_starts"] + 1, DAY_BITS) + (LAST_DAY - one["streak_starts"])
        ),
    )
    return (
        with_streaks(years)
        .withColumn("lengths", lengths)
        .select(*YEAR, "packed_month", "packed_day", F.array_max("lengths").alias("packed_streak"))
    )


def _year_charts(top_charts: DataFrame) -> DataFrame:
    """By year: sorted lists `ours_<entity>`, and the `week` with the most plays of a recording."""
    period, entity, rank = F.col("period_type"), F.col("entity_type"), F.col("rank")
    is_year = (period == "year") & (rank <= TOP)
    is_month = (period == "month") & (entity == "artist")
    is_week = (period == "week") & (entity == "track")
    month = F.month("period_start")
    entities = (
        top_charts.where(is_year | is_month | is_week)
        .groupBy("listener", F.year("period_start").alias("year"), "entity_type", "entity_key", "name", "artist_name")
        .agg(
            *[F.max(F.when(is_year, F.col(name))).alias(name) for name in ("rank", "plays", "ms_played")],
            F.max(F.when(is_week, _most_first(F.col("plays"), "period_start"))).alias("packed"),
            *[F.max(F.when(is_month & (month == number), rank)).alias(f"month_{number}") for number in MONTHS],
        )
        .withColumn(
            "sprint",
            F.concat_ws(",", *[F.coalesce(F.col(f"month_{number}").cast("string"), F.lit("")) for number in MONTHS]),
        )
    )
    entry = F.struct("rank", "name", "artist_name", *_numbers_as_text("plays", "ms_played"), "sprint")
    week = F.struct((-F.col("packed")).alias("less"), "entity_key", "name", "artist_name", "packed")
    return entities.groupBy(*YEAR).agg(
        *_sorted_lists("ours", entry, F.col("rank").isNotNull()),
        _first(F.collect_list(F.when(F.col("packed").isNotNull(), week))).alias("week"),
    )


def _wrapped_charts(
    daily_track_plays: DataFrame, dim_recording: DataFrame, dim_artist: DataFrame, dim_album: DataFrame
) -> DataFrame:
    """By year: `wrapped_plays`, and sorted lists `wrapped_<entity>` of those with most of them."""
    month, day = WRAPPED_END
    is_counted = F.month("date") * 100 + F.dayofmonth("date") <= month * 100 + day
    counted = (
        daily_track_plays.where((F.col("wrapped_plays") > 0) & is_counted)
        .groupBy("listener", F.year("date").alias("year"), "recording_key", "artist_key", "album_key")
        .agg(F.sum("wrapped_plays").alias("plays"))
    )
    of = F.array(
        *[
            F.struct(F.lit(entity).alias("entity_type"), F.col(f"{name}_key").alias("entity_key"))
            for entity, name in CHART_ENTITIES.items()
        ]
    )
    chart = (*YEAR, "entity_type")
    most_first = F.struct((-F.col("plays")).alias("less_plays"), "entity_key")
    ranked = (
        canonical_track_plays(counted, dim_recording, dim_artist, dim_album)
        .select(*YEAR, "plays", F.explode(of).alias("of"))
        .select(*YEAR, "plays", "of.*")
        .groupBy(*chart, "entity_key")
        .agg(F.sum("plays").alias("plays"))
        .groupBy(*chart)
        .agg(
            F.sum("plays").alias("wrapped_plays"),
            F.collect_list(F.when(F.col("entity_key") != UNKNOWN_NUMBER, most_first)).alias("entries"),
        )
        .select(*chart, "wrapped_plays", F.posexplode(F.slice(F.array_sort("entries"), 1, TOP)).alias("rank", "entry"))
        .select(*chart, "wrapped_plays", "rank", "entry.entity_key", (-F.col("entry.less_plays")).alias("plays"))
    )
    names = entity_names(dim_recording, dim_artist, dim_album)
    entry = F.struct("rank", "name", "artist_name", *_numbers_as_text("plays"))
    named = broadcast_join(ranked, names, ["entity_type", "entity_key"], "inner")
    return named.groupBy(*YEAR).agg(
        F.max("wrapped_plays").alias("wrapped_plays"), *_sorted_lists("wrapped", entry, F.lit(True))
    )


def _kept_discoveries(discoveries: DataFrame) -> DataFrame:
    """By year: the artists that were discovered in it and became regulars: how many, and the sorted list `kept`."""
    entry = F.struct((-F.col("total_plays")).alias("less_plays"), "entity_key", "name")
    return (
        discoveries.where("entity_type = 'artist' AND became_regular")
        .groupBy("listener", F.year("discovered_on").alias("year"))
        .agg(
            F.count(F.lit(1)).alias("discoveries_kept"),
            F.slice(F.array_sort(F.collect_list(entry)), 1, TOP).alias("kept"),
        )
    )


def _year_genres(genre_trends: DataFrame) -> DataFrame:
    """By year: the `genre` family with most time, and the time whose genre is known."""
    families = genre_trends.groupBy("listener", F.year("month").alias("year"), "genre_family").agg(
        F.sum("ms_played").alias("time"), F.sum("known_ms_played").alias("known")
    )
    entry = F.struct((-F.col("time")).alias("less_ms"), "genre_family")
    return families.groupBy(*YEAR).agg(
        F.max("known").alias("genre_ms_played"),
        _first(F.collect_list(F.when(F.col("time") > 0, entry))).alias("genre"),
    )


def _listening_ages(daily_track_plays: DataFrame, dim_recording: DataFrame, dim_track: DataFrame) -> DataFrame:
    """By year: the first of the five years of release that are most over-represented, `listening_span_start`."""
    released = dim_track.where("release_year IS NOT NULL").select("track_key", "release_year")
    if not has_rows(released):
        return daily_track_plays.sparkSession.createDataFrame(
            [], "listener string, year int, listening_span_start int"
        )
    recordings = dim_recording.select("recording_key", F.col("canonical_track_key").alias("track_key"))
    of_recordings = broadcast_join(released, recordings, "track_key", "inner").drop("track_key")
    heard = daily_track_plays.groupBy("listener", F.year("date").alias("year"), "recording_key").agg(
        F.sum("ms_played").alias("time")
    )
    by_release = (
        broadcast_join(of_recordings, heard, "recording_key", "inner")
        .groupBy(*YEAR, "release_year")
        .agg(F.sum("time").alias("time"))
        .where("time > 0")
    )
    first = F.col("release_year") - (SPAN_YEARS - 1)
    spans = (
        by_release.select(*YEAR, "time", F.explode(F.sequence(first, "release_year")).alias("span"))
        .groupBy(*YEAR, "span")
        .agg(F.sum("time").alias("time"))
    )

    def time_of(*keys: str) -> Column:
        return F.sum("time").over(Window.partitionBy(*keys))

    # Each year of release is in as many spans, so sums over spans are in proportion to the time.
    compared = spans.withColumn("lake", F.lit(1)).select(
        *YEAR,
        "span",
        (F.col("time") * SPAN_YEARS / time_of(*YEAR)).alias("share"),
        (time_of("span") - time_of("span", "listener")).alias("of_others"),
        (time_of("lake") - time_of("listener")).alias("all_of_others"),
    )
    others = F.coalesce(F.col("of_others") * SPAN_YEARS / F.nullif("all_of_others", F.lit(0)), F.lit(0.0))
    entry = F.struct(F.round(others - F.col("share"), 6).alias("less"), "span")
    return (
        compared.groupBy(*YEAR)
        .agg(_first(F.collect_list(entry)).alias("entry"))
        .select(*YEAR, F.col("entry.span").cast("int").alias("listening_span_start"))
    )


def _year_sessions(listening_sessions: DataFrame) -> DataFrame:
    """By year: how many sessions started, their mean, and the longest as a number with its day."""
    return listening_sessions.groupBy("listener", F.year("date").alias("year")).agg(
        F.count(F.lit(1)).alias("sessions"),
        F.round(F.sum("ms_played") / F.count(F.lit(1)), 6).alias("mean_session_ms"),
        F.max(_most_first(F.col("ms_played"), "date")).alias("packed_session"),
    )


def _year_devices(listening_behaviour: DataFrame) -> DataFrame:
    """By year: the kind of `device` with most time."""
    entry = F.struct((-F.col("ms_played")).alias("less_ms"), "value")
    families = listening_behaviour.where(
        (F.col("dimension") == "platform_family") & (F.col("year") != ALL_YEARS) & (F.col("value") != UNKNOWN)
    )
    return families.groupBy(*YEAR).agg(_first(F.collect_list(entry)).alias("device"))


def _numbers_as_text(*names: str) -> list[Column]:
    return [F.col(name).cast("string").alias(name) for name in names]


def _sorted_lists(prefix: str, entry: Column, is_listed: Column) -> list[Column]:
    """The entries of each kind of entity as a sorted list."""
    return [
        F.array_sort(F.collect_list(F.when((F.col("entity_type") == entity) & is_listed, entry))).alias(
            f"{prefix}_{entity}"
        )
        for entity in CHART_ENTITIES
    ]


def _texts(entries: str, name: str) -> Column:
    """One field of each entry; empty where there is no list."""
    return F.coalesce(F.transform(entries, lambda entry: entry[name]), F.array().cast("array<string>"))


def _top_lists(prefix: str, figures: tuple[str, ...]) -> list[Column]:
    """The lists of `top_columns` of the model."""
    fields = {"": "name", "_by": "artist_name"} | {f"_{name}": name for name in figures}
    return [
        _texts(f"{prefix}_{entity}", name).alias(f"{prefix}_{entity}s{end}")
        for entity in CHART_ENTITIES
        for end, name in fields.items()
        if (entity, end) != ("artist", "_by")
    ]
