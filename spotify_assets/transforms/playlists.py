"""Playlists: their items day by day, the versions of each, and what entered, left and moved."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.model.columns import UNKNOWN
from spotify_assets.transforms.dimensions import with_members
from spotify_assets.transforms.judge import small_first
from spotify_assets.transforms.keys import SEPARATOR, content_key, hashed, present, recording_key
from spotify_assets.transforms.metrics import latest

# What makes a version of a playlist.
VERSIONED = ("playlist_name", "description", "owner", "is_public", "is_collaborative")
NULL_MARK = "\x1e"
NAMED = ("content_type", "track_key", "name", "artist_name")
# More days than any calendar has, so that a place and a day fit one number.
MANY_DAYS = 10_000_000


def playlist_tracks(raw_playlists: DataFrame) -> DataFrame:
    """One row per playlist item of a day's snapshot; local files, removed tracks and episodes are told apart.

    Args:
        raw_playlists: Items as captured.
    """
    content_type = (
        F.when(F.col("is_removed"), "removed")
        .when(F.col("is_local"), "local")
        .when(F.col("item_type") == "episode", "episode")
        .otherwise("track")
    )
    is_track, is_episode = F.col("content_type").isin("track", "local"), F.col("content_type") == "episode"
    name = present(F.col("track_name"))
    artist = present(F.coalesce("album_artist_name", F.get("artist_names", F.lit(0))))
    show = present(F.col("show_name"))
    return (
        raw_playlists.withColumns({"content_type": content_type, "name": name, "artist_name": artist})
        .withColumns(
            {
                "track_key": F.when(is_track, content_key(F.col("item_id"), F.col("artist_name"), F.col("name"))),
                "episode_key": F.when(is_episode, content_key(F.col("item_id"), show, F.col("name"))),
                "artist_name": F.when(is_track, F.col("artist_name")),
                "track_name": F.when(is_track, F.col("name")),
                "episode_name": F.when(is_episode, F.col("name")),
                "show_name": F.when(is_episode, show),
            }
        )
        .withColumns(
            {
                "content_key": F.coalesce("track_key", "episode_key"),
                "recording_key": F.when(
                    is_track, recording_key(F.col("artist_name"), F.col("track_name"), F.col("track_key"))
                ),
            }
        )
        .select(*TABLES["playlist_tracks"].columns)
    )


def dim_playlist(raw_playlist_files: DataFrame) -> DataFrame:
    """One row per playlist and version of its name, description, owner and visibility (type 2).

    A capture of nothing but items tells of no change.

    Args:
        raw_playlist_files: All of it.
    """
    captures = raw_playlist_files.where("status = 'read'")
    by_day = Window.partitionBy("playlist_id").orderBy("snapshot_date")
    as_text = [F.coalesce(F.col(name).cast("string"), F.lit(NULL_MARK)) for name in VERSIONED]
    versions = (
        captures.where("playlist_name IS NOT NULL")
        .withColumn("attributes", F.concat_ws(SEPARATOR, *as_text))
        .withColumn("before", F.lag("attributes").over(by_day))
        .withColumn("is_new", F.when(F.col("attributes") == F.col("before"), 0).otherwise(1))
        .withColumns({"version": F.sum("is_new").over(by_day), "seen_at": F.col("snapshot_date").cast("timestamp")})
        .groupBy("playlist_id", "version", *VERSIONED)
        .agg(F.min("snapshot_date").alias("told_on"), latest("image_url", "seen_at").alias("image_url"))
    )
    by_version = Window.partitionBy("playlist_id").orderBy("version")
    first_seen = captures.groupBy("playlist_id").agg(F.min("snapshot_date").alias("first_seen_on"))
    valid_from = F.when(F.coalesce("version", F.lit(1)) == 1, F.col("first_seen_on")).otherwise(F.col("told_on"))
    playlists = (
        first_seen.join(versions.withColumn("valid_to", F.lead("told_on").over(by_version)), "playlist_id", "left")
        .withColumns(
            {
                "playlist_key": hashed(F.col("playlist_id")),
                "valid_from": valid_from,
                "is_current": F.col("valid_to").isNull(),
            }
        )
        .fillna(UNKNOWN, ["playlist_name"])
    )
    return with_members("dim_playlist", playlists)


def playlist_changes(playlist_tracks: DataFrame, raw_playlist_files: DataFrame) -> DataFrame:
    """One row per playlist, snapshot and track or episode that entered, left or moved since the snapshot before.

    What stands on a playlist several times counts by its first place. Removed items can't be told apart, and are
    left out.

    Args:
        playlist_tracks: All of it.
        raw_playlist_files: All of it: a snapshot may be empty.
    """
    snapshots = _snapshots(raw_playlist_files)
    items = _by_snapshot(playlist_tracks, snapshots)
    nowhere = F.lit(None).cast("int")
    now = items.withColumns({"now": F.col("position"), "before": nowhere})
    then = items.withColumns({"now": nowhere, "before": F.col("position"), "number": F.col("number") + 1})
    # One aggregate rather than a full join of the table with itself.
    both = (
        now.unionByName(then)
        .groupBy("playlist_id", "content_key", "number")
        .agg(
            F.max("now").alias("position"),
            F.max("before").alias("previous_position"),
            *[
                F.coalesce(F.max(F.when(F.col("now").isNotNull(), F.col(name))), F.max(name)).alias(name)
                for name in NAMED
            ],
        )
    )
    position, previous = F.col("position"), F.col("previous_position")
    is_change = position.isNull() | previous.isNull() | (position != previous)
    changed = small_first(
        snapshots.where("previous_snapshot_date IS NOT NULL"),
        both.where(is_change),
        ["playlist_id", "number"],
        "inner",
    )
    return changed.withColumns(
        {
            "playlist_key": hashed(F.col("playlist_id")),
            "change": F.when(previous.isNull(), "entered").when(position.isNull(), "left").otherwise("moved"),
            "places_up": previous - position,
            "days": F.datediff("snapshot_date", "previous_snapshot_date").cast("int"),
        }
    ).select(*TABLES["playlist_changes"].columns)


def playlist_track_tenure(playlist_tracks: DataFrame, raw_playlist_files: DataFrame) -> DataFrame:
    """One row per playlist and track or episode that was ever on it.

    Args:
        playlist_tracks: All of it.
        raw_playlist_files: All of it: the latest snapshot may be empty.
    """
    snapshots = _snapshots(raw_playlist_files)
    in_order = Window.partitionBy("playlist_id", "content_key").orderBy("number")
    items = _by_snapshot(playlist_tracks, snapshots).withColumns(
        {
            "seen_at": F.col("snapshot_date").cast("timestamp"),
            "is_entry": F.when(F.lag("number").over(in_order) == F.col("number") - 1, 0).otherwise(1),
            "place_and_day": F.col("position").cast("bigint") * MANY_DAYS + F.unix_date("snapshot_date"),
        }
    )
    tenures = items.groupBy("playlist_id", "content_key").agg(
        F.min("snapshot_date").alias("first_seen_on"),
        F.max("snapshot_date").alias("last_seen_on"),
        F.count(F.lit(1)).cast("int").alias("days_on_list"),
        F.sum("is_entry").cast("int").alias("entries"),
        F.min("position").alias("peak_position"),
        F.date_from_unix_date((F.min("place_and_day") % MANY_DAYS).cast("int")).alias("peak_on"),
        F.max(F.when(F.col("is_latest"), F.col("position"))).alias("current_position"),
        *[latest(name, "seen_at").alias(name) for name in NAMED],
    )
    return tenures.withColumns(
        {"playlist_key": hashed(F.col("playlist_id")), "is_current": F.col("current_position").isNotNull()}
    ).select(*TABLES["playlist_track_tenure"].columns)


def _snapshots(raw_playlist_files: DataFrame) -> DataFrame:
    """One row per playlist and snapshot, numbered from 1, with the day of the one before; and which is the latest."""
    by_day = Window.partitionBy("playlist_id").orderBy("snapshot_date")
    return (
        raw_playlist_files.where("status = 'read'")
        .select("playlist_id", "snapshot_date")
        .withColumns(
            {
                "number": F.row_number().over(by_day),
                "previous_snapshot_date": F.lag("snapshot_date").over(by_day),
                "is_latest": F.lead("snapshot_date").over(by_day).isNull(),
            }
        )
    )


def _by_snapshot(playlist_tracks: DataFrame, snapshots: DataFrame) -> DataFrame:
    """One row per playlist, snapshot and content with its first place and names."""
    items = (
        playlist_tracks.where("content_key IS NOT NULL")
        .withColumns(
            {
                "name": F.coalesce("track_name", "episode_name", F.lit(UNKNOWN)),
                "artist_name": F.coalesce("artist_name", "show_name", F.lit(UNKNOWN)),
            }
        )
        .groupBy("playlist_id", "snapshot_date", "content_key")
        .agg(F.min("position").alias("position"), *[F.min(name).alias(name) for name in NAMED])
    )
    return small_first(snapshots.drop("previous_snapshot_date"), items, ["playlist_id", "snapshot_date"], "inner")
