"""Rows gathered by column, and why a landed response gives none: what those who make raw rows share."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import pyarrow as pa

from spotify_assets.model import TABLES
from spotify_assets.readers.errors import UnreadableError
from spotify_assets.readers.responses import Fields
from spotify_assets.storage import OutsideStorageError


class Columns:
    """Rows of a table, gathered by column."""

    def __init__(self, table: str) -> None:
        self._schema = TABLES[table].arrow_schema
        self._columns: dict[str, list[Any]] = {name: [] for name in self._schema.names}

    def extend(self, rows: Sequence[Fields], shared: Fields | None = None) -> None:
        """Add rows; `shared` are columns that are the same for all, and `position` is counted from 0."""
        for name, values in self._columns.items():
            if shared is not None and name in shared:
                values.extend(repeat(shared[name], len(rows)))
            elif name == "position":
                values.extend(range(len(rows)))
            else:
                values.extend([row.get(name) for row in rows])

    def table(self) -> pa.Table:
        """All rows, in the columns of the table."""
        arrays = [pa.array(values, self._schema.field(name).type) for name, values in self._columns.items()]
        return pa.Table.from_arrays(arrays, schema=self._schema)


def reason_of(error: Exception) -> str:
    """Why a file can't be read; nothing of what is in it, or of where the landing zone is."""
    if isinstance(error, UnreadableError | OutsideStorageError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"its reading failed ({type(error).__name__})"
