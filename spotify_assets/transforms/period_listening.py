"""Figures of days, weeks, months, quarters, years and of all time.

Nearly all are sums of figures by day, also the counts of different tracks, artists and albums: a track counts in a
month on the first day of the month on which it was played. Days are local dates, `ms_played` is in milliseconds.
"""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.model.columns import UNKNOWN_NUMBER
from spotify_assets.model.periods import CHART_ENTITIES, CHART_PERIODS, PERIOD_TYPES
from spotify_assets.transforms.aggregates import MILLION, completed_millionths, moved_by, share_of
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.joins import broadcast_join, union_by_name
from spotify_assets.transforms.metrics import (
    CONTENT_MEASURES,
    MEASURES,
    MODE_MEASURES,
    SHUFFLE_MEASURES,
    START_MEASURES,
)
from spotify_assets.transforms.periods import (
    DAYS_OF,
    MONTHS_OF,
    WEEKS_OF_YEAR,
    by_period_type,
    canonical_track_plays,
    first_day_of,
    kind_of,
    period_end,
    period_number,
    previous_start,
    starts_of,
    year_before_start,
)

PERIOD = ("listener", "period_type", "period_start")
DAY_MEASURES = (
    *MEASURES,
    *CONTENT_MEASURES,
    *SHUFFLE_MEASURES,
    *START_MEASURES,
    *MODE_MEASURES,
    "night_ms_played",
)
CATALOGUE_MEASURES = (
    "completed_millionths",
    "length_known_plays",
    "length_known_ms_played",
    "release_year_ms_played",
    "release_known_ms_played",
)
DISTINCT = {f"{entity}s": entity for entity in CHART_ENTITIES}
COMPARED = tuple((of, f"{of}_{name}") for of in ("previous", "year_before") for name in ("ms_played", "plays"))
# Of `all`, until the listener's first day takes its place.
ALL_START = "1970-01-01"
TOP_ARTISTS = 10


def period_listening(
    daily_listening: DataFrame,
    daily_track_plays: DataFrame,
    listening_sessions: DataFrame,
    coverage_gaps: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_album: DataFrame,
    dim_track: DataFrame,
) -> DataFrame:
    """One row per listener and day, week, month, quarter, year with a play, and of all time; all content types.

    Args:
        daily_listening: Whole table.
        daily_track_plays: Whole table.
        listening_sessions: Whole table.
        coverage_gaps: Whole table.
        dim_listener: Whole table: the first and the last day.
        dim_recording: Whole table: canonical recordings, and their most played track.
        dim_artist: Whole table: canonical artists.
        dim_album: Whole table: canonical albums.
        dim_track: Whole table: lengths and releases.
    """
    if not has_rows(daily_listening):
        return literal_rows(daily_listening.sparkSession, "period_listening", [])
    heard = canonical_track_plays(daily_track_plays, dim_recording, dim_artist, dim_album)
    known = _known_recordings(heard, dim_recording, dim_track)
    sessions = listening_sessions.groupBy("listener", "date").agg(
        F.count(F.lit(1)).alias("sessions"), F.max("ms_played").alias("longest_session_ms")
    )
    days = daily_listening.select(
        "listener",
        "date",
        *DAY_MEASURES,
        *[F.col(name).alias(f"day_{name}") for name in DISTINCT],
        F.lit(1).cast("bigint").alias("active_days"),
    )
    keys = dim_listener.select("listener", "listener_key")
    parts = [days, _first_days(heard, keys), sessions, *([] if known is None else [_catalogue_days(known)])]
    listeners = dim_listener.select("listener", "first_date", "last_date")
    by_period = union_by_name(
        *[_in_periods(part, tuple(PERIOD_TYPES)).drop("date") for part in parts],
        _compared_days(daily_listening, listeners),
    )
    measures = [name for name in by_period.columns if name not in (*PERIOD, "longest_session_ms")]
    figures = (
        by_period.groupBy(*PERIOD)
        .agg(
            *[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in measures],
            F.max("longest_session_ms").alias("longest_session_ms"),
        )
        .where("plays > 0")
    )
    figures = figures.join(_concentration(heard, keys), [*PERIOD], "left")
    if known is None:
        figures = figures.withColumns({name: F.lit(0).cast("bigint") for name in CATALOGUE_MEASURES})
        figures = figures.withColumn("release_lag_days", F.lit(None).cast("double"))
    else:
        figures = figures.join(_release_lags(known), [*PERIOD], "left")
    figures = _with_spans(broadcast_join(listeners, figures, "listener", "inner"))
    return _figures(_with_known_spans(figures, coverage_gaps))


def _in_periods(rows: DataFrame, period_types: tuple[str, ...]) -> DataFrame:
    """The rows, which have a `date`, once for each period that it is in. `period_start` of `all` is a placeholder."""
    starts = rows.withColumns(starts_of(F.col("date"), period_types))
    periods = [
        F.struct(
            F.lit(name).alias("period_type"),
            F.coalesce(f"{name}_start", F.lit(ALL_START).cast("date")).alias("period_start"),
        )
        for name in period_types
    ]
    return starts.select(*rows.columns, F.explode(F.array(*periods)).alias("in")).select(*rows.columns, "in.*")


def _first_days(heard: DataFrame, listener_keys: DataFrame) -> DataFrame:
    """By day, how many recordings, artists and albums are played for the first time of each period.

    The days of an entity are sorted as an array: a window over all rows takes four times as long. Keys are numbers,
    and each kind is counted by itself before all are put beside each other.
    """
    kinds = [f"{name}_key" for name in CHART_ENTITIES.values()]
    entities = F.array(
        *[F.struct(F.lit(kind).alias("kind"), F.col(key).alias("entity_key")) for kind, key in enumerate(kinds)]
    )
    played = (
        broadcast_join(listener_keys, heard.select("listener", "date", *kinds), "listener", "inner")
        .select("listener_key", "date", F.explode(entities).alias("of"))
        .select("listener_key", "date", "of.*")
        .where(F.col("entity_key") != UNKNOWN_NUMBER)
    )
    days = (
        moved_by(played, "entity_key")
        .groupBy("listener_key", "kind", "entity_key")
        .agg(F.sort_array(F.collect_list("date")).alias("dates"))
        .withColumn("earlier", F.concat(F.array(F.lit(None).cast("date")), "dates"))
        .withColumn("earlier", F.slice("earlier", 1, F.size("dates")))
        .select("listener_key", "kind", F.explode(F.arrays_zip("dates", "earlier")).alias("played"))
        .select("listener_key", "kind", F.col("played.dates").alias("date"), F.col("played.earlier").alias("earlier"))
    )
    days = days.withColumns(starts_of(F.col("date"), CHART_PERIODS))
    never_before = F.isnull("earlier")
    by_kind = days.groupBy("listener_key", "date", "kind").agg(
        *[
            F.count_if(
                never_before if period == "all" else never_before | (F.col("earlier") < F.col(f"{period}_start"))
            ).alias(period)
            for period in CHART_PERIODS
        ]
    )
    counted = by_kind.groupBy("listener_key", "date").agg(
        *[
            F.coalesce(F.sum(F.when(F.col("kind") == kind, F.col(period))), F.lit(0)).alias(f"{entity}_{period}")
            for kind, entity in enumerate(CHART_ENTITIES)
            for period in CHART_PERIODS
        ]
    )
    return broadcast_join(listener_keys, counted, "listener_key", "inner").drop("listener_key")


def _known_recordings(heard: DataFrame, dim_recording: DataFrame, dim_track: DataFrame) -> DataFrame | None:
    """Days of recordings of which length or release are known, with these; None if there is none.

    Attributes are those of the canonical recording's most played id.
    """
    known = dim_track.where("duration_ms IS NOT NULL OR release_date IS NOT NULL")
    if not has_rows(known):
        return None
    recordings = dim_recording.where("recording_key = canonical_recording_key").select(
        "recording_key", F.col("canonical_track_key").alias("track_key")
    )
    attributes = known.select("track_key", "duration_ms", "release_date", "release_year").join(recordings, "track_key")
    sums = ("plays", "ms_played", "finished", "unfinished_ms_played")
    days = heard.groupBy("listener", "date", "recording_key").agg(*[F.sum(name).alias(name) for name in sums])
    return broadcast_join(attributes.drop("track_key"), days, "recording_key", "inner")


def _catalogue_days(known: DataFrame) -> DataFrame:
    """By day, the sums that completion and year of release follow from: `CATALOGUE_MEASURES`."""
    length, year = F.col("duration_ms"), F.col("release_year")
    known = known.select("*", completed_millionths(F.nullif(length, F.lit(0))).alias("completed"))
    has_length = length > 0
    measures = {
        "completed_millionths": F.when(has_length, F.col("completed")),
        "length_known_plays": F.when(has_length, F.col("plays")),
        "length_known_ms_played": F.when(has_length, F.col("ms_played")),
        "release_year_ms_played": year * F.col("ms_played"),
        "release_known_ms_played": F.when(year.isNotNull(), F.col("ms_played")),
    }
    return known.groupBy("listener", "date").agg(
        *[F.sum(value).cast("bigint").alias(name) for name, value in measures.items()]
    )


def _release_lags(known: DataFrame) -> DataFrame:
    """By period, the median of days since release: `release_lag_days`."""
    lags = known.where("release_date IS NOT NULL").select(
        "listener", "date", F.datediff("date", "release_date").cast("double").alias("lag")
    )
    return _in_periods(lags, tuple(PERIOD_TYPES)).groupBy(*PERIOD).agg(F.median("lag").alias("release_lag_days"))


def _concentration(heard: DataFrame, listener_keys: DataFrame) -> DataFrame:
    """By period, how unequally time is spread over artists.

    The time of each artist is one sorted list, through which one walk goes: two thirds of what windows take.
    """
    known = broadcast_join(listener_keys, heard.where(F.col("artist_key") != UNKNOWN_NUMBER), "listener", "inner")
    days = (
        moved_by(known, "artist_key")
        .groupBy("listener_key", "date", "artist_key")
        .agg(F.sum("ms_played").alias("ms"))
        .withColumns(starts_of(F.col("date"), PERIOD_TYPES))
    )
    numbers = F.array(*[period_number(place, F.col(f"{name}_start")) for place, name in enumerate(PERIOD_TYPES)])
    period = ("listener_key", "period")
    figures = (
        days.select("listener_key", "artist_key", "ms", F.explode(numbers).alias("period"))
        .groupBy(*period, "artist_key")
        .agg(F.sum("ms").alias("ms"))
        .groupBy(*period)
        .agg(
            F.sum("ms").alias("artist_ms_played"),
            F.count(F.lit(1)).alias("count"),
            F.sum(F.when(F.col("ms") > 0, F.col("ms") * F.ln("ms"))).alias("ms_by_log"),
            F.collect_list(-F.col("ms")).alias("listed"),
        )
        .withColumn("most_first", F.array_sort("listed"))
        .withColumn("top_ms", -_sum_of(F.slice("most_first", 1, TOP_ARTISTS)))
        .withColumn("walked", F.aggregate("most_first", _start_of_walk(), _walk))
        .select(*period, "artist_ms_played", "count", "ms_by_log", "top_ms", "walked.half", "walked.ms_by_place")
    )
    total, count = F.nullif(F.col("artist_ms_played"), F.lit(0)), F.col("count")
    # Of shares p, the sum of -p * ln(p): with x by artist, ln(total) less the sum of x * ln(x), by total.
    entropy = F.ln(total) - F.col("ms_by_log") / total
    # With x by place from the most: sum of (count + 1 - 2 * place) * x, by count * total.
    gini = ((count + 1) * total - 2 * F.col("ms_by_place")) / (count * total)
    types = F.array(*map(F.lit, PERIOD_TYPES))
    figures = broadcast_join(listener_keys, figures, "listener_key", "inner")
    return figures.select(
        "listener",
        F.get(types, kind_of(F.col("period"))).alias("period_type"),
        first_day_of(F.col("period")).alias("period_start"),
        "artist_ms_played",
        F.round(F.col("top_ms") / total, 6).alias("top_10_share"),
        F.when(total.isNotNull(), F.col("half")).alias("half_of_listening_artists"),
        F.when(total.isNotNull(), F.round(F.exp(entropy), 6)).alias("effective_artists"),
        F.round(gini, 6).alias("gini"),
    )


def _sum_of(numbers: Column) -> Column:
    return F.aggregate(numbers, F.lit(0).cast("bigint"), lambda total, number: total + number)


def _start_of_walk() -> Column:
    """State of a walk through artists, those heard longest first; see `_walk`."""
    zero = F.lit(0).cast("bigint")
    return F.struct(
        F.col("artist_ms_played").alias("missing"), zero.alias("half"), zero.alias("place"), zero.alias("ms_by_place")
    )


def _walk(found: Column, less_ms: Column) -> Column:
    """Add an artist, by its negative time.

    `missing` is the total less twice the time so far: while it is positive, less than half is reached.
    """
    place = found["place"] + 1
    return F.struct(
        (found["missing"] + 2 * less_ms).alias("missing"),
        (found["half"] + F.when(found["missing"] > 0, 1).otherwise(0)).alias("half"),
        place.alias("place"),
        (found["ms_by_place"] - place * less_ms).alias("ms_by_place"),
    )


def _compared_days(daily_listening: DataFrame, listeners: DataFrame) -> DataFrame:
    """The days once for each period that is compared with theirs, as `previous_*` or `year_before_*` of that.

    The period that holds the last day is compared with as many days from the start of theirs.
    """
    types = tuple(name for name in PERIOD_TYPES if name != "all")
    days = broadcast_join(
        listeners, daily_listening.select("listener", "date", "ms_played", "plays"), "listener", "inner"
    ).withColumns(starts_of(F.col("date"), types))
    last_starts = starts_of(F.col("last_date"), types)
    days = days.withColumns({f"last_{name}": start for name, start in last_starts.items()})

    def compared(of: str, name: str, target: Column) -> Column:
        last = F.col(f"last_{name}_start")
        elapsed = F.datediff("date", f"{name}_start") <= F.datediff("last_date", f"last_{name}_start")
        return F.struct(
            F.lit(of).alias("of"),
            F.lit(name).alias("period_type"),
            F.when((target < last) | ((target == last) & elapsed), target).alias("period_start"),
        )

    def next_start(name: str) -> Column:
        start = F.col(f"{name}_start")
        return F.add_months(start, MONTHS_OF[name]) if name in MONTHS_OF else F.date_add(start, DAYS_OF[name])

    year_later = F.add_months("date", 12)
    before_leap_day = (F.date_format("date", "MMdd") == "0228") & (F.dayofmonth(F.date_add(year_later, 1)) == 29)
    options = [
        *[compared("previous", name, next_start(name)) for name in types],
        *[compared("year_before", name, F.add_months(f"{name}_start", 12)) for name in MONTHS_OF],
        compared("year_before", "week", F.date_add("week_start", 7 * WEEKS_OF_YEAR)),
        compared("year_before", "day", F.when(F.date_format("date", "MMdd") != "0229", year_later)),
        compared("year_before", "day", F.when(before_leap_day, F.date_add(year_later, 1))),
    ]
    rows = (
        days.select("listener", "ms_played", "plays", F.explode(F.array(*options)).alias("for"))
        .select("listener", "ms_played", "plays", "for.*")
        .where("period_start IS NOT NULL")
    )
    return rows.select(
        *PERIOD,
        *[
            F.when(F.col("of") == of, F.col(name)).alias(f"{of}_{name}")
            for of in ("previous", "year_before")
            for name in ("ms_played", "plays")
        ],
    )


def _with_spans(figures: DataFrame) -> DataFrame:
    """With the end of each period, and the first and last day of what it is compared with; `all` gets its start."""
    is_all = F.col("period_type") == "all"
    figures = figures.withColumn(
        "period_start", F.when(is_all, F.col("first_date")).otherwise(F.col("period_start"))
    ).withColumns({"previous_start": previous_start(), "year_before_start": year_before_start()})
    figures = figures.withColumns(
        {
            "period_end": F.coalesce(period_end("period_start"), "last_date"),
            "previous_end": period_end("previous_start"),
            "year_before_end": period_end("year_before_start"),
        }
    ).withColumn("is_complete", F.col("period_end") < F.col("last_date"))
    elapsed = F.datediff("last_date", "period_start")
    return figures.withColumns(
        {
            f"{of}_end": F.when(F.col("is_complete"), F.col(f"{of}_end")).otherwise(
                F.least(f"{of}_end", F.date_add(f"{of}_start", elapsed))
            )
            for of in ("previous", "year_before")
        }
    )


def _with_known_spans(figures: DataFrame, coverage_gaps: DataFrame) -> DataFrame:
    """With `<of>_is_known`: whether the compared days are none before the first, and not in a suspicious gap."""
    suspicious = coverage_gaps.where("is_suspicious")
    is_known = {of: F.col(f"{of}_end") >= F.col("first_date") for of in ("previous", "year_before")}
    if has_rows(suspicious):
        gaps = suspicious.groupBy("listener").agg(F.collect_list(F.struct("gap_start", "gap_end")).alias("gaps"))
        figures = figures.join(F.broadcast(gaps), "listener", "left")
        for of, after_start in is_known.items():
            in_gap = F.exists("gaps", _covering(F.col(f"{of}_start"), F.col(f"{of}_end")))
            is_known[of] = after_start & ~F.coalesce(in_gap, F.lit(False))
    return figures.withColumns({f"{of}_is_known": known for of, known in is_known.items()})


def _covering(start: Column, end: Column) -> Callable[[Column], Column]:
    """Whether a gap covers all days from start to end."""

    def covers(gap: Column) -> Column:
        return (gap.getField("gap_start") <= start) & (gap.getField("gap_end") >= end)

    return covers


def _figures(figures: DataFrame) -> DataFrame:
    """The columns of the table."""
    shares = {
        "skip_rate": ("skips", "skips_known"),
        "deliberate_share": ("deliberate_starts", "starts_known"),
        "shuffle_share": ("shuffles", "shuffles_known"),
        "offline_share": ("offline_plays", "offline_known"),
        "incognito_share": ("incognito_plays", "incognito_known"),
        "night_share": ("night_ms_played", "ms_played"),
        "length_coverage": ("length_known_ms_played", "music_ms_played"),
        "release_coverage": ("release_known_ms_played", "music_ms_played"),
        "mean_release_year": ("release_year_ms_played", "release_known_ms_played"),
    }
    mean_completed = F.col("completed_millionths") / F.nullif(F.col("length_known_plays"), F.lit(0)) / MILLION
    span = F.datediff(F.least("period_end", "last_date"), F.greatest("period_start", "first_date")) + 1
    distinct = {
        name: by_period_type(
            {"day": F.col(f"day_{name}"), **{period: F.col(f"{entity}_{period}") for period in CHART_PERIODS}}
        )
        for name, entity in DISTINCT.items()
    }
    return figures.select(
        *PERIOD,
        *DAY_MEASURES,
        "active_days",
        "sessions",
        "longest_session_ms",
        "length_known_plays",
        "length_known_ms_played",
        "release_known_ms_played",
        "release_lag_days",
        F.coalesce("artist_ms_played", F.lit(0)).alias("artist_ms_played"),
        "top_10_share",
        "half_of_listening_artists",
        "effective_artists",
        "gini",
        "is_complete",
        span.cast("bigint").alias("days"),
        F.round(mean_completed, 6).alias("completion"),
        F.col("track_all").alias("new_tracks"),
        F.col("artist_all").alias("new_artists"),
        *[value.alias(name) for name, value in distinct.items()],
        *[share_of(F.col(part), whole).alias(name) for name, (part, whole) in shares.items()],
        *[F.when(F.col(f"{of}_is_known"), F.col(name)).alias(name) for of, name in COMPARED],
    )
