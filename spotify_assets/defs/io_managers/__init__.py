"""How tables are read and written."""

from spotify_assets.defs.io_managers.delta_lake import DeltaLakeIOManager

__all__ = ["DeltaLakeIOManager"]
