"""Polars: lazy frames, streamed from Parquet to Parquet."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import polars as pl

from benchmarks.engines import MAX_MS_PLAYED, MIN_MS_PLAYED, PLATFORM_FAMILIES, STREAM_MS

SEPARATOR = "\x1f"
UNKNOWN, NOT_APPLICABLE = "unknown", "not_applicable"
WORDS = {"true": True, "1": True, "false": False, "0": False}


def start() -> None:
    pl.LazyFrame({"ready": [True]}).collect(engine="streaming")


def run(_: None, history: Path, output: Path) -> Iterator[str]:
    def write(table: str, frame: pl.LazyFrame) -> pl.LazyFrame:
        path = output / table / f"{table}.parquet"
        frame.sink_parquet(path, compression="snappy", mkdir=True, engine="streaming")
        return pl.scan_parquet(path)

    raw_plays = pl.scan_parquet(history / "raw_plays" / "*.parquet")
    raw_files = pl.scan_parquet(history / "raw_files" / "*.parquet")
    plays = write("plays", kept_plays(raw_plays, raw_files))
    yield "plays"
    write("fct_plays", facts(plays))
    yield "fct_plays"
    tracks = plays.filter(pl.col("content_type") == "track")
    daily_track_plays = write(
        "daily_track_plays",
        tracks.group_by(
            "month",
            pl.col("month").cast(pl.Datetime("us", "UTC")).alias("window_at"),
            "listener",
            pl.col("local_date").alias("date"),
            "recording_key",
            name_hash("artist_name").alias("artist_key"),
            name_hash("artist_name", "album_name").alias("album_key"),
        ).agg(*measures(), *shuffles(), *seen()),
    )
    yield "daily_track_plays"
    write("daily_listening", daily_listening(plays, daily_track_plays))
    yield "daily_listening"
    for table, frame in dimensions(plays).items():
        write(table, frame)
        yield table
    recordings = canonical(tracks).collect(engine="streaming").lazy()
    write("dim_track", dim_track(tracks, recordings))
    yield "dim_track"
    write("track_metrics", track_metrics(tracks, recordings))
    yield "track_metrics"


def kept_plays(raw_plays: pl.LazyFrame, raw_files: pl.LazyFrame) -> pl.LazyFrame:
    files = raw_files.select("source_file", "first_reported_at", "last_reported_at")
    is_track = pl.col("content_type") == "track"
    typed = (
        raw_plays.join(files, on="source_file")
        .filter(pl.col("reported_at").is_between("first_reported_at", "last_reported_at"))
        .select(
            "listener",
            "played_at",
            "reported_at",
            "offline_at",
            pl.col("ms_played").cast(pl.Int64, strict=False),
            id_in("track_uri", "spotify:track:").alias("track_id"),
            id_in("episode_uri", "spotify:episode:").alias("episode_id"),
            id_in("chapter_uri", "spotify:episode:").alias("chapter_id"),
            present(pl.col("track_name")).alias("track_name"),
            present(pl.col("artist_name")).alias("artist_name"),
            present(pl.col("album_name")).alias("album_name"),
            present(pl.coalesce("chapter_title", "episode_name")).alias("episode_name"),
            present(pl.coalesce("audiobook_title", "show_name")).alias("show_name"),
            pl.coalesce("chapter_uri", "audiobook_title").is_not_null().alias("is_audiobook"),
            *[
                pl.col(name).str.strip_chars().str.to_lowercase().fill_null(UNKNOWN)
                for name in ("platform", "reason_start", "reason_end")
            ],
            *[
                pl.col(name).replace_strict(WORDS, default=None, return_dtype=pl.Boolean)
                for name in ("shuffle", "skipped", "offline")
            ],
            pl.col("incognito_mode").replace_strict(WORDS, default=None, return_dtype=pl.Boolean).alias("incognito"),
            "conn_country",
            "source_file",
            "source_row",
        )
        .filter(pl.col("ms_played").is_between(MIN_MS_PLAYED, MAX_MS_PLAYED))
        .with_columns(
            pl.when(pl.col("track_id").is_not_null() | pl.col("track_name").is_not_null())
            .then(pl.lit("track"))
            .when("is_audiobook")
            .then(pl.lit("audiobook"))
            .when(pl.col("episode_id").is_not_null() | pl.col("episode_name").is_not_null())
            .then(pl.lit("episode"))
            .alias("content_type")
        )
        .filter(pl.col("content_type").is_not_null())
        .with_columns(
            pl.when(is_track)
            .then("track_id")
            .when("is_audiobook")
            .then("chapter_id")
            .otherwise("episode_id")
            .alias("content_id")
        )
        .with_columns(
            pl.when(pl.col("content_id").is_not_null())
            .then("content_id")
            .otherwise(
                pl.format(
                    "name:{}",
                    pl.concat_str(
                        pl.coalesce("artist_name", "show_name"),
                        pl.coalesce("track_name", "episode_name"),
                        separator=SEPARATOR,
                        ignore_nulls=True,
                    )
                    .str.to_lowercase()
                    .hash(),
                )
            )
            .alias("content_key")
        )
        .unique(["listener", "reported_at", "content_key", "ms_played"], keep="first")
        .unique(["listener", "played_at", "content_key", "ms_played"], keep="first")
    )
    # Few plays have a time at which they began.
    began = typed.filter(pl.col("offline_at").is_not_null())
    typed = pl.concat(
        [
            typed.filter(pl.col("offline_at").is_null()),
            began.unique(["listener", "offline_at", "content_key", "ms_played"], keep="first"),
        ]
    )
    both_names = pl.col("artist_name").is_not_null() & pl.col("track_name").is_not_null()
    return typed.select(
        pl.concat_str("listener", pl.col("played_at").dt.epoch("us"), "content_key", "ms_played", separator=SEPARATOR)
        .map_batches(sha256_of_each, return_dtype=pl.String, is_elementwise=True)
        .alias("play_id"),
        "listener",
        "played_at",
        "reported_at",
        (pl.col("played_at") < pl.col("reported_at")).alias("played_at_is_corrected"),
        (pl.col("played_at") - pl.duration(milliseconds="ms_played")).alias("started_at"),
        pl.col("played_at").dt.date().alias("local_date"),
        pl.col("played_at").dt.hour().cast(pl.Int32).alias("local_hour"),
        "content_type",
        "content_key",
        pl.when(pl.col("content_id").is_not_null())
        .then(
            pl.when(is_track).then(pl.lit("spotify:track:")).otherwise(pl.lit("spotify:episode:"))
            + pl.col("content_id")
        )
        .alias("content_uri"),
        pl.when(is_track).then("content_key").alias("track_key"),
        pl.when(is_track)
        .then(pl.when(both_names).then(name_hash("artist_name", "track_name")).otherwise(pl.col("content_key").hash()))
        .alias("recording_key"),
        *[pl.when(is_track).then(name).alias(name) for name in ("track_name", "artist_name", "album_name")],
        *[pl.when(~is_track).then(name).alias(name) for name in ("episode_name", "show_name")],
        "ms_played",
        pl.lit(False).alias("ms_played_is_estimated"),
        (pl.col("ms_played") >= STREAM_MS).alias("is_stream"),
        pl.lit(False).alias("is_implausible"),
        "platform",
        "reason_start",
        "reason_end",
        "shuffle",
        "skipped",
        "offline",
        "incognito",
        "conn_country",
        "source_file",
        "source_row",
        pl.col("played_at").dt.date().dt.truncate("1mo").alias("month"),
    )


def facts(plays: pl.LazyFrame) -> pl.LazyFrame:
    is_track = pl.col("content_type") == "track"
    return plays.select(
        "play_id",
        "played_at",
        pl.col("listener").hash().alias("listener_key"),
        date_key("local_date"),
        pl.col("local_hour").alias("time_key"),
        "content_type",
        pl.col("track_key").fill_null(NOT_APPLICABLE),
        "recording_key",
        pl.when(is_track).then(name_hash("artist_name")).alias("artist_key"),
        pl.when(is_track).then(name_hash("artist_name", "album_name")).alias("album_key"),
        pl.when(is_track).then(pl.lit(NOT_APPLICABLE)).otherwise("content_key").alias("episode_key"),
        pl.col("platform").hash().alias("platform_key"),
        pl.col("reason_start").alias("reason_start_key"),
        pl.col("reason_end").alias("reason_end_key"),
        "ms_played",
        "ms_played_is_estimated",
        "is_stream",
        "is_implausible",
        "skipped",
        "shuffle",
        "offline",
        "incognito",
        "month",
    )


def daily_listening(plays: pl.LazyFrame, daily_track_plays: pl.LazyFrame) -> pl.LazyFrame:
    is_track = pl.col("content_type") == "track"
    days = plays.group_by("listener", pl.col("local_date").alias("date")).agg(
        *measures(),
        is_track.sum().cast(pl.Int64).alias("music_plays"),
        pl.when(is_track).then("ms_played").sum().alias("music_ms_played"),
        (~is_track).sum().cast(pl.Int64).alias("spoken_plays"),
        pl.when(~is_track).then("ms_played").sum().alias("spoken_ms_played"),
    )
    different = daily_track_plays.group_by("listener", "date").agg(
        pl.col("recording_key").n_unique().cast(pl.Int64).alias("tracks"),
        pl.col("artist_key").drop_nulls().n_unique().cast(pl.Int64).alias("artists"),
    )
    return days.join(different, on=["listener", "date"], how="left").with_columns(
        pl.col("tracks", "artists").fill_null(0)
    )


def dimensions(plays: pl.LazyFrame) -> dict[str, pl.LazyFrame]:
    """All dimensions but `dim_track`."""
    family: pl.Expr = pl.lit("other")
    for name, words in reversed(PLATFORM_FAMILIES.items()):
        family = pl.when(pl.col("platform").str.contains(words)).then(pl.lit(name)).otherwise(family)
    named = plays.filter(pl.col("artist_name").is_not_null())
    return {
        "dim_listener": with_members(
            plays.group_by("listener")
            .agg(pl.col("local_date").min().alias("first_date"), pl.col("local_date").max().alias("last_date"))
            .with_columns(pl.col("listener").hash().alias("listener_key"), pl.lit("UTC").alias("timezone"))
        ),
        "dim_date": with_members(dim_date(plays)),
        "dim_platform": with_members(
            plays.select("platform")
            .unique()
            .with_columns(pl.col("platform").hash().alias("platform_key"), family.alias("platform_family"))
        ),
        "dim_artist": with_members(
            named.group_by(name_hash("artist_name").alias("artist_key")).agg(latest("artist_name"), *seen())
        ),
        "dim_album": with_members(
            named.filter(pl.col("album_name").is_not_null())
            .group_by(name_hash("artist_name", "album_name").alias("album_key"))
            .agg(latest("album_name"), latest("artist_name"), *seen())
            .with_columns(name_hash("artist_name").alias("artist_key"))
        ),
        "dim_episode": with_members(
            plays.filter(pl.col("content_type") != "track")
            .group_by(pl.col("content_key").alias("episode_key"))
            .agg(
                pl.col("content_uri").max().alias("episode_uri"),
                pl.col("content_type").max(),
                latest("episode_name").fill_null(UNKNOWN),
                latest("show_name").fill_null(UNKNOWN),
                *seen(),
            )
        ),
    }


def dim_date(plays: pl.LazyFrame) -> pl.LazyFrame:
    first, last = plays.select(
        pl.col("local_date").min().alias("first"), pl.col("local_date").max().alias("last")
    ).collect(engine="streaming").row(0)  # fmt: skip
    date = pl.col("date")
    days = pl.date_range(first.replace(month=1, day=1), last.replace(month=12, day=31), eager=True).alias("date")
    return pl.LazyFrame([days]).select(
        date_key("date"),
        "date",
        date.dt.year().alias("year"),
        date.dt.quarter().alias("quarter"),
        date.dt.month().alias("month_of_year"),
        date.dt.strftime("%B").alias("month_name"),
        date.dt.truncate("1mo").alias("month_start"),
        date.dt.iso_year().alias("iso_year"),
        date.dt.week().alias("iso_week"),
        date.dt.day().alias("day_of_month"),
        date.dt.ordinal_day().alias("day_of_year"),
        date.dt.weekday().alias("day_of_week"),
        date.dt.strftime("%A").alias("day_name"),
        (date.dt.weekday() >= 6).alias("is_weekend"),
    )


def canonical(tracks: pl.LazyFrame) -> pl.LazyFrame:
    """One row per recording: its most played track id, and its latest names."""
    ids = tracks.group_by("recording_key", "track_key").agg(
        pl.len().alias("plays"), latest("track_name"), latest("artist_name"), *seen()
    )
    order = [pl.col("track_key").str.starts_with("name:"), -pl.col("plays").cast(pl.Int64), pl.col("track_key")]
    return ids.group_by("recording_key").agg(
        pl.col("track_key").sort_by(order).first().alias("canonical_track_key"),
        pl.col("track_name", "artist_name").max_by("last_played_at").fill_null(UNKNOWN),
    )


def dim_track(tracks: pl.LazyFrame, recordings: pl.LazyFrame) -> pl.LazyFrame:
    by_id = tracks.group_by("track_key").agg(
        pl.col("content_uri").max().alias("track_uri"),
        latest("track_name").fill_null(UNKNOWN),
        latest("artist_name").fill_null(UNKNOWN),
        latest("album_name"),
        latest("recording_key"),
        *seen(),
    )
    return with_members(
        by_id.with_columns(
            name_hash("artist_name").alias("artist_key"), name_hash("artist_name", "album_name").alias("album_key")
        ).join(recordings.select("recording_key", "canonical_track_key"), on="recording_key")
    )


def track_metrics(tracks: pl.LazyFrame, recordings: pl.LazyFrame) -> pl.LazyFrame:
    totals = tracks.group_by("listener", "recording_key").agg(*measures(), *shuffles(), *seen())
    return totals.join(recordings, on="recording_key").select(
        "listener",
        "recording_key",
        pl.col("canonical_track_key").alias("track_key"),
        "track_name",
        "artist_name",
        pl.col("plays").alias("total_plays"),
        pl.col("streams").alias("total_streams"),
        pl.col("ms_played").alias("total_ms_played"),
        (pl.col("ms_played") / pl.col("plays")).alias("avg_ms_played"),
        pl.when(pl.col("skips_known") > 0).then(pl.col("skips") / pl.col("skips_known")).alias("skip_rate"),
        pl.when(pl.col("shuffles_known") > 0)
        .then(pl.col("shuffles") / pl.col("shuffles_known"))
        .alias("shuffle_rate"),
        "first_played_at",
        "last_played_at",
        pl.col("ms_played").rank("ordinal", descending=True).over("listener").alias("rank"),
    )


def with_members(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add the members for unknown and not applicable; only their text columns matter."""
    schema = rows.collect_schema()
    members = pl.LazyFrame(
        {name: [UNKNOWN, NOT_APPLICABLE] if type_ == pl.String else [None, None] for name, type_ in schema.items()},
        schema=schema,
    )
    return pl.concat([rows, members])


def sha256_of_each(texts: pl.Series) -> pl.Series:
    """SHA-256 by hashlib, as Polars has none."""
    return pl.Series(texts.name, [sha256(text.encode()).hexdigest()[:32] for text in texts], pl.String)


def id_in(uri: str, prefix: str) -> pl.Expr:
    return pl.when(pl.col(uri).str.starts_with(prefix)).then(pl.col(uri).str.slice(len(prefix)))


def present(text: pl.Expr) -> pl.Expr:
    stripped = text.str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def name_hash(*names: str) -> pl.Expr:
    """Hash of the names in lower case; null if one is null."""
    lowered = [pl.col(name).str.to_lowercase() for name in names]
    joined = lowered[0] if len(lowered) == 1 else pl.concat_str(*lowered, separator=SEPARATOR)
    return pl.when(joined.is_not_null()).then(joined.hash())


def date_key(date: str) -> pl.Expr:
    day = pl.col(date)
    return (day.dt.year() * 10_000 + day.dt.month().cast(pl.Int32) * 100 + day.dt.day()).alias("date_key")


def latest(name: str) -> pl.Expr:
    return pl.col(name).max_by("played_at")


def measures() -> list[pl.Expr]:
    return [
        pl.len().cast(pl.Int64).alias("plays"),
        pl.col("is_stream").sum().cast(pl.Int64).alias("streams"),
        pl.col("ms_played").sum(),
        pl.col("skipped").sum().cast(pl.Int64).alias("skips"),
        pl.col("skipped").count().cast(pl.Int64).alias("skips_known"),
    ]


def shuffles() -> list[pl.Expr]:
    return [
        pl.col("shuffle").sum().cast(pl.Int64).alias("shuffles"),
        pl.col("shuffle").count().cast(pl.Int64).alias("shuffles_known"),
    ]


def seen() -> list[pl.Expr]:
    return [
        pl.col("played_at").min().alias("first_played_at"),
        pl.col("played_at").max().alias("last_played_at"),
    ]
