"""I/O managers: read and write tables of the lake."""

from spotify_assets.defs.io_managers.delta_lake import DeltaLakeIOManager

__all__ = ["DeltaLakeIOManager"]
