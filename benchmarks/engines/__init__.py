"""The same job in several engines.

Each module has `start`, which gives a connection that is ready, and `run`, which reads `raw_plays` and `raw_files`
below one folder, writes the tables of `TABLES` below another as Parquet (snappy), and yields each table's name once
it is written. Sail and Spark run this project's transforms; the others are written by hand, as somebody at home in
the engine would, for the same rows at the same grain.
"""

# What every engine writes.
TABLES = (
    "plays",
    "fct_plays",
    "daily_track_plays",
    "daily_listening",
    "dim_listener",
    "dim_date",
    "dim_platform",
    "dim_artist",
    "dim_album",
    "dim_track",
    "dim_episode",
    "track_metrics",
)
# What the transforms write besides, so that a new month costs a month: dimensions and metrics are made from these.
PARTIAL_AGGREGATES = ("hourly_listening", "monthly_content")
ENGINES = ("sail", "spark", "duckdb", "polars", "pandas")

MIN_MS_PLAYED = 500
MAX_MS_PLAYED = 24 * 60 * 60 * 1000
STREAM_MS = 30_000
PLATFORM_FAMILIES = {
    "web": "webplayer|web_player|web player",
    "speaker_or_tv": "partner|cast|tv|sonos|speaker|playstation|xbox|alexa|echo|google home",
    "android": "android",
    "ios": "ios|iphone|ipad",
    "windows": "windows",
    "macos": "os x|osx|macos|mac os",
    "linux": "linux",
    "unknown": "unknown",
}
