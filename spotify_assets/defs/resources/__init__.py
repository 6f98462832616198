"""What assets need from outside: the engine, the landing zone, the Web API."""

from spotify_assets.defs.resources.landing import LandingResource
from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.defs.resources.spotify import SpotifyResource

__all__ = ["LandingResource", "SparkResource", "SpotifyResource"]
