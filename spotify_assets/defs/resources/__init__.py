"""Resources: engine, landing zone and Web API, and DuckDB and S3 for assets that you add."""

from spotify_assets.defs.resources.landing import LandingResource
from spotify_assets.defs.resources.s3 import s3
from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.defs.resources.spotify import SpotifyResource
from spotify_assets.defs.resources.warehouse import WarehouseResource

__all__ = ["LandingResource", "SparkResource", "SpotifyResource", "WarehouseResource", "s3"]
