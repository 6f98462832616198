"""pandas with Arrow types, everything in memory."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.engines import MAX_MS_PLAYED, MIN_MS_PLAYED, PLATFORM_FAMILIES, STREAM_MS

SEPARATOR = "\x1f"
UNKNOWN, NOT_APPLICABLE = "unknown", "not_applicable"
TEXT = pd.ArrowDtype(pa.string())
FLAG = pd.ArrowDtype(pa.bool_())
DAY = pd.ArrowDtype(pa.date32())
TIME = pd.ArrowDtype(pa.timestamp("us", "UTC"))
HASH = pd.ArrowDtype(pa.uint64())
RAW_COLUMNS = [
    "listener", "source_file", "source_row", "played_at", "reported_at", "offline_at", "ms_played", "platform",
    "conn_country", "track_uri", "track_name", "artist_name", "album_name", "episode_uri", "episode_name",
    "show_name", "audiobook_title", "chapter_uri", "chapter_title", "reason_start", "reason_end", "shuffle",
    "skipped", "offline", "incognito_mode",
]  # fmt: skip
MEASURED = ["play_id", "is_stream", "ms_played", "skipped", "shuffle", "played_at"]
MEASURES = {
    "plays": ("play_id", "size"),
    "streams": ("is_stream", "sum"),
    "ms_played": ("ms_played", "sum"),
    "skips": ("skipped", "sum"),
    "skips_known": ("skipped", "count"),
}
SHUFFLES = {"shuffles": ("shuffle", "sum"), "shuffles_known": ("shuffle", "count")}
SEEN = {"first_played_at": ("played_at", "min"), "last_played_at": ("played_at", "max")}
SEEN_AGAIN = {"first_played_at": ("first_played_at", "min"), "last_played_at": ("last_played_at", "max")}


def start() -> None:
    pd.DataFrame({"ready": [True]})


def run(_: None, history: Path, output: Path) -> Iterator[str]:
    def write(table: str, frame: pd.DataFrame) -> str:
        (output / table).mkdir()
        frame.to_parquet(output / table / f"{table}.parquet", compression="snappy", index=False)
        return table

    plays = kept_plays(history)
    yield write("plays", plays)
    yield write("fct_plays", facts(plays))
    daily_tracks = daily_track_plays(plays)
    yield write("daily_track_plays", daily_tracks)
    yield write("daily_listening", daily_listening(plays, daily_tracks))
    del daily_tracks
    yield write("dim_listener", dim_listener(plays))
    yield write("dim_date", dim_date(plays))
    yield write("dim_platform", dim_platform(plays))
    yield write("dim_episode", dim_episode(plays))
    tracks = plays[plays["content_type"] == "track"]
    spellings = spelled(tracks)
    yield write("dim_artist", dim_artist(spellings))
    yield write("dim_album", dim_album(spellings))
    recordings = canonical(spellings)
    yield write("dim_track", dim_track(spellings, recordings))
    yield write("track_metrics", track_metrics(tracks, recordings))


def kept_plays(history: Path) -> pd.DataFrame:
    files = pd.read_parquet(
        history / "raw_files",
        columns=["source_file", "first_reported_at", "last_reported_at"],
        dtype_backend="pyarrow",
    )
    raw = pd.read_parquet(history / "raw_plays", columns=RAW_COLUMNS, dtype_backend="pyarrow")
    raw = raw.merge(files, on="source_file")
    raw["ms_played"] = pd.to_numeric(raw["ms_played"], errors="coerce").astype("int64[pyarrow]")
    raw = raw[
        raw["reported_at"].between(raw["first_reported_at"], raw["last_reported_at"])
        & raw["ms_played"].between(MIN_MS_PLAYED, MAX_MS_PLAYED)
    ].drop(columns=["first_reported_at", "last_reported_at"])
    for field in ("track_name", "artist_name", "album_name"):
        raw[field] = present(raw[field])
    raw["episode_name"] = present(raw["chapter_title"].fillna(raw["episode_name"]))
    raw["show_name"] = present(raw["audiobook_title"].fillna(raw["show_name"]))
    track_id = id_in(raw["track_uri"], "spotify:track:")
    episode_id = id_in(raw["episode_uri"], "spotify:episode:")
    is_audiobook = raw["chapter_uri"].notna() | raw["audiobook_title"].notna()
    is_track = track_id.notna() | raw["track_name"].notna()
    is_episode = episode_id.notna() | raw["episode_name"].notna()
    content_type = np.select([is_track, is_audiobook, is_episode], ["track", "audiobook", "episode"], "")
    spoken_id = episode_id.where(~is_audiobook, id_in(raw["chapter_uri"], "spotify:episode:"))
    content_id = track_id.where(is_track, spoken_id)
    prefix = pd.Series(np.where(is_track, "spotify:track:", "spotify:episode:"), raw.index, TEXT)
    whose, name = raw["artist_name"].fillna(raw["show_name"]), raw["track_name"].fillna(raw["episode_name"])
    name_key = "name:" + name_hash(whose.fillna(""), name.fillna("")).astype(TEXT)
    raw = raw.drop(columns=["track_uri", "episode_uri", "chapter_uri", "chapter_title", "audiobook_title"]).assign(
        content_type=pd.Series(content_type, raw.index, TEXT),
        content_key=content_id.fillna(name_key),
        content_uri=prefix + content_id,
    )
    raw = raw[raw["content_type"] != ""]
    same = ["listener", "content_key", "ms_played"]
    raw = raw.drop_duplicates([*same, "reported_at"]).drop_duplicates([*same, "played_at"])
    raw = raw[raw["offline_at"].isna() | ~raw.duplicated([*same, "offline_at"])].reset_index(drop=True)
    return typed(raw)


def typed(raw: pd.DataFrame) -> pd.DataFrame:
    """The columns of `plays`."""
    is_track = raw["content_type"] == "track"
    played_at = raw["played_at"]
    recording_key = name_hash(raw["artist_name"], raw["track_name"]).fillna(hashed(raw["content_key"]))
    month = played_at.dt.tz_localize(None).to_numpy("datetime64[us]").astype("datetime64[M]").astype("datetime64[D]")
    return pd.DataFrame(
        {
            "play_id": play_ids(raw),
            "listener": raw["listener"],
            "played_at": played_at,
            "reported_at": raw["reported_at"],
            "played_at_is_corrected": played_at < raw["reported_at"],
            "started_at": played_at - (raw["ms_played"] * 1000).astype("duration[us][pyarrow]"),
            "local_date": played_at.dt.date,
            "local_hour": played_at.dt.hour.astype("int32[pyarrow]"),
            "content_type": raw["content_type"],
            "content_key": raw["content_key"],
            "content_uri": raw["content_uri"],
            "track_key": raw["content_key"].where(is_track),
            "recording_key": recording_key.where(is_track),
            "track_name": raw["track_name"].where(is_track),
            "artist_name": raw["artist_name"].where(is_track),
            "album_name": raw["album_name"].where(is_track),
            "episode_name": raw["episode_name"].where(~is_track),
            "show_name": raw["show_name"].where(~is_track),
            "ms_played": raw["ms_played"],
            "ms_played_is_estimated": False,
            "is_stream": raw["ms_played"] >= STREAM_MS,
            "is_implausible": False,
            **{name: label(raw[name]) for name in ("platform", "reason_start", "reason_end")},
            **{name: flag(raw[name]) for name in ("shuffle", "skipped", "offline")},
            "incognito": flag(raw["incognito_mode"]),
            "conn_country": raw["conn_country"],
            "source_file": raw["source_file"],
            "source_row": raw["source_row"],
            "month": pd.Series(pd.array(pa.array(month), DAY)),
        }
    )


def facts(plays: pd.DataFrame) -> pd.DataFrame:
    is_track = plays["content_type"] == "track"
    flags = ["ms_played_is_estimated", "is_stream", "is_implausible", "skipped", "shuffle", "offline", "incognito"]
    measured = ["ms_played", *flags]
    return pd.DataFrame(
        {
            "play_id": plays["play_id"],
            "played_at": plays["played_at"],
            "listener_key": hashed(plays["listener"]),
            "date_key": date_key(plays["played_at"]),
            "time_key": plays["local_hour"],
            "content_type": plays["content_type"],
            "track_key": plays["track_key"].fillna(NOT_APPLICABLE),
            "recording_key": plays["recording_key"],
            "artist_key": name_hash(plays["artist_name"]),
            "album_key": name_hash(plays["artist_name"], plays["album_name"]),
            "episode_key": plays["content_key"].mask(is_track, NOT_APPLICABLE),
            "platform_key": hashed(plays["platform"]),
            "reason_start_key": plays["reason_start"],
            "reason_end_key": plays["reason_end"],
            **{name: plays[name] for name in [*measured, "month"]},
        }
    )


def daily_track_plays(plays: pd.DataFrame) -> pd.DataFrame:
    tracks = plays.loc[
        plays["content_type"] == "track",
        ["month", "listener", "local_date", "recording_key", "artist_name", "album_name", *MEASURED],
    ]
    keys = ["month", "listener", "date", "recording_key", "artist_key", "album_key"]
    days = (
        tracks.assign(
            date=tracks["local_date"],
            artist_key=name_hash(tracks["artist_name"]),
            album_key=name_hash(tracks["artist_name"], tracks["album_name"]),
        )
        .groupby(keys, dropna=False, sort=False)
        .agg(**MEASURES, **SHUFFLES, **SEEN)
        .reset_index()
    )
    return days.assign(window_at=days["month"].astype(TIME))


def daily_listening(plays: pd.DataFrame, daily_tracks: pd.DataFrame) -> pd.DataFrame:
    is_track = plays["content_type"] == "track"
    ms_played = plays["ms_played"]
    day = ["listener", "date"]
    days = (
        plays[["listener", *MEASURED]]
        .assign(
            date=plays["local_date"],
            is_track=is_track,
            is_spoken=~is_track,
            music_ms=ms_played.where(is_track, 0),
            spoken_ms=ms_played.where(~is_track, 0),
        )
        .groupby(day, sort=False)
        .agg(
            **MEASURES,
            music_plays=("is_track", "sum"),
            music_ms_played=("music_ms", "sum"),
            spoken_plays=("is_spoken", "sum"),
            spoken_ms_played=("spoken_ms", "sum"),
        )
    )
    different = daily_tracks.groupby(day, sort=False).agg(
        tracks=("recording_key", "nunique"), artists=("artist_key", "nunique")
    )
    return days.join(different).fillna({"tracks": 0, "artists": 0}).reset_index()


def dim_listener(plays: pd.DataFrame) -> pd.DataFrame:
    listeners = (
        plays.groupby("listener")
        .agg(first_date=("local_date", "min"), last_date=("local_date", "max"))
        .reset_index()
        .assign(timezone="UTC")
    )
    return with_members(listeners.assign(listener_key=hashed(listeners["listener"])))


def dim_date(plays: pd.DataFrame) -> pd.DataFrame:
    first, last = plays["local_date"].min(), plays["local_date"].max()
    date = pd.Series(pd.date_range(f"{first.year}-01-01", f"{last.year}-12-31"))
    iso = date.dt.isocalendar()
    return with_members(
        pd.DataFrame(
            {
                "date_key": date_key(date),
                "date": date.dt.date,
                "year": date.dt.year,
                "quarter": date.dt.quarter,
                "month_of_year": date.dt.month,
                "month_name": date.dt.month_name(),
                "month_start": date.dt.to_period("M").dt.start_time.dt.date,
                "iso_year": iso["year"],
                "iso_week": iso["week"],
                "day_of_month": date.dt.day,
                "day_of_year": date.dt.dayofyear,
                "day_of_week": iso["day"],
                "day_name": date.dt.day_name(),
                "is_weekend": iso["day"] >= 6,
            }
        )
    )


def dim_platform(plays: pd.DataFrame) -> pd.DataFrame:
    devices = plays[["platform"]].drop_duplicates(ignore_index=True)
    holds = [devices["platform"].str.contains(words) for words in PLATFORM_FAMILIES.values()]
    family = np.select(holds, list(PLATFORM_FAMILIES), "other")
    return with_members(devices.assign(platform_key=hashed(devices["platform"]), platform_family=family))


def dim_episode(plays: pd.DataFrame) -> pd.DataFrame:
    episodes = plays.loc[
        plays["content_type"] != "track",
        ["content_key", "content_type", "content_uri", "episode_name", "show_name", "played_at"],
    ].rename(columns={"content_key": "episode_key", "content_uri": "episode_uri"})
    seen = episodes.groupby("episode_key", sort=False).agg(**SEEN).reset_index()
    latest = episodes.sort_values("played_at").drop_duplicates("episode_key", keep="last").drop(columns="played_at")
    return with_members(latest.merge(seen, on="episode_key").fillna({"episode_name": UNKNOWN, "show_name": UNKNOWN}))


def spelled(tracks: pd.DataFrame) -> pd.DataFrame:
    """One row per track and spelling of its names, sorted by when it was last played."""
    keys = ["track_key", "content_uri", "recording_key", "track_name", "artist_name", "album_name"]
    return (
        tracks.groupby(keys, dropna=False, sort=False)
        .agg(plays=("play_id", "size"), **SEEN)
        .reset_index()
        .sort_values("last_played_at", ignore_index=True)
    )


def dim_artist(spellings: pd.DataFrame) -> pd.DataFrame:
    artists = spellings.assign(artist_key=name_hash(spellings["artist_name"]))
    return with_members(latest_by("artist_key", artists, ["artist_name"]))


def dim_album(spellings: pd.DataFrame) -> pd.DataFrame:
    albums = spellings.assign(
        artist_key=name_hash(spellings["artist_name"]),
        album_key=name_hash(spellings["artist_name"], spellings["album_name"]),
    )
    return with_members(latest_by("album_key", albums, ["album_name", "artist_name", "artist_key"]))


def canonical(spellings: pd.DataFrame) -> pd.DataFrame:
    """One row per recording: its most played track id, and its latest names."""
    ids = spellings.groupby(["recording_key", "track_key"], sort=False)["plays"].sum().reset_index()
    ids["has_no_id"] = ids["track_key"].str.startswith("name:")
    ids = ids.sort_values(["has_no_id", "plays", "track_key"], ascending=[True, False, True])
    first = ids.drop_duplicates("recording_key")[["recording_key", "track_key"]]
    names = latest_by("recording_key", spellings, ["track_name", "artist_name"]).drop(columns=list(SEEN))
    return first.rename(columns={"track_key": "canonical_track_key"}).merge(
        names.fillna({"track_name": UNKNOWN, "artist_name": UNKNOWN}), on="recording_key"
    )


def dim_track(spellings: pd.DataFrame, recordings: pd.DataFrame) -> pd.DataFrame:
    described = ["content_uri", "track_name", "artist_name", "album_name", "recording_key"]
    tracks = latest_by("track_key", spellings, described).rename(columns={"content_uri": "track_uri"})
    tracks = tracks.merge(recordings[["recording_key", "canonical_track_key"]], on="recording_key")
    return with_members(
        tracks.assign(
            artist_key=name_hash(tracks["artist_name"]),
            album_key=name_hash(tracks["artist_name"], tracks["album_name"]),
        ).fillna({"track_name": UNKNOWN, "artist_name": UNKNOWN})
    )


def latest_by(key: str, spellings: pd.DataFrame, described: list[str]) -> pd.DataFrame:
    """One row per key: its latest attributes and when they were last seen.

    `last` of a group of strings would loop in Python.
    """
    known = spellings[spellings[key].notna()]
    seen = known.groupby(key, sort=False).agg(**SEEN_AGAIN).reset_index()
    return known.drop_duplicates(key, keep="last")[[key, *described]].merge(seen, on=key)


def track_metrics(tracks: pd.DataFrame, recordings: pd.DataFrame) -> pd.DataFrame:
    totals = (
        tracks.groupby(["listener", "recording_key"], sort=False).agg(**MEASURES, **SHUFFLES, **SEEN).reset_index()
    )
    totals = totals.merge(recordings.rename(columns={"canonical_track_key": "track_key"}), on="recording_key")
    totals["avg_ms_played"] = totals["ms_played"] / totals["plays"]
    totals["skip_rate"] = totals["skips"] / totals["skips_known"].replace(0, pd.NA)
    totals["shuffle_rate"] = totals["shuffles"] / totals["shuffles_known"].replace(0, pd.NA)
    totals["rank"] = totals.groupby("listener")["ms_played"].rank("first", ascending=False).astype("int64")
    return totals.drop(columns=["skips", "skips_known", "shuffles", "shuffles_known"]).rename(
        columns={"plays": "total_plays", "streams": "total_streams", "ms_played": "total_ms_played"}
    )


def with_members(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the members for unknown and not applicable; only their text columns matter."""
    texts = [str(name) for name, type_ in rows.dtypes.items() if type_ in (TEXT, np.dtype(object))]
    members = pd.DataFrame({name: [UNKNOWN, NOT_APPLICABLE] for name in texts if not name.endswith(("date", "start"))})
    return pd.concat([rows, members], ignore_index=True)


def play_ids(raw: pd.DataFrame) -> pd.Series:
    """SHA-256 by hashlib, as pandas has none."""
    micros = raw["played_at"].astype("int64[pyarrow]").astype(TEXT)
    milliseconds = raw["ms_played"].astype(TEXT)
    texts = raw["listener"] + SEPARATOR + micros + SEPARATOR + raw["content_key"] + SEPARATOR + milliseconds
    return pd.Series([sha256(text.encode()).hexdigest()[:32] for text in texts], raw.index, TEXT)


def id_in(uri: pd.Series, prefix: str) -> pd.Series:
    return uri.str.removeprefix(prefix).where(uri.str.startswith(prefix).fillna(False))


def present(text: pd.Series) -> pd.Series:
    stripped = text.str.strip()
    return stripped.mask(stripped == "")


def label(text: pd.Series) -> pd.Series:
    return text.str.strip().str.lower().fillna(UNKNOWN)


def flag(text: pd.Series) -> pd.Series:
    return text.map({"true": True, "1": True, "false": False, "0": False}).astype(FLAG)


def hashed(text: pd.Series) -> pd.Series:
    """64-bit hash; null if the text is null."""
    return pd.util.hash_pandas_object(text, index=False).astype(HASH).where(text.notna())


def name_hash(*names: pd.Series) -> pd.Series:
    """Hash of the names in lower case; null if one is null."""
    lowered = [name.str.lower() for name in names]
    return hashed(lowered[0] if len(lowered) == 1 else lowered[0] + SEPARATOR + lowered[1])


def date_key(date: pd.Series) -> pd.Series:
    return date.dt.year * 10_000 + date.dt.month * 100 + date.dt.day
