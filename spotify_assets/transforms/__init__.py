"""Pure functions from DataFrames to a DataFrame, one per computed table and named after it.

Positional parameters are the tables that a transform reads, by name; `spotify_assets.refresh.lineage` derives the
lineage from the signatures. Keyword-only parameters are settings. No Dagster and no I/O here.
"""

from spotify_assets.transforms.behaviour import (
    listening_behaviour,
    monthly_behaviour,
    monthly_play_lengths,
    play_lengths,
)
from spotify_assets.transforms.catalog_files import catalog_artists, catalog_features
from spotify_assets.transforms.catalog_join import catalog_tracks, catalog_tracks_rejects
from spotify_assets.transforms.catalog_metadata import catalog_albums, catalog_track_metadata
from spotify_assets.transforms.catalogue import track_catalogue
from spotify_assets.transforms.charts import top_charts
from spotify_assets.transforms.content import audio_profile, era_activity, genre_trends
from spotify_assets.transforms.dimensions import (
    bridge_track_artist,
    dim_album,
    dim_artist,
    dim_date,
    dim_episode,
    dim_listener,
    dim_platform,
    dim_reason,
    dim_recording,
    dim_time,
    dim_track,
)
from spotify_assets.transforms.discovery import discoveries, discovery_cohorts
from spotify_assets.transforms.facts import fct_playlist_tracks, fct_plays
from spotify_assets.transforms.genres import genre_families
from spotify_assets.transforms.life import album_metrics, artist_metrics, track_metrics
from spotify_assets.transforms.metrics import (
    catalogue_coverage,
    daily_listening,
    daily_spoken_plays,
    daily_track_plays,
    hourly_listening,
    listening_clock,
    monthly_content,
)
from spotify_assets.transforms.milestones import listening_streaks, milestones, records
from spotify_assets.transforms.people import listener_affinity
from spotify_assets.transforms.period_listening import period_listening
from spotify_assets.transforms.periods import coverage_gaps
from spotify_assets.transforms.places import listening_places, trips
from spotify_assets.transforms.playlist_metrics import playlist_impact, playlist_metrics, playlist_overlap
from spotify_assets.transforms.playlists import dim_playlist, playlist_changes, playlist_track_tenure, playlist_tracks
from spotify_assets.transforms.plays import plays
from spotify_assets.transforms.popularity import (
    popularity_model,
    popularity_model_effects,
    popularity_model_features,
    popularity_predictions,
    popularity_tracks,
)
from spotify_assets.transforms.recap import yearly_recap
from spotify_assets.transforms.rejected_plays import rejected_plays
from spotify_assets.transforms.sessions import listening_sessions, session_edges, session_parts
from spotify_assets.transforms.spoken import episode_metrics, show_metrics

__all__ = [
    "album_metrics",
    "artist_metrics",
    "audio_profile",
    "bridge_track_artist",
    "catalog_albums",
    "catalog_artists",
    "catalog_features",
    "catalog_track_metadata",
    "catalog_tracks",
    "catalog_tracks_rejects",
    "catalogue_coverage",
    "coverage_gaps",
    "daily_listening",
    "daily_spoken_plays",
    "daily_track_plays",
    "dim_album",
    "dim_artist",
    "dim_date",
    "dim_episode",
    "dim_listener",
    "dim_platform",
    "dim_playlist",
    "dim_reason",
    "dim_recording",
    "dim_time",
    "dim_track",
    "discoveries",
    "discovery_cohorts",
    "episode_metrics",
    "era_activity",
    "fct_playlist_tracks",
    "fct_plays",
    "genre_families",
    "genre_trends",
    "hourly_listening",
    "listener_affinity",
    "listening_behaviour",
    "listening_clock",
    "listening_places",
    "listening_sessions",
    "listening_streaks",
    "milestones",
    "monthly_behaviour",
    "monthly_content",
    "monthly_play_lengths",
    "period_listening",
    "play_lengths",
    "playlist_changes",
    "playlist_impact",
    "playlist_metrics",
    "playlist_overlap",
    "playlist_track_tenure",
    "playlist_tracks",
    "plays",
    "popularity_model",
    "popularity_model_effects",
    "popularity_model_features",
    "popularity_predictions",
    "popularity_tracks",
    "records",
    "rejected_plays",
    "session_edges",
    "session_parts",
    "show_metrics",
    "top_charts",
    "track_catalogue",
    "track_metrics",
    "trips",
    "yearly_recap",
]
