"""What assets need from outside: the engine, the landing zone, the Web API; and what those of others may want."""

from spotify_assets.defs.resources.landing import LandingResource
from spotify_assets.defs.resources.s3 import s3
from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.defs.resources.spotify import SpotifyResource
from spotify_assets.defs.resources.warehouse import WarehouseResource

__all__ = ["LandingResource", "SparkResource", "SpotifyResource", "WarehouseResource", "s3"]
