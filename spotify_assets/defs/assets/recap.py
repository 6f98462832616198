"""What a year's recap shows."""

from spotify_assets.defs.assets.declare import lake_table
from spotify_assets.defs.assets.transform import DataFrame, transforms


@lake_table
def yearly_recap(
    period_listening: DataFrame,
    daily_listening: DataFrame,
    listening_sessions: DataFrame,
    listening_behaviour: DataFrame,
    top_charts: DataFrame,
    discoveries: DataFrame,
    genre_trends: DataFrame,
    daily_track_plays: DataFrame,
    dim_recording: DataFrame,
    dim_artist: DataFrame,
    dim_album: DataFrame,
    dim_track: DataFrame,
) -> DataFrame:
    return transforms.yearly_recap(
        period_listening,
        daily_listening,
        listening_sessions,
        listening_behaviour,
        top_charts,
        discoveries,
        genre_trends,
        daily_track_plays,
        dim_recording,
        dim_artist,
        dim_album,
        dim_track,
    )
