"""What functions of assets call: `transforms`, and the type of their tables, without importing PySpark.

Only runs call transforms. Dagster's code server, which loads all assets and stays, has PySpark's 20 MB for nothing.
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
