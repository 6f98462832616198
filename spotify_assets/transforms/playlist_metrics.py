"""What playlists hold, how they change, and what the listener makes of them.

They are read from `playlist_track_tenure`, a row per playlist and content, and not from all snapshots.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model.columns import UNKNOWN_NUMBER
from spotify_assets.model.playlist_metrics import DEAD_WEIGHT_DAYS, FAVOURITE_RANKS, IMPACT_DAYS, POSITION_BUCKETS
from spotify_assets.settings import Settings
from spotify_assets.transforms.aggregates import share_of
from spotify_assets.transforms.asking import ask, has_rows
from spotify_assets.transforms.dimensions import literal_rows
from spotify_assets.transforms.identity import merge_keys
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import hash64

HOUR_MS = 60 * 60 * 1000
RATE_DAYS = 30
# Packs a day and a number of items into one number: playlists have at most 11,000.
ITEMS_LIMIT = 1_000_000_000
# Logarithm of a share that is 0 for any purpose.
GONE = -1_000.0
HALF = 0.5


def playlist_overlap(playlist_track_tenure: DataFrame, dim_playlist: DataFrame, dim_track: DataFrame) -> DataFrame:
    """One row per two playlists that share a track (canonical recording) or episode in their latest snapshots.

    Args:
        playlist_track_tenure: Whole table.
        dim_playlist: Whole table: names.
        dim_track: Whole table: canonical recordings.
    """
    if not has_rows(playlist_track_tenure):
        return literal_rows(playlist_track_tenure.sparkSession, "playlist_overlap", [])
    current = playlist_track_tenure.where("is_current").select("playlist_key", "content_key", "track_key")
    contents = (
        broadcast_join(current, dim_track.select("track_key", "canonical_track_key"), "track_key", "left")
        .select("playlist_key", F.coalesce("canonical_track_key", "content_key").alias("content"))
        .distinct()
    )
    contents = broadcast_join(_current_names(dim_playlist), contents, "playlist_key", "inner").withColumn(
        "contents", F.count(F.lit(1)).over(Window.partitionBy("playlist_key"))
    )
    a, b = (
        contents.select(
            "content",
            F.col("playlist_key").alias(f"playlist_{side}"),
            F.col("playlist_name").alias(f"name_{side}"),
            F.col("contents").alias(f"contents_{side}"),
        )
        for side in "ab"
    )
    pairs = [f"{what}_{side}" for what in ("playlist", "name", "contents") for side in "ab"]
    shared = (
        a.join(b, "content").where("playlist_a < playlist_b").groupBy(*pairs).agg(F.count(F.lit(1)).alias("shared"))
    )
    return shared.withColumn(
        "contents_either", F.col("contents_a") + F.col("contents_b") - F.col("shared")
    ).withColumn("jaccard", F.round(F.col("shared") / F.col("contents_either"), 6))


def playlist_metrics(
    playlist_track_tenure: DataFrame,
    raw_playlist_files: DataFrame,
    dim_playlist: DataFrame,
    dim_track: DataFrame,
    dim_artist: DataFrame,
    dim_episode: DataFrame,
    track_metrics: DataFrame,
    *,
    settings: Settings,
) -> DataFrame:
    """One row per playlist with a snapshot.

    Args:
        playlist_track_tenure: Whole table.
        raw_playlist_files: Whole table: it also lists snapshots without items.
        dim_playlist: Whole table: names.
        dim_track: Whole table: canonical recordings, artists, lengths.
        dim_artist: Whole table: canonical artists.
        dim_episode: Whole table: lengths.
        track_metrics: Whole table: the listener's favourites.
        settings: `listener`, whose favourites they are; see `_who_is_meant`.
    """
    spark = playlist_track_tenure.sparkSession
    captures = raw_playlist_files.where("status = 'read'")
    if not has_rows(captures):
        return literal_rows(spark, "playlist_metrics", [])
    listener = _who_is_meant(track_metrics, "total_ms_played", settings)
    of_listener = track_metrics.where((F.col("listener") == listener) & (F.col("rank") <= FAVOURITE_RANKS))
    favourites = [row["track_key"] for row in ask(of_listener.select("track_key"))]
    snapshots = (
        captures.groupBy(hash64(F.col("playlist_id")).alias("playlist_key"))
        .agg(
            F.min("snapshot_date").alias("first_snapshot_on"),
            F.max("snapshot_date").alias("last_snapshot_on"),
            F.count(F.lit(1)).alias("snapshots"),
            (F.max(F.unix_date("snapshot_date").cast("bigint") * ITEMS_LIMIT + F.col("items")) % ITEMS_LIMIT).alias(
                "items"
            ),
        )
        .withColumn("observed_days", F.datediff("last_snapshot_on", "first_snapshot_on").cast("int"))
    )
    of_playlist = ["playlist_key", *(name for name in snapshots.columns if name != "playlist_key")]
    contents = broadcast_join(snapshots, playlist_track_tenure, "playlist_key", "left").select(
        *of_playlist, "content_key", "track_key", "is_current", "entries", "first_seen_on", "last_seen_on"
    )
    tracks = dim_track.select(
        "track_key", "canonical_track_key", "artist_key", F.col("duration_ms").alias("track_duration_ms")
    )
    episodes = dim_episode.select(F.col("episode_key").alias("content_key"), "duration_ms")
    contents = merge_keys(broadcast_join(contents, tracks, "track_key", "left"), dim_artist, "artist_key")
    contents = broadcast_join(contents, episodes, "content_key", "left").withColumns(
        {
            "days": F.datediff("last_seen_on", "first_seen_on") + 1,
            "length": F.coalesce("track_duration_ms", "duration_ms"),
            "is_listed": F.coalesce("is_current", F.lit(False)),
        }
    )
    # Kaplan and Meier: of those that were on the list for so long, what share stayed on; who left comes first.
    shortest_first = Window.partitionBy("playlist_key").orderBy("days", "is_listed", "content_key")
    at_risk = F.count("content_key").over(Window.partitionBy("playlist_key")) - F.row_number().over(shortest_first) + 1
    has_left = F.col("content_key").isNotNull() & ~F.col("is_listed")
    contents = contents.withColumns({"at_risk": at_risk, "has_left": has_left}).withColumn(
        "stayed",
        F.when(F.col("has_left"), F.when(F.col("at_risk") > 1, F.log(1 - 1 / F.col("at_risk"))).otherwise(GONE)),
    )
    survival = F.exp(
        F.coalesce(F.sum("stayed").over(shortest_first.rowsBetween(Window.unboundedPreceding, 0)), F.lit(0.0))
    )
    contents = contents.withColumn("is_half_gone", F.col("has_left") & (F.round(survival, 9) <= HALF))
    listed = F.col("is_listed")
    is_named = ~F.col("artist_key").isin(UNKNOWN_NUMBER)
    entered_later = F.coalesce(F.col("first_seen_on") > F.col("first_snapshot_on"), F.lit(False)).cast("int")
    playlists = contents.groupBy(*of_playlist).agg(
        F.countDistinct(F.when(listed, F.col("canonical_track_key"))).alias("tracks"),
        F.count_if(listed & F.col("track_key").isNull()).alias("episodes"),
        F.countDistinct(F.when(listed & is_named, F.col("artist_key"))).alias("artists"),
        F.count(F.when(listed, F.col("length"))).alias("length_known"),
        F.coalesce(F.sum(F.when(listed, F.col("length"))), F.lit(0)).alias("length"),
        F.count("content_key").alias("contents_ever"),
        F.coalesce(F.sum(F.col("entries") - 1 + entered_later), F.lit(0)).alias("entries"),
        F.coalesce(F.sum(F.col("entries") - listed.cast("int")), F.lit(0)).alias("exits"),
        F.median("days").alias("median_tenure_days"),
        F.min(F.when(F.col("is_half_gone"), F.col("days"))).cast("int").alias("half_life_days"),
        F.countDistinct(
            F.when(listed & F.col("canonical_track_key").isin(*favourites), F.col("canonical_track_key"))
            if favourites
            else F.lit(None).cast("string")
        ).alias("favourites_on_it"),
    )
    observed = F.nullif(F.col("observed_days"), F.lit(0))
    favourite = F.lit(len(favourites)).cast("bigint")
    return (
        broadcast_join(_current_names(dim_playlist), playlists, "playlist_key", "inner")
        .withColumns(
            {
                "hours": F.round(F.col("length") / HOUR_MS, 6),
                "entries_per_30_days": F.round(F.col("entries") / observed * RATE_DAYS, 6),
                "exits_per_30_days": F.round(F.col("exits") / observed * RATE_DAYS, 6),
                "favourites": favourite,
                "favourites_share": F.round(F.col("favourites_on_it") / F.nullif(favourite, F.lit(0)), 6),
            }
        )
        .drop("length")
    )


def playlist_impact(
    playlist_track_tenure: DataFrame,
    daily_track_plays: DataFrame,
    dim_listener: DataFrame,
    dim_recording: DataFrame,
    dim_track: DataFrame,
    *,
    settings: Settings,
) -> DataFrame:
    """One row per playlist and canonical recording that was ever on it, with the listener's plays.

    Args:
        playlist_track_tenure: Whole table.
        daily_track_plays: Whole table.
        dim_listener: Whole table: the listener's first and last day.
        dim_recording: Whole table: canonical recordings and names.
        dim_track: Whole table: the recording of each track.
        settings: `listener`, whose plays they are (see `_who_is_meant`), and their time zone.
    """
    spark = playlist_track_tenure.sparkSession
    if not has_rows(playlist_track_tenure):
        return literal_rows(spark, "playlist_impact", [])
    listener = _who_is_meant(daily_track_plays, "ms_played", settings)
    is_listener = F.col("listener") == listener
    days = ask(dim_listener.where(is_listener).select("first_date", "last_date").where("first_date IS NOT NULL"))
    if not days:
        return literal_rows(spark, "playlist_impact", [])
    [(first_date, last_date)] = [(F.lit(row["first_date"]), F.lit(row["last_date"])) for row in days]
    zone = settings.zone_of(listener)
    added_on = F.to_date(F.from_utc_timestamp("added_at", zone))
    first_seen = F.min("first_seen_on").over(Window.partitionBy("playlist_key"))
    listed = playlist_track_tenure.withColumns({"added_on": added_on, "first_seen": first_seen}).where(
        "track_key IS NOT NULL"
    )
    entered_on = F.when(F.col("first_seen_on") > F.col("first_seen"), F.col("first_seen_on"))
    listed = listed.select(
        "playlist_key",
        "track_key",
        "current_position",
        "last_seen_on",
        F.coalesce("added_on", "first_seen_on").alias("listed_since"),
        F.coalesce("added_on", entered_on).alias("added_on"),
    )
    recordings = dim_recording.select(
        "recording_key", "canonical_recording_key", "canonical_track_key", "track_name", "artist_name"
    )
    contents = broadcast_join(listed, dim_track.select("track_key", "recording_key"), "track_key", "inner")
    contents = (
        broadcast_join(contents, recordings, "recording_key", "inner")
        .groupBy(
            "playlist_key",
            F.col("canonical_recording_key").alias("recording_key"),
            F.col("canonical_track_key").alias("content_key"),
            "track_name",
            "artist_name",
        )
        .agg(
            F.min("current_position").alias("current_position"),
            F.max("last_seen_on").alias("last_seen_on"),
            F.min("listed_since").alias("listed_since"),
            F.min("added_on").alias("added_on"),
        )
        # Of two ids, one may be there for longer than is known.
        .withColumn("added_on", F.when(F.col("added_on") <= F.col("listed_since"), F.col("added_on")))
    )
    plays = merge_keys(
        daily_track_plays.where(is_listener).select("recording_key", "date", "plays", "skips", "skips_known"),
        dim_recording,
        "recording_key",
    )
    since = F.datediff("date", "added_on")
    is_since = F.col("date") > F.col("listed_since")

    def total(name: str, condition: Column) -> Column:
        return F.coalesce(F.sum(F.when(condition, F.col(name))), F.lit(0))

    heard = (
        broadcast_join(contents, plays, "recording_key", "left")
        .groupBy(*contents.columns)
        .agg(
            total("plays", since.between(-IMPACT_DAYS, -1)).alias("plays_before"),
            total("plays", since.between(1, IMPACT_DAYS)).alias("plays_after"),
            total("plays", is_since).alias("plays_since"),
            total("skips", is_since).alias("skips_since"),
            total("skips_known", is_since).alias("skips_known_since"),
            F.max("date").alias("last_date"),
        )
    )
    place = F.col("current_position") + 1
    bucket: Column = F.when(place.isNull(), F.lit(None).cast("string"))
    for last_place, name in POSITION_BUCKETS.items():
        bucket = bucket.when(place <= last_place, name) if last_place else bucket.otherwise(name)
    days_listed = F.datediff(F.least("last_seen_on", last_date), "listed_since")
    is_before_known = (F.datediff("added_on", first_date) >= IMPACT_DAYS) & (F.datediff("added_on", last_date) <= 1)
    is_after_known = (F.datediff(last_date, "added_on") >= IMPACT_DAYS) & (F.datediff(first_date, "added_on") <= 1)
    heard = heard.withColumns(
        {
            "is_current": F.col("current_position").isNotNull(),
            "position_bucket": bucket,
            "days_listed": F.greatest(days_listed, F.lit(0)).cast("int"),
            "plays_before": F.when(is_before_known, F.col("plays_before")),
            "plays_after": F.when(is_after_known, F.col("plays_after")),
            "skip_rate": share_of(F.col("skips_since"), "skips_known_since"),
            "days_since_last_play": F.datediff(last_date, "last_date").cast("int"),
        }
    )
    is_unplayed = F.col("is_current") & (F.col("days_listed") >= DEAD_WEIGHT_DAYS) & (F.col("plays_since") == 0)
    return heard.withColumns(
        {"uplift": F.col("plays_after") - F.col("plays_before"), "is_dead_weight": is_unplayed}
    ).drop("current_position", "last_seen_on", "last_date")


def _who_is_meant(heard: DataFrame, ms_played: str, settings: Settings) -> str:
    """The listener in `settings`, or where they have heard no music, whoever has heard most. Asked now."""
    sums = ask(heard.groupBy("listener").agg(F.sum(ms_played).alias("ms_played")))
    found = {row["listener"]: row["ms_played"] for row in sums}
    if settings.listener in found or not found:
        return settings.listener
    return min(found, key=lambda name: (-found[name], name))


def _current_names(dim_playlist: DataFrame) -> DataFrame:
    """`playlist_key` and the `playlist_name` of its current version."""
    return dim_playlist.where("is_current").select("playlist_key", "playlist_name")
