"""The same job in several engines.

Each module has a function `start`, which returns a connection that is ready, and a function `run`, which reads
`raw_plays` and `raw_files` below one folder, writes `TABLES` below another as Parquet (snappy), and yields each
table's name once it is written. Sail and Spark run this project's transforms; the others are idiomatic code for the
same rows at the same grain.
"""

# Tables that every engine writes.
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
# Tables that only this project's transforms write: partial aggregates, so that dimensions and metrics need not read
# all plays again, and canonical recordings.
OWN_TABLES = ("hourly_listening", "monthly_content", "dim_recording")
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
