"""Rows of tables of what a person corrects. The source of what it calls is part of the tables' code version."""

import pyarrow as pa

from spotify_assets.ingest.columns import ColumnBuilder
from spotify_assets.landing.corrections import correction_rows
from spotify_assets.landing.zone import LandingZone


def override_table(landing: LandingZone, table: str) -> pa.Table:
    """All rows of a table of `landing.corrections.CORRECTIONS`.

    Raises:
        StorageError: The file can't be read now.
    """
    columns = ColumnBuilder(table)
    columns.extend(correction_rows(landing, table))
    return columns.table()
