"""Resources: engine, landing zone and Web API, and DuckDB and S3 for assets that you add."""

from typing import TYPE_CHECKING, Any

from spotify_assets.defs.resources.landing import LandingResource
from spotify_assets.defs.resources.s3 import s3
from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.defs.resources.spotify import SpotifyResource

if TYPE_CHECKING:
    from spotify_assets.defs.resources.warehouse import WarehouseResource

__all__ = ["LandingResource", "SparkResource", "SpotifyResource", "WarehouseResource", "s3"]


def __getattr__(name: str) -> Any:
    """Import dagster-duckdb, and with it DuckDB, on first use."""
    if name != "WarehouseResource":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from spotify_assets.defs.resources.warehouse import WarehouseResource

    return WarehouseResource
