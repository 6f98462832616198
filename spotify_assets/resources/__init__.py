"""What assets need from outside: the engine, the landing zone, the settings of this process."""

from spotify_assets.resources.landing import LandingResource
from spotify_assets.resources.spark import SparkResource
from spotify_assets.resources.spotify import SpotifyResource

__all__ = ["LandingResource", "SparkResource", "SpotifyResource"]
