"""`plays`: the landed records that pass every rule."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.model.cleaned import STREAM_MS
from spotify_assets.model.columns import LABEL_LENGTH, PLAY_ID_DIGITS
from spotify_assets.model.raw import ESTIMATED_FORMATS
from spotify_assets.settings import Settings
from spotify_assets.transforms.judge import judge_records
from spotify_assets.transforms.keys import SEPARATOR, normalize_name, recording_key, trim_to_null
from spotify_assets.windows import TimeWindow


def plays(
    raw_plays: DataFrame,
    raw_files: DataFrame,
    raw_exclusions: DataFrame | None = None,
    *,
    settings: Settings,
    window: TimeWindow | None = None,
) -> DataFrame:
    """One row per kept play. Times are UTC, `local_*` are in the listener's zone, `ms_played` is in milliseconds.

    Args:
        raw_plays: Records as landed.
        raw_files: Whole register of landed files.
        raw_exclusions: Whole table: what a person excludes; None for nothing.
        settings: Time zones by listener, and the limits of the rules.
        window: Plays of this window; all plays if None.
    """
    judged = judge_records(raw_plays, raw_files, raw_exclusions, settings, window, flags_implausible=True)
    kept = judged.where("reason IS NULL")
    is_track = F.col("content_type") == "track"
    local = local_time(F.col("played_at"), F.col("listener"), settings)
    ms_played = F.col("clean_ms_played")
    return kept.select(
        F.substring(
            F.sha2(
                F.concat_ws(
                    SEPARATOR,
                    F.col("listener"),
                    F.unix_micros("played_at").cast("string"),
                    F.col("content_key"),
                    ms_played.cast("string"),
                ),
                256,
            ),
            1,
            PLAY_ID_DIGITS,
        ).alias("play_id"),
        "listener",
        "played_at",
        "reported_at",
        (F.col("played_at") < F.col("reported_at")).alias("played_at_is_corrected"),
        F.timestamp_micros(F.unix_micros("played_at") - ms_played * 1000).alias("started_at"),
        F.to_date(local).alias("local_date"),
        F.hour(local).alias("local_hour"),
        "content_type",
        "content_key",
        F.when(
            F.col("content_id").isNotNull(),
            F.concat_ws("", F.when(is_track, "spotify:track:").otherwise("spotify:episode:"), F.col("content_id")),
        ).alias("content_uri"),
        F.when(is_track, F.col("content_key")).alias("track_key"),
        F.when(is_track, recording_key(F.col("creator_name"), F.col("title"), F.col("content_key"))).alias(
            "recording_key"
        ),
        F.when(is_track, F.col("title")).alias("track_name"),
        F.when(is_track, F.col("creator_name")).alias("artist_name"),
        F.when(is_track, F.col("clean_album_name")).alias("album_name"),
        F.when(~is_track, F.col("title")).alias("episode_name"),
        F.when(~is_track, F.col("creator_name")).alias("show_name"),
        ms_played.alias("ms_played"),
        F.col("source_format").isin(*ESTIMATED_FORMATS).alias("ms_played_is_estimated"),
        (ms_played >= STREAM_MS).alias("is_stream"),
        "is_implausible",
        _label(F.col("platform")).alias("platform"),
        _label(F.col("reason_start")).alias("reason_start"),
        _label(F.col("reason_end")).alias("reason_end"),
        _flag(F.col("shuffle")).alias("shuffle"),
        _flag(F.col("skipped")).alias("skipped"),
        _flag(F.col("offline")).alias("offline"),
        _flag(F.col("incognito_mode")).alias("incognito"),
        trim_to_null(F.col("conn_country")).alias("conn_country"),
        "source_file",
        "source_row",
        F.trunc("played_at", "month").alias("month"),
    )


def _label(text: Column) -> Column:
    """The normalized text, cut to `LABEL_LENGTH` characters; `unknown` if it is missing."""
    return F.coalesce(F.substring(normalize_name(trim_to_null(text)), 1, LABEL_LENGTH), F.lit("unknown"))


def _flag(text: Column) -> Column:
    """A boolean; null for any text but true, false, 1 and 0."""
    word = F.lower(F.trim(text))
    return F.when(word.isin("true", "1"), True).when(word.isin("false", "0"), False)


def local_time(moment: Column, listener: Column, settings: Settings) -> Column:
    """The moment as local time in the listener's zone."""

    def in_zone(zone: str) -> Column:
        return moment if zone == "UTC" else F.from_utc_timestamp(moment, zone)

    local = None
    for name, zone in settings.timezones.items():
        condition = listener == name
        local = F.when(condition, in_zone(zone)) if local is None else local.when(condition, in_zone(zone))
    return in_zone(settings.timezone) if local is None else local.otherwise(in_zone(settings.timezone))
