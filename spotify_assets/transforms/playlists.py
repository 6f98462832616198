"""Playlists: items by snapshot, versions of a playlist's attributes (type 2), changes and tenure of tracks."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.model.columns import UNKNOWN
from spotify_assets.transforms.aggregates import MAX_NAME_LENGTH, latest, moved_by
from spotify_assets.transforms.dimensions import add_default_members
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import SEPARATOR, content_key, hash64, recording_key, trim_to_null

# A change in one of these starts a new version of a playlist.
VERSIONED_ATTRIBUTES = ("playlist_name", "description", "owner", "is_public", "is_collaborative")
NULL_MARK = "\x1e"
ITEM_ATTRIBUTES = ("content_type", "name", "artist_name")
# Packed before a name: which snapshot an item is from. What is smaller goes first.
NOW, BEFORE = "0", "1"
# Packs a position and a day into one number, position * DAYS_LIMIT + day: days since 1970 are fewer.
DAYS_LIMIT = 10_000_000


def playlist_tracks(raw_playlists: DataFrame) -> DataFrame:
    """One row per playlist, snapshot and position. `content_type` is track, local, episode or removed.

    Args:
        raw_playlists: Items as captured; any rows of the table.
    """
    content_type = (
        F.when(F.col("is_removed"), "removed")
        .when(F.col("is_local"), "local")
        .when(F.col("item_type") == "episode", "episode")
        .otherwise("track")
    )
    is_track, is_episode = F.col("content_type").isin("track", "local"), F.col("content_type") == "episode"
    name = trim_to_null(F.col("track_name"))
    artist = trim_to_null(F.coalesce("album_artist_name", F.get("artist_names", F.lit(0))))
    show = trim_to_null(F.col("show_name"))
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

    Captures that hold items only, without the playlist's attributes, start no version.

    Args:
        raw_playlist_files: Whole table.
    """
    captures = raw_playlist_files.where("status = 'read'")
    by_day = Window.partitionBy("playlist_id").orderBy("snapshot_date")
    as_text = [F.coalesce(F.col(name).cast("string"), F.lit(NULL_MARK)) for name in VERSIONED_ATTRIBUTES]
    versions = (
        captures.where("playlist_name IS NOT NULL")
        .withColumn("attributes", F.concat_ws(SEPARATOR, *as_text))
        .withColumn("before", F.lag("attributes").over(by_day))
        .withColumn("is_new", F.when(F.col("attributes") == F.col("before"), 0).otherwise(1))
        .withColumns({"version": F.sum("is_new").over(by_day), "seen_at": F.col("snapshot_date").cast("timestamp")})
        .groupBy("playlist_id", "version", *VERSIONED_ATTRIBUTES)
        .agg(F.min("snapshot_date").alias("version_seen_on"), latest("image_url", "seen_at").alias("image_url"))
    )
    by_version = Window.partitionBy("playlist_id").orderBy("version")
    first_seen = captures.groupBy("playlist_id").agg(
        F.min("snapshot_date").alias("first_seen_on"), F.max("kind").alias("kind"), F.max("listener").alias("listener")
    )
    valid_from = F.when(F.coalesce("version", F.lit(1)) == 1, F.col("first_seen_on")).otherwise(
        F.col("version_seen_on")
    )
    playlists = (
        first_seen.join(
            versions.withColumn("valid_to", F.lead("version_seen_on").over(by_version)), "playlist_id", "left"
        )
        .withColumns(
            {
                "playlist_key": hash64(F.col("playlist_id")),
                "valid_from": valid_from,
                "is_current": F.col("valid_to").isNull(),
            }
        )
        .fillna(UNKNOWN, ["playlist_name"])
    )
    return add_default_members("dim_playlist", playlists)


def playlist_changes(playlist_tracks: DataFrame, raw_playlist_files: DataFrame) -> DataFrame:
    """One row per playlist, snapshot and track or episode that entered, left or moved since the previous snapshot.

    Content that is on a playlist several times counts once, at its first position. Removed items have no content
    key and are left out.

    Args:
        playlist_tracks: Whole table.
        raw_playlist_files: Whole table: it also lists snapshots without items.
    """
    snapshots = _snapshots(raw_playlist_files)
    items = _numbered_items(playlist_tracks, snapshots)
    nowhere = F.lit(None).cast("int")
    now = items.withColumns({"now": F.col("position"), "before": nowhere, "snapshot": F.lit(NOW)})
    then = items.withColumns(
        {"now": nowhere, "before": F.col("position"), "snapshot": F.lit(BEFORE), "number": F.col("number") + 1}
    )
    # An aggregate of the union is cheaper than a full self-join.
    both = (
        moved_by(now.unionByName(then), "content_key")
        .groupBy("playlist_key", "content_key", "number")
        .agg(
            F.min("now").alias("position"),
            F.min("before").alias("previous_position"),
            F.max("is_track").alias("is_track"),
            *[_now_or_before(name).alias(name) for name in ITEM_ATTRIBUTES],
        )
    )
    position, previous = F.col("position"), F.col("previous_position")
    is_change = position.isNull() | previous.isNull() | (position != previous)
    changed = broadcast_join(
        snapshots.where("previous_snapshot_date IS NOT NULL"),
        both.where(is_change),
        ["playlist_key", "number"],
        "inner",
    )
    return changed.withColumns(
        {
            "track_key": _track_key(),
            "change": F.when(previous.isNull(), "entered").when(position.isNull(), "left").otherwise("moved"),
            "places_up": previous - position,
            "days": F.datediff("snapshot_date", "previous_snapshot_date").cast("int"),
        }
    ).select(*TABLES["playlist_changes"].columns)


def playlist_track_tenure(playlist_tracks: DataFrame, raw_playlist_files: DataFrame) -> DataFrame:
    """One row per playlist and track or episode that was ever on it.

    Args:
        playlist_tracks: Whole table.
        raw_playlist_files: Whole table: the latest snapshot may have no items.
    """
    number, before = F.col("number"), F.col("before")
    in_order = Window.partitionBy("playlist_key", "content_key").orderBy("number")
    items = (
        moved_by(_numbered_items(playlist_tracks, _snapshots(raw_playlist_files)), "content_key")
        .withColumn("before", F.lag("number").over(in_order))
        .withColumns(
            {
                "seen_at": F.col("snapshot_date").cast("timestamp"),
                "is_first": F.when(before == number, 0).otherwise(1),
                "is_entry": F.when(before >= number - 1, 0).otherwise(1),
                "position_and_day": F.col("position").cast("bigint") * DAYS_LIMIT + F.unix_date("snapshot_date"),
            }
        )
    )
    tenures = items.groupBy("playlist_key", "content_key").agg(
        F.min("snapshot_date").alias("first_seen_on"),
        F.max("snapshot_date").alias("last_seen_on"),
        F.sum("is_first").cast("int").alias("days_on_list"),
        F.sum("is_entry").cast("int").alias("entries"),
        F.min("position").alias("peak_position"),
        F.date_from_unix_date((F.min("position_and_day") % DAYS_LIMIT).cast("int")).alias("peak_on"),
        F.min(F.when(F.col("is_latest"), F.col("position"))).alias("current_position"),
        F.min("added_at").alias("added_at"),
        F.max("is_track").alias("is_track"),
        *[latest(name, "seen_at").alias(name) for name in ITEM_ATTRIBUTES],
    )
    return tenures.withColumns(
        {"track_key": _track_key(), "is_current": F.col("current_position").isNotNull()}
    ).select(*TABLES["playlist_track_tenure"].columns)


def _snapshots(raw_playlist_files: DataFrame) -> DataFrame:
    """One row per playlist and snapshot: `playlist_key`, `number` from 1, `previous_snapshot_date`, `is_latest`."""
    by_day = Window.partitionBy("playlist_id").orderBy("snapshot_date")
    return (
        raw_playlist_files.where("status = 'read'")
        .select("playlist_id", "snapshot_date")
        .withColumns(
            {
                "playlist_key": hash64(F.col("playlist_id")),
                "number": F.row_number().over(by_day),
                "previous_snapshot_date": F.lag("snapshot_date").over(by_day),
                "is_latest": F.lead("snapshot_date").over(by_day).isNull(),
            }
        )
    )


def _numbered_items(playlist_tracks: DataFrame, snapshots: DataFrame) -> DataFrame:
    """Items with a content key, with the `number` of their snapshot; content may be in a snapshot several times."""
    items = playlist_tracks.where("content_key IS NOT NULL").select(
        "playlist_id",
        "snapshot_date",
        "content_key",
        "content_type",
        F.coalesce("track_name", "episode_name", F.lit(UNKNOWN)).alias("name"),
        F.coalesce("artist_name", "show_name", F.lit(UNKNOWN)).alias("artist_name"),
        F.col("track_key").isNotNull().cast("int").alias("is_track"),
        "position",
        "added_at",
    )
    numbered = broadcast_join(
        snapshots.drop("previous_snapshot_date"), items, ["playlist_id", "snapshot_date"], "inner"
    )
    return numbered.drop("playlist_id")


def _now_or_before(name: str) -> Column:
    """Aggregate: the smallest text of the snapshot; where it has none, of the one before."""
    return F.substring(F.min(F.concat_ws("", "snapshot", name)), 1 + len(NOW), MAX_NAME_LENGTH)


def _track_key() -> Column:
    """The content key is that of the track, for tracks."""
    return F.when(F.col("is_track") > 0, F.col("content_key"))
