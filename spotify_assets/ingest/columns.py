"""Helpers of the modules that build rows of raw tables: rows by column, and reasons why a file can't be read."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

import pyarrow as pa

from spotify_assets.model import TABLES
from spotify_assets.readers.errors import UnreadableError, is_passing
from spotify_assets.readers.responses import Fields
from spotify_assets.storage import OutsideStorageError, StorageError


class Limits(NamedTuple):
    """Sizes above which files are refused: of a JSON document, and of what an archive unpacks to (bytes)."""

    json_bytes: int
    unzipped_bytes: int


class ColumnBuilder:
    """Collects rows of a table by column."""

    def __init__(self, table: str) -> None:
        self._schema = TABLES[table].arrow_schema
        self._columns: dict[str, list[Any]] = {name: [] for name in self._schema.names}

    def extend(self, rows: Sequence[Fields], shared: Fields | None = None) -> None:
        """Add rows.

        Args:
            rows: Values by column; a column that is missing is null. `position` is the index in `rows`, from 0.
            shared: Columns with one value for all rows.
        """
        for name, values in self._columns.items():
            if shared is not None and name in shared:
                values.extend(repeat(shared[name], len(rows)))
            elif name == "position":
                values.extend(range(len(rows)))
            else:
                values.extend([row.get(name) for row in rows])

    def table(self) -> pa.Table:
        """All rows, in the table's schema."""
        arrays = [pa.array(values, self._schema.field(name).type) for name, values in self._columns.items()]
        return pa.Table.from_arrays(arrays, schema=self._schema)


def failure_reason(error: Exception, path: str) -> str:
    """Why a file can't be read, without any of its content and without the address of the landing zone.

    Raises:
        StorageError: It can't be read now, for a reason outside of it. Else what it holds would be dropped from the
            table, and missed until the file is touched.
    """
    if is_passing(error):
        why = (getattr(error, "strerror", None) or "not enough memory").lower()
        raise StorageError(f"{path} can't be read now: {why}; see to that or move it away, and sync again") from None
    if isinstance(error, UnreadableError | OutsideStorageError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"its reading failed ({type(error).__name__})"
