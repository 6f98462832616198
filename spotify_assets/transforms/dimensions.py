"""Dimensions, with the latest attributes by time (type 1), and default members for unknown and not applicable."""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spotify_assets.model import TABLES
from spotify_assets.model.columns import (
    MERGED_BY,
    NOT_APPLICABLE,
    NOT_APPLICABLE_NUMBER,
    NOT_MERGED,
    UNKNOWN,
    UNKNOWN_NUMBER,
)
from spotify_assets.model.dimensions import REASONS
from spotify_assets.settings import Settings
from spotify_assets.transforms.aggregates import (
    MAX_NAME_LENGTH,
    MAX_SORTABLE,
    SORTABLE_DIGITS,
    latest,
    latest_first_order,
)
from spotify_assets.transforms.asking import has_rows
from spotify_assets.transforms.calendar import date_key, iso_day_of_week
from spotify_assets.transforms.enrich import enrich_albums, enrich_artists, enrich_tracks
from spotify_assets.transforms.genres import genre_overrides
from spotify_assets.transforms.identity import (
    artist_and_title,
    canonical_keys,
    links_of,
    merge_links,
    prefer,
    seen_order,
)
from spotify_assets.transforms.joins import broadcast_join, union_by_name
from spotify_assets.transforms.keys import SEPARATOR, album_key, artist_key, hash64, is_spotify_id, normalize_name
from spotify_assets.transforms.saved import mark_saved

# Value of required date columns in default members.
DEFAULT_MEMBER_DATE = date(1970, 1, 1)
# Characters of an ISRC without hyphens (ISO 3901).
ISRC_LENGTH = 12
# The first match wins: the name of a web player also holds the operating system's.
PLATFORM_WORDS = {
    "web": ("webplayer", "web_player", "web player"),
    "speaker_or_tv": tuple("partner cast tv sonos speaker playstation xbox alexa echo google[^a-z]home".split()),
    "android": ("android",),
    "ios": ("ios", "iphone", "ipad"),
    "windows": ("windows",),
    "macos": ("os x", "osx", "macos", "mac os"),
    "linux": ("linux",),
    "unknown": ("unknown",),
}


def dim_listener(hourly_listening: DataFrame, *, settings: Settings) -> DataFrame:
    """One row per listener, with their time zone and first and last local date.

    Args:
        hourly_listening: Whole table.
        settings: `timezones` by listener; `timezone` for all others.
    """
    zone = F.lit(settings.timezone)
    for listener, name in settings.timezones.items():
        zone = F.when(F.col("listener") == listener, name).otherwise(zone)
    listeners = hourly_listening.groupBy("listener").agg(
        F.min("date").alias("first_date"), F.max("date").alias("last_date")
    )
    return add_default_members(
        "dim_listener", listeners.withColumns({"listener_key": hash64(F.col("listener")), "timezone": zone})
    )


def dim_date(hourly_listening: DataFrame, raw_playlist_files: DataFrame) -> DataFrame:
    """One row per calendar day of every year from the first to the last play or playlist capture.

    Args:
        hourly_listening: Whole table.
        raw_playlist_files: Whole table.
    """
    dates = hourly_listening.select("date").unionByName(
        raw_playlist_files.select(F.col("snapshot_date").alias("date"))
    )
    years = dates.agg(F.min("date").alias("first"), F.max("date").alias("last")).where("first IS NOT NULL")
    new_year, new_years_eve = (
        F.make_date(F.year("first"), F.lit(1), F.lit(1)),
        F.make_date(F.year("last"), F.lit(12), F.lit(31)),
    )
    days = years.select(F.explode(F.sequence(new_year, new_years_eve, F.expr("INTERVAL 1 DAY"))).alias("date"))
    date = F.col("date")
    iso_day = iso_day_of_week(date)
    # ISO 8601: a week belongs to the year of its Thursday.
    thursday = F.date_add(date, 4 - iso_day)
    return add_default_members(
        "dim_date",
        days.select(
            date_key(date).alias("date_key"),
            "date",
            F.year(date).alias("year"),
            F.quarter(date).alias("quarter"),
            F.month(date).alias("month_of_year"),
            F.date_format(date, "MMMM").alias("month_name"),
            F.trunc(date, "month").alias("month_start"),
            F.year(thursday).alias("iso_year"),
            F.weekofyear(date).alias("iso_week"),
            F.dayofmonth(date).alias("day_of_month"),
            F.dayofyear(date).alias("day_of_year"),
            iso_day.alias("day_of_week"),
            F.date_format(date, "EEEE").alias("day_name"),
            (iso_day >= 6).alias("is_weekend"),
        ),
    )


def dim_time(*, spark: SparkSession) -> DataFrame:
    """One row per hour of the day."""
    parts = ("night", "morning", "afternoon", "evening")
    rows = [(hour, hour, f"{hour:02d}:00", parts[hour // 6]) for hour in range(24)]
    return add_default_members("dim_time", literal_rows(spark, "dim_time", rows))


def dim_reason(*, spark: SparkSession) -> DataFrame:
    """One row per code of `reason_start` and `reason_end`."""
    rows = [(code, code, meaning) for code, meaning in REASONS.items()]
    return add_default_members("dim_reason", literal_rows(spark, "dim_reason", rows))


def dim_platform(hourly_listening: DataFrame) -> DataFrame:
    """One row per `platform` of the exports (device, operating system), with its family.

    Args:
        hourly_listening: Whole table.
    """
    platform = F.col("platform")
    family: Column = F.lit("other")
    for name, words in reversed(PLATFORM_WORDS.items()):
        family = F.when(platform.rlike("|".join(words)), name).otherwise(family)
    devices = hourly_listening.select("platform").distinct()
    return add_default_members(
        "dim_platform", devices.withColumns({"platform_key": hash64(platform), "platform_family": family})
    )


def dim_artist(
    monthly_content: DataFrame,
    track_catalogue: DataFrame,
    artist_metadata: DataFrame,
    catalog_artists: DataFrame,
    raw_genre_overrides: DataFrame,
    genre_families: DataFrame,
    raw_merges: DataFrame,
    raw_library: DataFrame,
) -> DataFrame:
    """One row per artist by normalized name, from plays, playlists and Web API responses.

    Args:
        monthly_content: Whole table.
        track_catalogue: Whole table.
        artist_metadata: Whole table.
        catalog_artists: Whole table: attributes that no response has.
        raw_genre_overrides: Whole table: genres that a person wrote.
        genre_families: Whole table.
        raw_merges: Whole table: names that a person says are one.
        raw_library: Whole table: what listeners saved.
    """
    from_plays = _latest_played_names(monthly_content, "artist_key", "artist_name")
    on_albums = track_catalogue.select(
        F.coalesce("album_artist_name", "artist_name").alias("artist_name"),
        F.col("album_artist_id").alias("artist_id"),
        "seen_at",
    )
    on_tracks = track_catalogue.select(
        "seen_at",
        F.explode(
            F.arrays_zip(F.col("artist_ids").alias("artist_id"), F.col("artist_names").alias("artist_name"))
        ).alias("artist"),
    ).select("artist.artist_name", F.nullif("artist.artist_id", F.lit("")).alias("artist_id"), "seen_at")
    responses = artist_metadata.where("is_found").select(
        "artist_name", "artist_id", "image_url", _comma_separated("genres"), "popularity", "followers",
        _response_seen_at(),
    )  # fmt: skip
    from_catalogue = (
        union_by_name(on_albums, on_tracks, responses)
        .where("artist_name IS NOT NULL")
        .withColumn("artist_key", artist_key(F.col("artist_name")))
    )
    attributes = ("artist_name", "artist_id", "image_url", "genres", "popularity", "followers")
    artists = _latest_attributes("artist_key", from_plays, from_catalogue, *attributes)
    names = (F.col("artist_id"), normalize_name(F.col("artist_name")))
    named = [artists.select("artist_key", name.alias("name")) for name in names]
    written = genre_overrides(raw_genre_overrides, reduce(DataFrame.unionByName, named), "artist_key")
    artists = enrich_artists(artists, artist_metadata, catalog_artists, written, genre_families)
    seen = from_catalogue.select("artist_key", seen_order("seen_at", played=False)).unionByName(
        _of_tracks(monthly_content).select("artist_key", seen_order("last_played_at", played=True))
    )
    links = [links_of(from_catalogue, "artist_id", "artist_key", "id"), _renamed_artists(monthly_content)]
    canonical = _canonical_keys("artist", links, seen, named, raw_merges)
    artists = mark_saved("artists", _with_canonical(artists, "artist_key", canonical), raw_library)
    return add_default_members("dim_artist", artists)


def _canonical_keys(
    kind: str, links: Sequence[DataFrame | None], seen: DataFrame, named: list[DataFrame], raw_merges: DataFrame
) -> DataFrame | None:
    """`canonical_keys` by these links and those of `raw_merges`.

    Args:
        kind: Kind of what is merged.
        links: Other links.
        seen: Keys with their order, as of `canonical_keys`.
        named: Keys and their names and ids, as of `merge_links`.
        raw_merges: Whole table.
    """
    key = f"{kind}_key"
    if merges := merge_links(raw_merges, kind, reduce(DataFrame.unionByName, named), key):
        by_person, last = merges
        links, seen = [*links, by_person], prefer(last, seen, key)
    return canonical_keys(links, seen, key)


def _renamed_artists(monthly_content: DataFrame) -> DataFrame | None:
    """Links of artists to their next name: that of the same track id, first played after the last play of the former.

    None if no track id has several names of artists.

    Of several next names the first is taken: two artists that both follow a third stay two.
    """
    plays = _of_tracks(monthly_content)
    by_artist = plays.groupBy("artist_key").agg(
        F.min("first_played_at").alias("first"), F.max("last_played_at").alias("last")
    )
    with_id = plays.where(is_spotify_id(F.col("content_key"))).select("content_key", "artist_key")
    several = (
        with_id.groupBy("content_key")
        .agg(F.min("artist_key").alias("one"), F.max("artist_key").alias("another"))
        .where("one <> another")
        .select("content_key")
    )
    if not has_rows(several):
        return None
    bearers = broadcast_join(several, with_id, "content_key", "inner").distinct().join(by_artist, "artist_key")
    # Times as text of one length, so that an array of names can be sorted by time.
    first, last = (F.lpad(F.unix_micros(name).cast("string"), SORTABLE_DIGITS, "0") for name in ("first", "last"))
    names = bearers.groupBy("content_key").agg(
        F.array_sort(F.collect_list(F.concat_ws(" ", first, "artist_key"))).alias("names")
    )
    later = F.filter("names", lambda name: F.substring(name, 1, SORTABLE_DIGITS) > F.col("last"))
    next_names = (
        broadcast_join(names, bearers.withColumn("last", last), "content_key", "inner")
        .select("artist_key", F.get(later, F.lit(0)).alias("next"))
        .where("next IS NOT NULL")
    )
    return (
        next_names.groupBy("artist_key")
        .agg(F.min("next").alias("next"))
        .select(
            F.col("artist_key").alias("key"),
            F.substring_index("next", " ", -1).cast("bigint").alias("linked"),
            F.lit(MERGED_BY.index("id")).alias("evidence"),
        )
    )


def _of_tracks(monthly_content: DataFrame) -> DataFrame:
    """The rows of tracks whose artist is known."""
    return monthly_content.where(~F.col("artist_key").isin(UNKNOWN_NUMBER, NOT_APPLICABLE_NUMBER))


def _with_canonical(rows: DataFrame, key: str, canonical: DataFrame | None) -> DataFrame:
    """Add `canonical_<key>` and `merged_by` to rows that have the key, by the result of `canonical_keys`."""
    if canonical is None:
        return rows.withColumns({f"canonical_{key}": F.col(key), "merged_by": F.lit("none")})
    joined = broadcast_join(canonical, rows, key, "right")
    return joined.withColumns(
        {
            f"canonical_{key}": F.coalesce("canonical_key", key),
            "merged_by": F.coalesce("merged_by", F.lit("none")),
        }
    ).drop("canonical_key")


def dim_album(
    monthly_content: DataFrame,
    track_catalogue: DataFrame,
    album_metadata: DataFrame,
    catalog_albums: DataFrame,
    dim_artist: DataFrame,
    raw_merges: DataFrame,
    raw_library: DataFrame,
) -> DataFrame:
    """One row per album by normalized artist and album name, from plays, playlists and tracks in API responses.

    An album that only appears in a response of its own is left out: `dim_artist` may lack its artist. Albums of one
    name by names of one artist have one canonical album.

    Args:
        monthly_content: Whole table.
        track_catalogue: Whole table.
        album_metadata: Whole table.
        catalog_albums: Whole table: attributes that no response has.
        dim_artist: Whole table: canonical artists.
        raw_merges: Whole table: names that a person says are one.
        raw_library: Whole table: what listeners saved.
    """
    attributes = ("album_id", "album_type", "total_tracks", "release_date", "release_date_precision", "image_url")
    key = album_key(F.col("artist_name"), F.col("album_name"))
    from_plays = _latest_played_names(monthly_content, "album_key", "album_name", "artist_name")
    on_tracks = (
        track_catalogue.select("album_name", "artist_name", *attributes, "seen_at")
        .where("album_name IS NOT NULL AND artist_name IS NOT NULL")
        .withColumn("album_key", key)
    )
    mentioned = on_tracks.select("album_key").unionByName(from_plays.select("album_key")).distinct()
    responses = album_metadata.where("is_found").select(
        "album_name",
        F.col("album_artist_name").alias("artist_name"),
        *attributes,
        "label",
        _comma_separated("genres"),
        _response_seen_at(),
    )
    responses_of_mentioned = broadcast_join(
        responses.withColumn("album_key", key), mentioned, "album_key", "left_semi"
    )
    from_catalogue = union_by_name(on_tracks, responses_of_mentioned)
    albums = _latest_attributes(
        "album_key", from_plays, from_catalogue, "album_name", "artist_name", *attributes, "label", "genres"
    )
    albums = enrich_albums(albums, catalog_albums)
    names = on_tracks.select(
        "album_key", "album_name", "artist_name", seen_order("seen_at", played=False)
    ).unionByName(from_plays.select("album_key", "album_name", "artist_name", seen_order("seen_at", played=True)))
    merged = dim_artist.where(~F.col("merged_by").isin(*NOT_MERGED))
    of_merged_artists = broadcast_join(
        merged.select("artist_key", "canonical_artist_key"),
        names.withColumn("artist_key", artist_key(F.col("artist_name"))),
        "artist_key",
        "inner",
    ).select("album_key", hash64(F.col("canonical_artist_key"), normalize_name(F.col("album_name"))).alias("same"))
    links = [links_of(of_merged_artists, "same", "album_key", "artist")]
    named = [
        on_tracks.select("album_key", F.col("album_id").alias("name")),
        names.select("album_key", artist_and_title("artist_name", "album_name").alias("name")),
    ]
    canonical = _canonical_keys("album", links, names, named, raw_merges)
    return add_default_members(
        "dim_album",
        mark_saved(
            "albums",
            _with_canonical(albums.withColumn("artist_key", artist_key(F.col("artist_name"))), "album_key", canonical),
            raw_library,
        ),
    )


def dim_recording(
    monthly_content: DataFrame, track_catalogue: DataFrame, catalog_track_metadata: DataFrame, raw_merges: DataFrame
) -> DataFrame:
    """One row per recording, by normalized artist and track name, of plays, playlists and Web API responses.

    Recordings that share a track id or an ISRC, or that a person merged, have one canonical recording: that of the
    latest play, or what the person merged them into.

    Args:
        monthly_content: Whole table.
        track_catalogue: Whole table.
        catalog_track_metadata: Whole table: ISRCs of tracks of which responses tell none.
        raw_merges: Whole table: names that a person says are one.
    """
    names = ("track_name", "artist_name")
    is_named = F.col("track_name").isNotNull() & F.col("artist_name").isNotNull()
    played = monthly_content.where("content_type = 'track'").select(
        "recording_key",
        "content_key",
        "plays",
        *names,
        seen_order("last_played_at", played=True, is_named=is_named),
    )
    known = track_catalogue.select(
        "recording_key",
        F.col("track_key").alias("content_key"),
        F.lit(0).cast("bigint").alias("plays"),
        *names,
        seen_order("seen_at", played=False, is_named=is_named),
    )
    seen = known.unionByName(played)
    ids = seen.where(is_spotify_id(F.col("content_key")))
    isrcs = _with_isrc(track_catalogue.select("recording_key", F.col("track_key").alias("content_key"), "isrc"))
    told = catalog_track_metadata.where("isrc IS NOT NULL")
    if has_rows(told):
        told = told.select(F.col("catalog_track_key").alias("content_key"), "isrc")
        found = broadcast_join(told, ids.select("recording_key", "content_key").distinct(), "content_key", "inner")
        isrcs = isrcs.unionByName(_with_isrc(found).join(isrcs, "content_key", "left_anti"))
    links = [links_of(ids, "content_key", "recording_key", "id"), links_of(isrcs, "isrc", "recording_key", "isrc")]
    named = [
        ids.select("recording_key", F.col("content_key").alias("name")),
        seen.select("recording_key", artist_and_title("artist_name", "track_name").alias("name")),
    ]
    linked = _canonical_keys("recording", links, seen, named, raw_merges)
    is_canonical = F.col("recording_key") == F.col("canonical_recording_key")
    tracks = (
        _with_canonical(seen, "recording_key", linked)
        .select(
            "canonical_recording_key",
            "content_key",
            "plays",
            *[
                F.when(is_canonical, F.concat_ws("", "order", F.coalesce(name, F.lit(UNKNOWN)))).alias(name)
                for name in names
            ],
        )
        .groupBy("canonical_recording_key", "content_key")
        .agg(F.sum("plays").alias("plays"), *[F.min(name).alias(name) for name in names])
    )
    # Tracks with a Spotify id come before tracks known by name; ties are broken by the smallest key.
    most_played = F.concat_ws(
        "", F.col("content_key").startswith("name:").cast("int"), MAX_SORTABLE - F.col("plays"), "content_key"
    )
    recordings = tracks.groupBy("canonical_recording_key").agg(
        F.substring(F.min(most_played), 2 + SORTABLE_DIGITS, 64).alias("canonical_track_key"),
        *[F.substring(F.min(name), 3 + SORTABLE_DIGITS, MAX_NAME_LENGTH).alias(name) for name in names],
    )
    own = F.col("canonical_recording_key")
    if linked is None:
        members = recordings.withColumns({"recording_key": own, "merged_by": F.lit("none")})
    else:
        members = (
            broadcast_join(linked, recordings, F.col("canonical_key") == own, "right")
            .withColumns(
                {
                    "recording_key": F.coalesce("recording_key", own),
                    "merged_by": F.coalesce("merged_by", F.lit("none")),
                }
            )
            .drop("canonical_key")
        )
    return add_default_members("dim_recording", members)


def _with_isrc(rows: DataFrame) -> DataFrame:
    """The rows with an ISRC, in capital letters and digits alone."""
    isrc = F.regexp_replace(F.upper("isrc"), "[^0-9A-Z]", "")
    return rows.withColumn("isrc", isrc).where(F.length("isrc") == ISRC_LENGTH)


def dim_track(
    monthly_content: DataFrame,
    track_catalogue: DataFrame,
    audio_features_metadata: DataFrame,
    catalog_track_metadata: DataFrame,
    catalog_features: DataFrame,
    dim_artist: DataFrame,
    genre_families: DataFrame,
    dim_recording: DataFrame,
    raw_library: DataFrame,
) -> DataFrame:
    """One row per track id (per name where a play has no id), from plays, playlists and Web API responses.

    Args:
        monthly_content: Whole table.
        track_catalogue: Whole table.
        audio_features_metadata: Whole table.
        catalog_track_metadata: Whole table: attributes that no response has.
        catalog_features: Whole table.
        dim_artist: Whole table: genres.
        genre_families: Whole table.
        dim_recording: Whole table: the most played track of each recording.
        raw_library: Whole table: what listeners saved.
    """
    names = ("track_name", "artist_name", "album_name")
    from_plays = (
        monthly_content.where("content_type = 'track'")
        .groupBy(
            F.col("content_key").alias("track_key"),
            "spelling_key",
            *names,
            "artist_key",
            "album_key",
            "recording_key",
        )
        .agg(
            F.max("content_uri").alias("track_uri"),
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
        )
        .withColumn("seen_at", F.col("last_played_at"))
    )
    from_catalogue = track_catalogue.select(
        "track_key",
        "spelling_key",
        *names,
        artist_key(F.col("artist_name")).alias("artist_key"),
        album_key(F.col("artist_name"), F.col("album_name")).alias("album_key"),
        "recording_key",
        F.when(is_spotify_id(F.col("track_key")), F.concat_ws("", F.lit("spotify:track:"), F.col("track_key"))).alias(
            "track_uri"
        ),
        "seen_at",
    )
    by_spelling = union_by_name(from_catalogue, from_plays).withColumn(
        "order",
        F.concat_ws(
            "",
            F.col("track_name").isNull().cast("int"),
            latest_first_order("seen_at", *names, F.col("spelling_key").cast("string")),
        ),
    )
    seen = by_spelling.groupBy("track_key").agg(
        F.min("order").alias("order"),
        F.max("track_uri").alias("track_uri"),
        F.min("first_played_at").alias("first_played_at"),
        F.max("last_played_at").alias("last_played_at"),
    )
    # `distinct`: the same spelling may come from both sources with the same `seen_at`.
    tracks = (
        by_spelling.select("track_key", "order", *names, "artist_key", "album_key", "recording_key")
        .distinct()
        .join(seen, ["track_key", "order"])
        .fillna(UNKNOWN, ["track_name", "artist_name"])
    )
    attributes = (
        "duration_ms", "explicit", "isrc", "disc_number", "track_number", "image_url", "popularity", "release_date",
        "release_date_precision",
    )  # fmt: skip
    catalogue_attributes = _cast_attributes(
        "dim_track",
        track_catalogue.groupBy("track_key").agg(*[latest(name, "seen_at").alias(name) for name in attributes]),
        attributes,
    )
    canonical = dim_recording.select("recording_key", "canonical_track_key")
    with_attributes = broadcast_join(catalogue_attributes, tracks, "track_key", "right")
    with_attributes = enrich_tracks(
        with_attributes,
        audio_features_metadata,
        catalog_track_metadata,
        catalog_features,
        dim_artist,
        genre_families,
    )
    with_canonical = with_attributes.join(canonical, "recording_key")
    return add_default_members("dim_track", mark_saved("tracks", with_canonical, raw_library))


def dim_episode(monthly_content: DataFrame, playlist_tracks: DataFrame, raw_library: DataFrame) -> DataFrame:
    """One row per podcast episode or audiobook chapter, played or on a playlist.

    Args:
        monthly_content: Whole table.
        playlist_tracks: Whole table.
        raw_library: Whole table: what listeners saved.
    """
    from_plays = (
        monthly_content.where("content_type <> 'track'")
        .groupBy(F.col("content_key").alias("episode_key"))
        .agg(
            F.max("content_type").alias("content_type"),
            F.max("content_uri").alias("episode_uri"),
            latest("episode_name").alias("episode_name"),
            latest("show_name").alias("show_name"),
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
        )
        .withColumn("seen_at", F.col("last_played_at"))
    )
    attributes = ("duration_ms", "release_date", "release_date_precision", "image_url")
    uri = F.concat_ws("", F.lit("spotify:episode:"), F.col("episode_key"))
    from_playlists = playlist_tracks.where("episode_key IS NOT NULL").select(
        "episode_key",
        F.lit("episode").alias("content_type"),
        F.when(is_spotify_id(F.col("episode_key")), uri).alias("episode_uri"),
        "episode_name",
        "show_name",
        *attributes,
        F.col("snapshot_date").cast("timestamp").alias("seen_at"),
    )
    episodes = (
        union_by_name(from_playlists, from_plays)
        .groupBy("episode_key")
        .agg(
            # `audiobook` wins over `episode`: playlists list a chapter as an episode.
            F.min("content_type").alias("content_type"),
            F.max("episode_uri").alias("episode_uri"),
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
            *[latest(name, "seen_at").alias(name) for name in ("episode_name", "show_name", *attributes)],
        )
        .fillna(UNKNOWN, ["episode_name", "show_name"])
    )
    saved = mark_saved("episodes", _cast_attributes("dim_episode", episodes, attributes), raw_library)
    by_show = saved.withColumn("normalized_show", normalize_name(F.col("show_name")))
    return add_default_members("dim_episode", mark_saved("shows", by_show, raw_library, flag="is_show_saved"))


def bridge_track_artist(dim_track: DataFrame, track_catalogue: DataFrame) -> DataFrame:
    """One row per track and artist on it.

    The Web API lists all artists of a track. Exports name the album's artist alone, which is used where the
    catalogue lacks the track.

    Args:
        dim_track: Whole table.
        track_catalogue: Whole table.
    """
    names = F.array_join("artist_names", SEPARATOR)
    from_catalogue = (
        track_catalogue.where("artist_names IS NOT NULL")
        .withColumn("names", names)
        .groupBy("track_key")
        .agg(F.split(latest("names", "seen_at"), SEPARATOR).alias("names"))
    )
    listed = from_catalogue.select("track_key", F.posexplode("names").alias("artist_position", "artist_name"))
    from_exports = (
        dim_track.where(~F.col("artist_key").isin(UNKNOWN_NUMBER, NOT_APPLICABLE_NUMBER))
        .join(from_catalogue.select("track_key"), "track_key", "left_anti")
        .select("track_key", "artist_key", F.lit(0).alias("artist_position"))
    )
    return (
        listed.select("track_key", artist_key(F.col("artist_name")).alias("artist_key"), "artist_position")
        .unionByName(from_exports)
        .groupBy("track_key", "artist_key")
        .agg(F.min("artist_position").cast("int").alias("artist_position"))
    )


def _latest_played_names(monthly_content: DataFrame, key: str, *names: str) -> DataFrame:
    """One row per value of `key`: latest names, first and last play. Unknown and not applicable keys are left out."""
    return (
        monthly_content.where(~F.col(key).isin(UNKNOWN_NUMBER, NOT_APPLICABLE_NUMBER))
        .groupBy(key)
        .agg(
            *[latest(name).alias(name) for name in names],
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
        )
        .withColumn("seen_at", F.col("last_played_at"))
    )


def _latest_attributes(key: str, from_plays: DataFrame, from_catalogue: DataFrame, *attributes: str) -> DataFrame:
    """One row per value of `key`: the latest attributes of both sources, first and last play."""
    rows = (
        union_by_name(from_catalogue, from_plays)
        .groupBy(key)
        .agg(
            F.min("first_played_at").alias("first_played_at"),
            F.max("last_played_at").alias("last_played_at"),
            *[latest(name, "seen_at").alias(name) for name in attributes],
        )
    )
    return _cast_attributes({"artist_key": "dim_artist", "album_key": "dim_album"}[key], rows, attributes)


def _cast_attributes(table: str, rows: DataFrame, attributes: Iterable[str]) -> DataFrame:
    """Cast attributes to the table's types: `latest` returns text."""
    types = TABLES[table].spark_types
    return rows.withColumns({name: F.col(name).cast(types[name]) for name in attributes})


def _comma_separated(name: str) -> Column:
    """A list as comma-separated text; null where the list is empty."""
    return F.nullif(F.array_join(name, ", "), F.lit("")).alias(name)


def _response_seen_at() -> Column:
    """Time of a response; 1970-01-01 where it is unknown, so that any dated one is later."""
    return F.coalesce("fetched_at", F.lit("1970-01-01").cast("timestamp")).alias("seen_at")


def add_default_members(table: str, rows: DataFrame) -> DataFrame:
    """Append a table's default members, for unknown and not applicable, to its rows.

    Labels and keys are those of `model.columns`; nullable columns are null.
    """

    def member(column: Any, label: str, number: int) -> Any:
        if column.nullable:
            return None
        by_type = {"int": number, "bigint": number, "date": DEFAULT_MEMBER_DATE, "boolean": True}
        return by_type.get(TABLES[table].spark_types[column.name], label)

    labels = ((UNKNOWN, UNKNOWN_NUMBER), (NOT_APPLICABLE, NOT_APPLICABLE_NUMBER))
    members = literal_rows(
        rows.sparkSession,
        table,
        [tuple(member(column, *label) for column in TABLES[table].sql.columns) for label in labels],
    )
    return rows.select(*TABLES[table].columns).unionByName(members)


def literal_rows(spark: SparkSession, table: str, rows: Iterable[tuple]) -> DataFrame:
    """A DataFrame of a model table's schema.

    Args:
        spark: Session.
        table: Name of the table.
        rows: Values in the order of the table's columns.
    """
    schema = ", ".join(f"`{name}` {type_}" for name, type_ in TABLES[table].spark_types.items())
    return spark.createDataFrame(list(rows), schema)
