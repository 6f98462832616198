"""What functions of assets call: `transforms`, and the type of their tables, without importing either.

Only runs call transforms. Dagster's code server loads all assets and stays: what they import would stay with it.
"""

from typing import TYPE_CHECKING, Any

from spotify_assets.lazy import lazy_module

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spotify_assets import transforms
else:
    # Dagster evaluates annotations when an asset is declared.
    DataFrame = Any
    transforms = lazy_module("spotify_assets.transforms")

__all__ = ["DataFrame", "transforms"]
