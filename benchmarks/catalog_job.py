"""The jobs that `benchmarks.catalog` measures, each in a process of its own: `make TRACKS`, `ours` or `baseline`."""

import json
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from spotify_assets.readers.catalog import AUDIO_FEATURES

if TYPE_CHECKING:
    from spotify_assets.refresh.frames import LakeFrames

FOLDER = "landing/catalog"
# In this order each is computed from those before.
COMPUTED = ("catalog_artists", "catalog_albums", "catalog_features", "catalog_tracks", "catalog_tracks_rejects")
JOIN = f"""
    SELECT albums.track_id, track_name, album_id, album_name, albums.release_date, artists.id AS artist_id,
        artists.name AS artist_name, artist_popularity, followers, artist_genres, track_popularity, album_popularity,
        explicit, albums.duration_ms, {", ".join(AUDIO_FEATURES)}
    FROM read_csv('{FOLDER}/albums.csv') AS albums
    JOIN read_csv('{FOLDER}/artists.csv') AS artists ON albums.artist_id = artists.id
    JOIN (SELECT DISTINCT ON (id) * FROM read_csv('{FOLDER}/tracks.csv')) AS tracks ON albums.track_id = tracks.id
    LEFT JOIN read_csv('{FOLDER}/features.csv') AS features ON albums.track_id = features.id
"""
ALBUM_TRACKS, ARTIST_TRACKS = 10, 40
# One of so many tracks has no album, and one of so many is told twice.
WITHOUT_ALBUM, TWICE = 50, 100


def make(tracks: int) -> None:
    """Write the files of that many tracks; an id is 22 characters of a hash."""

    def id_of(kind: str, number: str) -> str:
        return f"substr(md5('{kind}' || ({number})), 1, 22)"

    album, artist = f"i // {ALBUM_TRACKS}", f"i // {ARTIST_TRACKS}"
    of_each = f"FROM (SELECT unnest(range({tracks})) AS i)"
    features = ", ".join(f"{_feature(name, place)} AS {name}" for place, name in enumerate(AUDIO_FEATURES))
    files = {
        "artists": f"""
            SELECT {id_of("artist", "i")} AS id, 'Artist ' || i AS name, i % 101 AS artist_popularity,
                '[''indie pop'', ''genre ' || i % 500 || ''']' AS artist_genres, i * 7 AS followers
            FROM (SELECT unnest(range({tracks // ARTIST_TRACKS + 1})) AS i)
        """,
        "albums": f"""
            SELECT 'Track ' || i AS track_name, {id_of("track", "i")} AS track_id,
                i % {ALBUM_TRACKS} + 1 AS track_number, 120000 + i % 200000 AS duration_ms,
                'album' AS album_type, '[''Artist ' || {artist} || ''']' AS artists,
                {ALBUM_TRACKS} AS total_tracks, 'Album ' || {album} AS album_name,
                (DATE '1960-01-01' + ({album} % 22000)::INTEGER)::VARCHAR || ' 00:00:00 UTC' AS release_date,
                'Label ' || {album} % 900 AS label, {album} % 101 AS album_popularity,
                {id_of("album", album)} AS album_id, {id_of("artist", artist)} AS artist_id
            {of_each} WHERE i % {WITHOUT_ALBUM} > 0
        """,
        "tracks": f"""
            SELECT {id_of("track", "i")} AS id, i % 101 AS track_popularity, i % 9 = 0 AS explicit {of_each}
            UNION ALL SELECT {id_of("track", "i")}, i % 101, false {of_each} WHERE i % {TWICE} = 1
        """,
        "features": f"SELECT {features}, {id_of('track', 'i')} AS id, 4 AS time_signature {of_each}",
    }
    Path(FOLDER).mkdir(parents=True)
    for name, query in files.items():
        duckdb.execute(f"COPY ({query}) TO '{FOLDER}/{name}.csv' (HEADER)")


def _feature(name: str, place: int) -> str:
    whole = {"key": "i % 12", "mode": "i % 2"}
    return whole.get(name, f"round((i * {place + 3} % 1000) / 1000 * {180 if name == 'tempo' else 1}, 3)")


def ours() -> tuple[int, dict[str, float]]:
    """Read the files and compute the tables in a new lake: rows of `catalog_tracks`, and seconds of each step."""
    from spotify_assets.ingest.catalog import mirror_catalog
    from spotify_assets.landing.zone import LandingZone
    from spotify_assets.refresh.frames import LakeFrames
    from spotify_assets.settings import load_settings

    settings = load_settings(landing_uri="landing", lake_uri="lake")
    frames = LakeFrames.of(settings)
    steps: dict[str, Callable[[], object]] = {
        "start": frames.session,
        "read": lambda: mirror_catalog(LandingZone(settings.landing_uri), frames.lake, settings),
    }
    steps |= {table: partial(_compute, frames, table) for table in COMPUTED}
    seconds = {}
    for name, step in steps.items():
        began = time.perf_counter()
        step()
        seconds[name] = time.perf_counter() - began
    return frames.lake.count("catalog_tracks"), seconds


def _compute(frames: "LakeFrames", table: str) -> None:
    frames.write(table, frames.compute(table), ())


def baseline() -> tuple[int, dict[str, float]]:
    """Read and join the files in DuckDB: rows of the result."""
    duckdb.execute(f"COPY ({JOIN}) TO 'joined.parquet'")
    [(rows,)] = duckdb.execute("SELECT count(*) FROM 'joined.parquet'").fetchall()
    return rows, {}


def main(job: str, tracks: int = 0) -> None:
    if job == "make":
        make(tracks)
        return
    began = time.perf_counter()
    rows, steps = {"ours": ours, "baseline": baseline}[job]()
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"seconds": time.perf_counter() - began, "cpu": used.ru_utime + used.ru_stime, "rows": rows, "steps": steps}
    Path(f"{job}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
