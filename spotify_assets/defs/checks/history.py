"""Checks of the listening history that the model does not imply."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.defs.checks.queries import run_queries
from spotify_assets.defs.checks.records import (
    MAX_NAMED,
    WARN,
    LakeResource,
    records_digest,
    told_unreadable,
)
from spotify_assets.defs.checks.window import run_window, window_rows
from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.escaping import markdown_code
from spotify_assets.ingest.history_changes import find_mismatch
from spotify_assets.model import TABLES
from spotify_assets.model.cleaned import REJECTION_REASONS
from spotify_assets.settings import Settings
from spotify_assets.windows import TimeWindow, window_predicate

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

# Shares of fewer records vary too much to be checked.
MIN_SHARE_RECORDS = 200
# Plays of a month compared with the median of the months around it.
NEIGHBOURS = 3
OUTLIER_RATIO = 5.0
OUTLIER_PLAYS = 200
DAY_HOURS = 24
HOUR_MICROS = 60 * 60 * 1_000_000
# Spotify's crossfade lasts up to 12 s, and times are in whole seconds.
CROSSFADE_MICROS = 15 * 1_000_000
# In the real export that is known best 2 % of plays were offline.
MAX_LATE_SHARE = 0.5

# What they sum up of all plays, as a predicate.
PARTIAL_AGGREGATES = {
    "daily_track_plays": "content_type = 'track'",
    "daily_spoken_plays": "content_type <> 'track'",
    "hourly_listening": "true",
    "monthly_content": "true",
    "monthly_behaviour": "true",
}


@dg.asset_check(
    asset="raw_files",
    name="unreadable_files",
    description="Every landed file that should hold data can be read.",
)
def unreadable_files(lake: LakeResource) -> dg.AssetCheckResult:
    return told_unreadable("raw_files", lake)


@dg.multi_asset_check(
    name="every_record_once",
    specs=[
        dg.AssetCheckSpec(
            "every_record_once",
            asset="rejected_plays",
            additional_deps=["plays", "raw_plays", "raw_files"],
            blocking=True,
            description="Every landed record of the run's window is in plays or in rejected_plays, exactly once.",
        )
    ],
)
def every_record_once(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
    queries = run_queries(("raw_files", "raw_plays", "plays", "rejected_plays"), context, lake)
    listed = f"SELECT source_file, first_reported_at, last_reported_at FROM {queries.rows('raw_files')}"
    raw = f"{queries.rows('raw_plays')} AS records JOIN ({listed} WHERE records > 0) AS files USING (source_file)"
    window = run_window("plays", context, lake)
    if window is not None:
        is_valid = "coalesce(reported_at BETWEEN first_reported_at AND last_reported_at, false)"
        within = f"{is_valid} AND {window_predicate(TABLES['plays'], window)}"
        raw += f" WHERE {within}" + (f" OR NOT {is_valid}" if window.is_first else "")
    mismatch = find_mismatch(lake.lake)
    landed, kept, rejected = (
        records_digest(queries, rows) for rows in (raw, queries.rows("plays"), queries.rows("rejected_plays"))
    )
    is_complete = landed == tuple(a + b for a, b in zip(kept, rejected, strict=True))
    problems = []
    if mismatch:
        problems.append(f"{mismatch.reason}; spotify-assets sync reads what is missing again")
    if not is_complete:
        problems.append(
            f"The records in plays ({kept[0]:,}) and rejected_plays ({rejected[0]:,}) differ from the "
            f"{landed[0]:,} landed ones. "
            "Materialize these months again; if that doesn't help: spotify-assets repair plays rejected_plays."
        )
    figures = {"landed": landed[0], "kept": kept[0], "rejected": rejected[0]}
    yield dg.AssetCheckResult(
        asset_key="rejected_plays",
        check_name="every_record_once",
        passed=not problems,
        description="; ".join(problems) or None,
        metadata=figures,
    )


@dg.asset_check(
    asset="track_metrics",
    name="track_keys_once",
    description="No two rows of a listener share a track_key: all ids and names of a recording are one row.",
)
def track_keys_once(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    queries = run_queries(["track_metrics"], context, lake)
    shared = f"FROM {queries.rows('track_metrics')} GROUP BY listener, track_key HAVING count(*) > 1"
    keys = sorted({key for (key,) in queries.ask(f"SELECT track_key {shared} LIMIT {MAX_NAMED}")})
    return dg.AssetCheckResult(passed=not keys, description=", ".join(map(markdown_code, keys)) or None)


def _totals_check_name(table: str) -> str:
    return f"{table}_has_its_totals"


# These are checks of the fact table, as facts are computed last: with several ranges of months, metrics of all but the
# last are computed one run before their facts.
@dg.multi_asset_check(
    name="metrics_equal_facts",
    specs=[
        dg.AssetCheckSpec(
            _totals_check_name(table),
            asset="fct_plays",
            additional_deps=[table],
            description=f"Plays, streams, time and skips of {table} equal those of fct_plays"
            + (f" where {counted}." if counted != "true" else "."),
        )
        for table, counted in PARTIAL_AGGREGATES.items()
    ],
    can_subset=True,
)
def metrics_equal_facts(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
    figures = ("plays", "streams", "ms_played", "skips")
    by_fact = "count(*), count(*) FILTER (WHERE is_stream), sum(ms_played), count(*) FILTER (WHERE skipped)"
    by_metric = ", ".join(f"sum({figure})" for figure in figures)
    names = {key.name for key in context.selected_asset_check_keys}
    tables = [table for table in PARTIAL_AGGREGATES if _totals_check_name(table) in names]
    queries = run_queries(["fct_plays", *tables], context, lake)
    for table in tables:
        predicate = PARTIAL_AGGREGATES[table]
        expected, found = (
            [int(value or 0) for value in queries.ask(query)[0]]
            for query in (
                f"SELECT {by_fact} FROM {queries.rows('fct_plays')} WHERE {predicate}",
                f"SELECT {by_metric} FROM {queries.rows(table)}",
            )
        )
        different = [
            f"{figure}: {b:,} instead of {a:,}"
            for figure, a, b in zip(figures, expected, found, strict=True)
            if a != b
        ]
        yield dg.AssetCheckResult(
            asset_key="fct_plays",
            check_name=_totals_check_name(table),
            passed=not different,
            description="; ".join(different) or None,
            metadata=dict(zip(figures, found, strict=True)),
        )


@dg.multi_asset_check(
    name="listening_is_plausible",
    specs=[
        dg.AssetCheckSpec(
            "rejected_share",
            asset="rejected_plays",
            additional_deps=["plays"],
            description="No reason rejects a larger share of records than SPOTIFY_ASSETS_MAX_REJECTED_SHARE.",
        ),
        dg.AssetCheckSpec(
            "months_like_their_neighbours",
            asset="plays",
            description="No month has far more or far fewer plays of a listener than the months around it.",
        ),
        dg.AssetCheckSpec(
            "implausible_listening",
            asset="plays",
            description="No listener has more than 24 hours of plays within 24 hours, or is_implausible plays.",
        ),
        dg.AssetCheckSpec(
            "plays_reported_late",
            asset="plays",
            description="Not most plays of a listener were reported late, and are placed before that.",
        ),
    ],
    can_subset=True,
)
def listening_is_plausible(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings], lake: LakeResource
) -> Iterator[dg.AssetCheckResult]:
    from pyspark.sql import functions as F

    rejected = window_rows("rejected_plays", context, lake)
    reasons = {row["reason"]: row["count"] for row in rejected.groupBy("reason").count().collect()}
    months = _by_month(context, lake)
    by = F.unix_micros("reported_at") - F.unix_micros("played_at")
    late = window_rows("plays", context, lake).where("played_at_is_corrected").groupBy("listener")
    late_plays = late.agg(
        F.count(F.lit(1)).alias("late"), F.median(by).alias("median"), F.max(by).alias("longest")
    ).collect()
    kept = sum(row["plays"] for row in months)
    results = [
        _rejected_share(reasons, kept, settings.max_rejected_share),
        _months_like_their_neighbours(months, _around(months, context, lake)),
        _implausible_listening(months),
        _plays_reported_late(late_plays, months),
    ]
    wanted = {(key.asset_key, key.name) for key in context.selected_asset_check_keys}
    yield from (result for result in results if (result.asset_key, result.check_name) in wanted)


def _by_month(context: dg.AssetCheckExecutionContext, lake: DeltaLakeIOManager) -> "Sequence[Row]":
    """One row per listener and month of the run: `plays`, those that are `implausible`, and `most`.

    `most` is the most time (microseconds) of plays `within_a_day`, 24 hours one after another, and the last `hour` of
    these (since 1970). Plays that overlap by a crossfade don't count twice for that: of listeners with more than 24
    hours, plays are put in order for it, which others are spared. `is_implausible` needs no such allowance, as plays
    of 30 minutes that overlap by seconds aren't reported in one minute.
    """
    from pyspark.sql import functions as F

    run = run_window("plays", context, lake)
    plays, is_of_run, first_hour = lake.frames.read("plays"), F.lit(True), None
    if run is not None:
        # Also the day before, so that 24 hours across the run's start are seen.
        since = run.start - timedelta(hours=DAY_HOURS)
        plays = plays.where(window_predicate(TABLES["plays"], TimeWindow(since, run.end, run.is_first)))
        if not run.is_first:
            is_of_run = F.col("played_at") >= run.start
            first_hour = int(run.start.timestamp() * 1_000_000) // HOUR_MICROS
    plays = plays.select(
        "listener", "month", "is_implausible", is_of_run.alias("is_of_run"), "started_at", "played_at"
    )
    months: Sequence[Row] = _most_within_a_day(plays, first_hour).collect()
    full = sorted({row["listener"] for row in months if _is_full(row)})
    if full:
        again = _without_crossfade(plays.where(F.col("listener").isin(full)))
        rest = [row for row in months if row["listener"] not in full]
        months = [*rest, *_most_within_a_day(again, first_hour).collect()]
    return months


def _is_full(row: "Row") -> bool:
    return bool(row["most"]) and row["most"]["within_a_day"] > DAY_HOURS * HOUR_MICROS


def _without_crossfade(plays: "DataFrame") -> "DataFrame":
    """The plays, where one that overlaps the end of the play before by a crossfade starts at that end."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    in_order = Window.partitionBy("listener").orderBy("played_at", "started_at")
    plays = plays.withColumn("before", F.lag("played_at").over(in_order))
    plays = plays.withColumn("overlap", F.unix_micros("before") - F.unix_micros("started_at"))
    start = F.when(F.col("overlap").between(0, CROSSFADE_MICROS), F.col("before")).otherwise(F.col("started_at"))
    return plays.withColumn("started_at", start)


def _most_within_a_day(plays: "DataFrame", first_hour: int | None) -> "DataFrame":
    """Rows of `_by_month`.

    Args:
        plays: Plays, and whether each `is_of_run`.
        first_hour: First hour since 1970 of which `most` may be; None for all.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    start, end, hour = F.col("start"), F.col("end"), F.col("hour")
    counts = F.col("is_of_run") & (hour == F.floor(end / HOUR_MICROS))
    by_hour = (
        plays.select(
            "listener",
            "month",
            "is_implausible",
            "is_of_run",
            F.unix_micros("started_at").alias("start"),
            F.unix_micros("played_at").alias("end"),
        )
        .withColumn("hour", F.explode(F.sequence(F.floor(start / HOUR_MICROS), F.floor(end / HOUR_MICROS))))
        .groupBy("listener", "month", "hour")
        .agg(
            F.count_if(counts).alias("plays"),
            F.count_if(counts & F.col("is_implausible")).alias("implausible"),
            F.sum(F.least(end, (hour + 1) * HOUR_MICROS) - F.greatest(start, hour * HOUR_MICROS)).alias("time"),
        )
    )
    of_day = Window.partitionBy("listener").orderBy("hour").rangeBetween(1 - DAY_HOURS, 0)
    is_judged = F.lit(True) if first_hour is None else hour >= first_hour
    return (
        by_hour.withColumn("within_a_day", F.sum("time").over(of_day))
        .groupBy("listener", "month")
        .agg(
            F.sum("plays").alias("plays"),
            F.sum("implausible").alias("implausible"),
            F.max(F.when(is_judged, F.struct("within_a_day", "hour"))).alias("most"),
        )
        .where("plays > 0")
    )


def _around(
    months: "Sequence[Row]", context: dg.AssetCheckExecutionContext, lake: DeltaLakeIOManager
) -> "Sequence[Row]":
    """Plays of listeners in the months around those of the run, which by itself may be of one month."""
    from pyspark.sql import functions as F

    if not months or run_window("plays", context, lake) is None:
        return []
    run = sorted({row["month"] for row in months})
    first, last = F.add_months(F.lit(run[0]), -NEIGHBOURS), F.add_months(F.lit(run[-1]), NEIGHBOURS)
    near = lake.frames.read("plays").where(F.col("month").between(first, last) & ~F.col("month").isin(run))
    return near.groupBy("listener", "month").agg(F.count(F.lit(1)).alias("plays")).collect()


def _months_like_their_neighbours(months: "Sequence[Row]", around: "Sequence[Row]") -> dg.AssetCheckResult:
    by_listener: dict[str, dict[date, int]] = {}
    for row in (*months, *around):
        by_listener.setdefault(row["listener"], {})[row["month"]] = row["plays"]
    of_run = {row["month"] for row in months}
    odd = [text for of_months in by_listener.values() for text in outliers(of_months, of_run)]
    return dg.AssetCheckResult(
        asset_key="plays",
        check_name="months_like_their_neighbours",
        passed=not odd,
        severity=WARN,
        description="; ".join(sorted(odd)[:MAX_NAMED]) or None,
        metadata={"months": len(odd)},
    )


def _implausible_listening(months: "Sequence[Row]") -> dg.AssetCheckResult:
    """Names the listener once for each kind: how many months it concerns, and the worst of these."""
    found = []
    for listener in sorted({row["listener"] for row in months}):
        own = [row for row in months if row["listener"] == listener]
        full = [row["most"] for row in own if _is_full(row)]
        if full:
            worst = max(full)
            until = datetime.fromtimestamp((worst["hour"] + 1) * HOUR_MICROS // 1_000_000, UTC)
            hours = f"{worst['within_a_day'] / HOUR_MICROS:,.1f} hours of plays in the {DAY_HOURS} hours"
            found.append(f"{listener}: {hours} until {until:%Y-%m-%d %H:%M} UTC{_and_others(len(full))}")
        flagged = [(row["implausible"], row["month"]) for row in own if row["implausible"]]
        if flagged:
            plays, month = max(flagged)
            found.append(f"{listener}: {plays:,} is_implausible plays in {month:%Y-%m}{_and_others(len(flagged))}")
    return dg.AssetCheckResult(
        asset_key="plays",
        check_name="implausible_listening",
        passed=not found,
        severity=WARN,
        description="; ".join(found[:MAX_NAMED]) or None,
        metadata={"is_implausible": sum(row["implausible"] for row in months), "found": len(found)},
    )


def _and_others(months: int) -> str:
    others = months - 1
    return f", and the like in {others:,} more month{'s' * (others != 1)}" if others else ""


def _plays_reported_late(late: "Sequence[Row]", months: "Sequence[Row]") -> dg.AssetCheckResult:
    plays: Counter[str] = Counter()
    for row in months:
        plays[row["listener"]] += row["plays"]
    lines = []
    for row in sorted(late, key=lambda row: row["listener"]):
        median, longest = (f"{row[name] / HOUR_MICROS:,.1f} hours" for name in ("median", "longest"))
        share = f"{row['late']:,} of {plays[row['listener']]:,} plays"
        lines.append(f"{row['listener']}: {share}, by {median} in the median and {longest} at most")
    return dg.AssetCheckResult(
        asset_key="plays",
        check_name="plays_reported_late",
        passed=all(row["late"] <= max(MAX_LATE_SHARE * plays[row["listener"]], MIN_SHARE_RECORDS) for row in late),
        severity=WARN,
        description="; ".join(lines[:MAX_NAMED]) or None,
        metadata={"reported_late": sum(row["late"] for row in late), "plays": plays.total()},
    )


def _rejected_share(reasons: dict[str, int], kept: int, threshold: float) -> dg.AssetCheckResult:
    total = kept + sum(reasons.values())
    if total < MIN_SHARE_RECORDS:
        threshold = 1.0
    shares = {reason: reasons.get(reason, 0) / total if total else 0.0 for reason in REJECTION_REASONS}
    # Superseded records are kept from a better source, and a person excluded what is excluded.
    expected = ("superseded", "excluded")
    high = {reason: share for reason, share in shares.items() if share > threshold and reason not in expected}
    return dg.AssetCheckResult(
        asset_key="rejected_plays",
        check_name="rejected_share",
        passed=not high,
        severity=WARN,
        description="; ".join(f"{reason} rejects {share:.0%} of records" for reason, share in high.items()) or None,
        metadata={"records": total} | {f"{reason}_share": round(share, 4) for reason, share in shares.items()},
    )


def outliers(plays: dict[date, int], judged: Collection[date] | None = None) -> list[str]:
    """Describe months whose plays differ much from the median of the months around them.

    Args:
        plays: Number of plays by first day of the month.
        judged: Months to judge; all if None. The others are only compared with.
    """
    months = sorted(plays)
    odd = []
    for index, month in enumerate(months):
        if judged is not None and month not in judged:
            continue
        around = months[max(0, index - NEIGHBOURS) : index] + months[index + 1 : index + 1 + NEIGHBOURS]
        if len(around) < NEIGHBOURS:
            continue
        usual = sorted(plays[other] for other in around)[len(around) // 2]
        is_edge = index in (0, len(months) - 1)
        too_many = plays[month] > OUTLIER_RATIO * usual and plays[month] - usual > OUTLIER_PLAYS
        too_few = plays[month] * OUTLIER_RATIO < usual and usual - plays[month] > OUTLIER_PLAYS and not is_edge
        if too_many or too_few:
            odd.append(f"{month:%Y-%m}: {plays[month]:,} plays, about {usual:,} in the months around it")
    return odd
