"""Rows of `raw_merges` and `raw_exclusions`. The source of what it calls is part of the tables' code version."""

import pyarrow as pa

from spotify_assets.ingest.columns import ColumnBuilder
from spotify_assets.landing.corrections import correction_rows
from spotify_assets.landing.zone import LandingZone


def override_table(landing: LandingZone, table: str) -> pa.Table:
    """All rows of `raw_merges` or `raw_exclusions`.

    Raises:
        StorageError: The file can't be read now.
    """
    columns = ColumnBuilder(table)
    columns.extend(correction_rows(landing, table))
    return columns.table()
