"""Small warehouses from literal plays: a DuckDB file with every table of the model, without the engine."""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import write_deltalake

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.storage import storage_options
from spotify_assets.targets import ddl

Rows = list[dict[str, Any]]
HOSTILE = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://example.com")'
TRACK_ID = "4uLU6hMCjMI75M1A2tKUQC"
# Sums of plays, by the names of `hourly_listening` and `daily_track_plays`; each computed from the facts.
SUMS = """
    count(*) AS plays, count(*) FILTER (is_stream) AS streams, sum(ms_played) AS ms_played,
    count(*) FILTER (skipped) AS skips, count(skipped) AS skips_known,
    count(*) FILTER (shuffle) AS shuffles, count(shuffle) AS shuffles_known,
    count(*) FILTER (reason_start_key = 'clickrow') AS deliberate_starts,
    count(*) FILTER (reason_start_key <> 'unknown') AS starts_known,
    count(*) FILTER (reason_end_key = 'trackdone') AS finished,
    count(*) FILTER (reason_end_key <> 'unknown') AS ends_known
"""


def play(
    at: str, seconds: int, *, listener: int = 1, recording: int = 11, artist: int = 21, **more: Any
) -> dict[str, Any]:
    """A play of a track; `at` is the local time of its end, an hour after UTC."""
    ended = datetime.fromisoformat(at).replace(tzinfo=UTC)
    utc = ended - timedelta(hours=1)
    values = {
        "play_id": f"{listener} {at} {recording}",
        "played_at": utc,
        "listener_key": listener,
        "date_key": int(f"{ended:%Y%m%d}"),
        "time_key": ended.hour,
        "content_type": "track",
        "track_key": TRACK_ID if recording == 11 else f"name:{recording}",
        "recording_key": recording,
        "artist_key": artist,
        "album_key": artist + 10,
        "episode_key": "not_applicable",
        "platform_key": 41,
        "reason_start_key": "clickrow",
        "reason_end_key": "trackdone",
        "ms_played": seconds * 1000,
        "is_stream": seconds >= 30,
        "skipped": False,
        "shuffle": False,
        "offline": False,
        "incognito": False,
        "month": date(utc.year, utc.month, 1),
    }
    return values | more


def spoken(at: str, seconds: int) -> dict[str, Any]:
    """A play of the one episode."""
    nothing = {"recording_key": -2, "artist_key": -2, "album_key": -2, "track_key": "not_applicable"}
    return play(at, seconds) | nothing | {"content_type": "episode", "episode_key": "e1", "play_id": f"episode {at}"}


# Anna's plays: 1,000 s of music in five plays, an hour of a podcast; Ben's: one play.
FULL = [
    play("2023-12-31 23:30:00", 100),
    play("2024-01-01 08:00:00", 300),
    play("2024-01-01 08:10:00", 20, recording=12, skipped=True, reason_end_key="fwdbtn"),
    play("2024-01-05 21:00:00", 180, artist=22, recording=13, shuffle=True, incognito=True),
    play("2024-03-01 20:00:00", 400, artist=22, recording=13),
    spoken("2024-01-06 10:00:00", 3600),
    play("2024-02-02 09:00:00", 240, listener=2),
]
ONE = [play("2024-05-01 12:00:00", 200)]
# As account data tells plays.
UNTOLD: dict[str, Any] = {
    "platform_key": 43,
    "reason_start_key": "unknown",
    "reason_end_key": "unknown",
    "skipped": None,
    "shuffle": None,
    "offline": None,
}
ACCOUNT_DATA = [one | UNTOLD for one in FULL]
NAMES = {11: "Étude", 12: HOSTILE, 13: FORMULA}
ARTISTS = {21: "Band", 22: HOSTILE}


# Of the plays of `FULL`: 900 s of music and an hour of a podcast in 2024, on four days.
RECAP_OF_2024: dict[str, Any] = {
    "listener": "anna",
    "year": 2024,
    "plays": 5,
    "streams": 4,
    "ms_played": 4_500_000,
    "music_ms_played": 900_000,
    "spoken_ms_played": 3_600_000,
    "artists": 2,
    "tracks": 3,
    "albums": 2,
    "new_tracks": 2,
    "new_artists": 1,
    "active_days": 4,
    "days": 61,
    "skip_rate": 0.2,
    "skips_known": 5,
    "shuffle_share": 0.2,
    "shuffles_known": 5,
    "year_before_ms_played": 100_000,
    "year_before_plays": 1,
    "is_complete": False,
    "top_month": date(2024, 1, 1),
    "top_month_ms_played": 4_100_000,
    "biggest_day": date(2024, 1, 6),
    "biggest_day_ms_played": 3_600_000,
    "longest_streak_days": 2,
    "longest_streak_start": date(2024, 1, 5),
    "obsessive_week_start": date(2024, 1, 1),
    "obsessive_week_track": HOSTILE,
    "obsessive_week_artist": HOSTILE,
    "obsessive_week_plays": 3,
    "discoveries_kept": 1,
    "kept_artists": [HOSTILE],
    "top_genre": "rock",
    "top_genre_share": 0.5,
    "genre_coverage": 0.9,
    "listening_span_start": 1990,
    "listening_birth_year": 1973,
    "listening_age": 51,
    "release_coverage": 0.8,
    "sessions": 4,
    "mean_session_ms": 1_125_000.0,
    "longest_session_ms": 3_600_000,
    "longest_session_on": date(2024, 1, 6),
    "top_platform_family": "android",
    "top_platform_family_share": 1.0,
    "ours_artists": [HOSTILE, "Band"],
    "ours_artists_plays": ["2", "2"],
    "ours_artists_ms_played": ["580000", "320000"],
    "ours_tracks": [FORMULA, "Étude", HOSTILE],
    "ours_tracks_by": [HOSTILE, "Band", "Band"],
    "ours_tracks_plays": ["2", "1", "1"],
    "ours_tracks_ms_played": ["580000", "300000", "20000"],
    "ours_albums": [f"{HOSTILE}'s album", "Band's album"],
    "ours_albums_by": [HOSTILE, "Band"],
    "ours_albums_plays": ["2", "2"],
    "ours_albums_ms_played": ["580000", "320000"],
    "sprint": ["2,,1" + "," * 9, "1" + "," * 11],
    "wrapped_plays": 2,
    "wrapped_artists": ["Band", HOSTILE],
    "wrapped_artists_plays": ["1", "1"],
    "wrapped_tracks": ["Étude", FORMULA],
    "wrapped_tracks_by": ["Band", HOSTILE],
    "wrapped_tracks_plays": ["1", "1"],
    "wrapped_albums": ["Band's album", f"{HOSTILE}'s album"],
    "wrapped_albums_by": ["Band", HOSTILE],
    "wrapped_albums_plays": ["1", "1"],
}
RECAPS = [
    RECAP_OF_2024,
    {
        "listener": "anna",
        "year": 2023,
        "plays": 1,
        "ms_played": 100_000,
        "active_days": 1,
        "days": 1,
        "is_complete": True,
    },
    {"listener": "ben", "year": 2024, "plays": 1, "ms_played": 240_000, "active_days": 1, "days": 1},
]


def _recap_of_one(only: dict[str, Any]) -> dict[str, Any]:
    """The recap of a listener whose only play it is: nothing is known of its genre, and nothing came before."""
    names = {"ours_artists": ["Band"], "ours_tracks": ["Étude"], "ours_albums": ["Band's album"]}
    figures = {
        f"{name}_{end}": [str(value)]
        for name in names
        for end, value in {"plays": 1, "ms_played": only["ms_played"]}.items()
    }
    day = _day(only)
    return {
        "listener": "anna",
        "year": day.year,
        **dict.fromkeys(("plays", "streams", "tracks", "artists", "albums", "active_days", "days", "sessions"), 1),
        **dict.fromkeys(("longest_streak_days", "new_artists", "new_tracks"), 1),
        "ms_played": only["ms_played"],
        "music_ms_played": only["ms_played"],
        "biggest_day": day,
        "biggest_day_ms_played": only["ms_played"],
        "longest_streak_start": day,
        "mean_session_ms": float(only["ms_played"]),
        "longest_session_ms": only["ms_played"],
        "longest_session_on": day,
        **names,
        **figures,
        "ours_tracks_by": ["Band"],
        "ours_albums_by": ["Band"],
        "sprint": ["," * 4 + "1" + "," * 7],
    }


def write_warehouse(path: Path, plays: Rows, *, without: Iterable[str] = ()) -> Path:
    """A DuckDB file with all tables but those `without`, and in them what follows from the plays."""
    shutil.copyfile(_tables(), path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if plays:
            for table, rows in _literal(plays).items():
                insert(connection, table, rows)
            _derive(connection)
        for table in without:
            connection.execute(f"DROP TABLE {table}")
    return path


def write_lake(uri: str, connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> Lake:
    """A lake with the rows of these tables of a warehouse."""
    lake = Lake(uri)
    for table in tables:
        rows = connection.execute(f"FROM {table}").to_arrow_table().cast(TABLES[table].arrow_schema)
        write_deltalake(lake.table_uri(table), rows, storage_options=storage_options(uri))
    return lake


@cache
def _tables() -> Path:
    """A file with empty tables, to be copied: creating them takes half a second."""
    path = Path(tempfile.mkdtemp()) / "tables.duckdb"
    metadata = ddl.build_metadata([*TABLES], ddl.DUCKDB, has_keys=lambda table: False, checks=False)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            ";".join(ddl.create_table(table, ddl.DUCKDB, foreign_keys=False) for table in metadata.sorted_tables)
        )
    return path


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows; required columns that they lack are 0, empty, false or the first of January 2024."""
    model = TABLES[table]
    required = {*model.required_columns}
    filled = [
        {
            field.name: row.get(field.name, _zero(field.type) if field.name in required else None)
            for field in model.arrow_schema
        }
        for row in rows
    ]
    found = pa.Table.from_pylist(filled, model.arrow_schema)
    connection.register("rows", found)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
    connection.unregister("rows")


def _zero(type_: pa.DataType) -> Any:
    if pa.types.is_string(type_):
        return ""
    if pa.types.is_boolean(type_):
        return False
    if pa.types.is_date(type_):
        return date(2024, 1, 1)
    if pa.types.is_timestamp(type_):
        return datetime(2024, 1, 1, tzinfo=UTC)
    return [] if pa.types.is_list(type_) else 0


def _literal(plays: Rows) -> dict[str, Rows]:
    """Facts, dimensions, and what tables of metrics hold of them."""
    listeners = {1: "anna", 2: "ben"}
    of = {key: [one for one in plays if one["listener_key"] == key] for key in listeners}
    present = {key: found for key, found in of.items() if found}
    days = [date(2023, 12, 31) + timedelta(days=number) for number in range(366)]
    seconds = {
        key: {
            recording: sum(one["ms_played"] for one in found if one["recording_key"] == recording)
            for recording in NAMES
        }
        for key, found in present.items()
    }
    music = {key: sum(sums.values()) for key, sums in seconds.items()}
    heard = [(key, recording, ms) for key, sums in seconds.items() for recording, ms in sums.items() if ms]

    def of_all_time(key: int, entity: str, of: int) -> dict[str, int]:
        found = [one["ms_played"] for one in plays if one["listener_key"] == key and one[entity] == of]
        return {"total_plays": len(found), "total_ms_played": sum(found)}

    return {
        "fct_plays": plays,
        "plays": [
            {
                "play_id": one["play_id"],
                "listener": listeners[one["listener_key"]],
                "source_file": "a.json",
                **_shared(one),
            }
            for one in plays
        ],
        "dim_listener": [
            {
                "listener_key": key,
                "listener": listeners[key],
                "timezone": "Europe/Stockholm",
                "first_date": min(_day(one) for one in found),
                "last_date": max(_day(one) for one in found),
            }
            for key, found in present.items()
        ],
        "dim_date": [{"date_key": int(f"{day:%Y%m%d}"), "date": day} for day in days],
        "dim_artist": [
            {"artist_key": key, "artist_name": name, "canonical_artist_key": key, "merged_by": "none"}
            for key, name in {**ARTISTS, -2: "not applicable"}.items()
        ],
        "dim_album": [
            {
                "album_key": key + 10,
                "album_name": f"{name}'s album",
                "artist_name": name,
                "artist_key": key,
                "canonical_album_key": key + 10,
                "merged_by": "none",
            }
            for key, name in ARTISTS.items()
        ],
        "dim_recording": [
            {
                "recording_key": key,
                "canonical_recording_key": key,
                "merged_by": "none",
                "track_name": name,
                "canonical_track_key": _track(key),
                "artist_name": ARTISTS[_artist(key)],
            }
            for key, name in NAMES.items()
        ],
        "dim_track": [
            {
                "track_key": _track(key),
                "track_name": name,
                "artist_name": ARTISTS[_artist(key)],
                "recording_key": key,
                "artist_key": _artist(key),
                "album_key": _artist(key) + 10,
                "canonical_track_key": _track(key),
                "track_uri": f"spotify:track:{TRACK_ID}" if key == 11 else None,
                "duration_ms": 300_000,
                "image_url": "https://i.scdn.co/image/ab67616d" if key == 11 else "https://example.com/spy.png",
            }
            for key, name in NAMES.items()
        ],
        "dim_episode": [
            {"episode_key": "e1", "content_type": "episode", "episode_name": HOSTILE, "show_name": HOSTILE}
        ],
        # Two members of one name, as the lake has of `unknown`: a play counts once all the same.
        "dim_platform": [
            {"platform_key": key, "platform": name, "platform_family": name}
            for key, name in {41: "android", 42: "android", 43: "unknown"}.items()
        ],
        "dim_reason": [
            {"reason_key": code, "reason": code, "meaning": meaning}
            for code, meaning in {
                "clickrow": "Picked from a list",
                "trackdone": "Played to its end",
                "fwdbtn": "Forward button",
                "unknown": "unknown",
            }.items()
        ],
        "track_metrics": [
            {
                "listener": listeners[key],
                "recording_key": recording,
                "track_key": _track(recording),
                "track_name": NAMES[recording],
                "artist_name": ARTISTS[_artist(recording)],
                **of_all_time(key, "recording_key", recording),
                "rank": place,
                "state": "forgotten",
                "best_day": date(2024, 1, 1),
            }
            for place, (key, recording, _) in enumerate(heard, 1)
        ],
        "artist_metrics": [
            {
                "listener": listeners[key],
                "artist_key": artist,
                "artist_name": ARTISTS[artist],
                **of_all_time(key, "artist_key", artist),
                "rank": place,
                "state": "current",
            }
            for place, (key, artist) in enumerate(
                sorted({(key, _artist(recording)) for key, recording, _ in heard}), 1
            )
        ],
        "album_metrics": [
            {
                "listener": listeners[key],
                "album_key": artist + 10,
                "album_name": f"{ARTISTS[artist]}'s album",
                "artist_name": ARTISTS[artist],
                **of_all_time(key, "album_key", artist + 10),
                "rank": place,
                "state": "current",
            }
            for place, (key, artist) in enumerate(
                sorted({(key, _artist(recording)) for key, recording, _ in heard}), 1
            )
        ],
        "period_listening": [
            {
                "listener": listeners[key],
                "period_type": kind,
                "period_start": min(_day(one) for one in found),
                "ms_played": sum(one["ms_played"] for one in found),
                "plays": len(found),
                "effective_artists": 2.0,
                "mean_release_year": 1999.0,
            }
            for key, found in present.items()
            for kind in ("all", "year")
        ],
        "top_charts": [
            {
                "listener": listeners[key],
                "entity_type": "track",
                "period_type": "year",
                "period_start": date(2024, 1, 1),
                "rank": place,
                "entity_key": recording,
                "name": NAMES[recording],
                "artist_name": ARTISTS[_artist(recording)],
                "ms_played": ms,
                "plays": 1,
                "share": ms / music[key],
                "peak_rank": place,
                "periods_on_chart": 1,
                "is_new": True,
            }
            for place, (key, recording, ms) in enumerate(heard, 1)
            if key == 1
        ],
        "discoveries": [
            {
                "listener": listeners[key],
                "entity_type": "artist",
                "entity_key": _artist(recording),
                "name": ARTISTS[_artist(recording)],
                "artist_name": ARTISTS[_artist(recording)],
                "discovered_on": date(2024, 1, 1),
                "started_by": "deliberate",
                "platform": "android",
            }
            for key, recording, _ in heard
        ],
        "listening_sessions": [
            {
                "listener": listeners[key],
                "session_start": found[0]["played_at"],
                "date": _day(found[0]),
                "ms_played": 1000,
                "plays": 1,
                "session_type": "mixed",
                "first_recording_key": 11,
            }
            for key, found in present.items()
        ],
        "yearly_recap": RECAPS[: len(present) + 1] if len(plays) > 1 else [_recap_of_one(plays[0])],
        "records": [
            {
                "listener": "anna",
                "record": "most_plays_in_a_day",
                "record_value": 2.0,
                "unit": "plays",
                "happened_on": date(2024, 1, 1),
                "name": HOSTILE,
                "artist_name": HOSTILE,
            }
        ],
        "milestones": [
            {"listener": "anna", "kind": "plays", "value": 1, "reached_on": date(2023, 12, 31), "artist_key": -2}
        ],
        "listening_streaks": [
            {
                "listener": "anna",
                "entity_type": "any",
                "entity_key": -2,
                "start": date(2024, 1, 1),
                "end": date(2024, 1, 3),
                "days": 3,
            }
        ],
        "coverage_gaps": [
            {
                "listener": "anna",
                "gap_start": date(2024, 1, 7),
                "gap_end": date(2024, 2, 28),
                "days": 53,
                "is_suspicious": True,
                "source_before": HOSTILE,
                "source_after": HOSTILE,
            }
        ],
        "popularity_model": [
            {
                "model_version": "m",
                "tracks": 1_000,
                "artists": 100,
                "unused_tracks": 7,
                "files": 1,
                "mae": 6.0,
                "rmse": 9.0,
                "r2": 0.4,
                "linear_mae": 7.0,
                "linear_rmse": 10.0,
                "mean_mae": 9.5,
                "beats_baselines": True,
            }
        ],
        "popularity_model_features": [
            {
                "model_version": "m",
                "feature": feature,
                "what": what,
                "feature_rank": rank,
                "importance": 4.0 - rank,
                "known_share": 0.8,
            }
            for rank, (feature, what) in enumerate(
                (("years_since_release", "age of the track"), ("genre_family", "genre"), ("key", "key")), 1
            )
        ],
        "popularity_model_effects": [
            {
                "model_version": "m",
                "feature": feature,
                "step": step,
                "feature_value": value,
                "genre_family": family,
                "predicted_popularity": 40.0 + 10 * step,
            }
            for feature, step, value, family in (
                ("years_since_release", 0, 20.0, None),
                ("years_since_release", 1, 1.0, None),
                ("genre_family", 0, None, "rock"),
                ("genre_family", 1, None, "hip_hop"),
            )
        ],
        "popularity_predictions": [
            {
                "recording_key": recording,
                "track_key": _track(recording),
                "track_name": NAMES.get(recording),
                "artist_name": ARTISTS[_artist(recording)],
                "popularity": popularity,
                "predicted_popularity": 50.5,
                "residual": popularity - 50.5,
                "known_features": 9,
                "model_version": "m",
            }
            for recording, popularity in ((11, 80), (12, 12), *((number, 50) for number in range(100, 120)))
        ],
        "genre_trends": [
            {
                "listener": "anna",
                "month": date(2024, month, 1),
                "genre_family": family,
                "ms_played": 1000 * month,
                "share": 0.5,
                "trailing_12_share": 0.5,
                "coverage": 0.9,
                "is_emerging": family == "rnb_soul",
                "z_score": 2.5,
            }
            for month in (1, 2, 3)
            for family in ("rock", "rnb_soul")
        ],
        "era_activity": [
            {"listener": "anna", "month": date(2024, 1, 1), "release_decade": 1990, "ms_played": 1000, "plays": 1}
        ],
        "audio_profile": [
            {
                "listener": "anna",
                "month": date(2024, month, 1),
                "danceability": 0.5,
                "energy": 0.1 * month,
                "acousticness": 0.2,
                "instrumentalness": 0.1,
                "valence": 0.3,
                "coverage": 0.9,
            }
            for month in (1, 2, 3)
        ],
        "catalogue_coverage": [
            {
                "listener": listeners[key],
                "attribute": "genre",
                "ms_share": 0.6,
                "track_share": 0.5,
                "known_ms_played": 600,
                "ms_played": 1000,
            }
            for key in present
        ],
        "listening_behaviour": [
            {
                "listener": "anna",
                "year": year,
                "dimension": "position_in_session",
                "value": value,
                "plays": 10,
                "skips": skips,
                "skips_known": 10,
            }
            for year in (0, 2024)
            for value, skips in (("1", 1), ("11+", 5))
        ],
        "listening_places": [
            {
                "listener": "anna",
                "month": date(2024, 1, 1),
                "conn_country": "SE",
                "ms_played": 1000,
                "plays": 1,
                "days": 1,
                "home": "SE",
            }
        ],
        "trips": [
            {
                "listener": "anna",
                "trip_start": date(2024, 1, 5),
                "trip_end": date(2024, 1, 6),
                "country": "NO",
                "home": "SE",
                "days": 2,
                "top_recordings": [HOSTILE],
            }
        ],
        "dim_playlist": [
            {
                "playlist_key": 51,
                "playlist_name": HOSTILE,
                "description": HOSTILE,
                "playlist_id": "37i9dQZF1DXcBWIGoYBM5M",
                "is_current": True,
                "kind": "playlist",
                "valid_from": date(2024, 1, 1),
            }
        ],
        "playlist_metrics": [
            {"playlist_key": 51, "playlist_name": HOSTILE, "tracks": 1, "hours": 0.1, "snapshots": 2}
        ],
        "playlist_changes": [
            {
                "playlist_key": 51,
                "snapshot_date": date(2024, 1, 2),
                "content_key": TRACK_ID,
                "content_type": "track",
                "track_key": TRACK_ID,
                "name": "Étude",
                "artist_name": "Band",
                "change": "entered",
                "position": 0,
            }
        ],
        "playlist_track_tenure": [
            {
                "playlist_key": 51,
                "content_key": TRACK_ID,
                "content_type": "track",
                "track_key": TRACK_ID,
                "name": "Étude",
                "artist_name": "Band",
                "is_current": True,
                "current_position": 0,
            }
        ],
        "playlist_impact": [
            {
                "playlist_key": 51,
                "content_key": TRACK_ID,
                "recording_key": 11,
                "track_name": "Étude",
                "artist_name": "Band",
                "is_dead_weight": True,
                "position_bucket": "1-10",
                "days_listed": 100,
                "plays_before": 2,
                "plays_after": 3,
                "uplift": 1,
            }
        ],
        "playlist_overlap": [
            {"playlist_a": 51, "playlist_b": 51, "name_a": HOSTILE, "name_b": HOSTILE, "shared": 1, "jaccard": 1.0}
        ],
        "fct_playlist_tracks": [
            {"playlist_key": 51, "snapshot_date": date(2024, 1, 1), "position": 0, "content_type": "track"}
        ],
        "show_metrics": [
            {
                "listener": "anna",
                "show_key": 61,
                "content_type": "episode",
                "show_name": HOSTILE,
                "episodes": 1,
                "plays": 1,
                "ms_played": 3_600_000,
                "rank": 1,
            }
        ],
        "episode_metrics": [
            {
                "listener": "anna",
                "episode_key": "e1",
                "content_type": "episode",
                "episode_name": HOSTILE,
                "show_name": HOSTILE,
                "ms_played": 3_600_000,
                "parts": 1,
            }
        ],
        "daily_spoken_plays": [
            {"listener": "anna", "date": date(2024, 1, 6), "episode_key": "e1", "plays": 1, "ms_played": 3_600_000}
        ],
        "listener_affinity": [
            {
                "listener_a": "anna",
                "listener_b": "ben",
                "entity_type": kind,
                "shared": 1,
                "cosine": 0.5,
                "shared_minimum": 0.5,
                "rank_weighted": 0.5,
                "shared_favourites": [HOSTILE],
                "heard_first_by": ["anna"],
            }
            for kind in ("artist", "track", "album")
        ],
        "raw_files": [
            {
                "listener": "anna",
                "source_file": "a.json",
                "source_format": "extended",
                "status": "read",
                "records": len(of[1]) + 2,
                "detail": HOSTILE,
            }
        ],
        "rejected_plays": [
            {
                "listener": "anna",
                "source_file": "a.json",
                "source_row": row,
                "reason": reason,
                "track_name": FORMULA,
                "artist_name": HOSTILE,
                "played_at": datetime(2024, 1, 1, tzinfo=UTC),
                "source_format": "account_data",
            }
            for row, reason in enumerate(("too_short", "superseded"))
        ],
        "raw_exclusions": [{"exclusion_id": "x", "listener": "*", "what": "artist", "value": HOSTILE}],
    }


def _derive(connection: duckdb.DuckDBPyConnection) -> None:
    """Sums of the facts by hour and by track, in SQL of their own."""
    keys = "l.listener, d.date"
    joins = "FROM fct_plays p JOIN dim_listener l USING (listener_key) JOIN dim_date d USING (date_key)"
    by_hour = f"""
        SELECT {keys}, time_key AS hour, platform, 'SE' AS conn_country, {SUMS} {joins}
        JOIN dim_platform USING (platform_key) GROUP BY ALL
    """
    by_track = f"""
        SELECT {keys}, recording_key, artist_key, album_key, {SUMS} {joins} WHERE content_type = 'track' GROUP BY ALL
    """
    by_day = f"""
        SELECT {keys}, {SUMS}, coalesce(sum(ms_played) FILTER (content_type <> 'track'), 0)::BIGINT AS spoken_ms_played
        {joins} GROUP BY ALL
    """
    cohorts = [
        {
            "listener": "anna",
            "entity_type": "artist",
            "cohort_month": date(2024, 1, 1),
            "months_since": month,
            "entities": 10,
            "still_played": 10 - month,
        }
        for month in range(1, 3)
    ]
    for table, sql in {"hourly_listening": by_hour, "daily_track_plays": by_track, "daily_listening": by_day}.items():
        insert(connection, table, connection.execute(sql).to_arrow_table().to_pylist())
    insert(connection, "discovery_cohorts", cohorts)


def _shared(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("played_at", "content_type", "ms_played", "month")}


def _day(one: Mapping[str, Any]) -> date:
    return datetime.strptime(str(one["date_key"]), "%Y%m%d").date()


def _artist(recording: int) -> int:
    return 22 if recording == 13 else 21


def _track(recording: int) -> str:
    return TRACK_ID if recording == 11 else f"name:{recording}"
