"""Parquet with the columns of a known format."""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from spotify_assets.readers.errors import NoHistoryError, UnreadableError, is_passing
from spotify_assets.readers.formats import detect_format
from spotify_assets.readers.records import RecordShaper, Shaping

BATCH_ROWS = 250_000


def read_parquet(stream: BinaryIO, shaping: Shaping) -> tuple[str, Iterator[pa.Table]]:
    """Detect the format from the column names and read the records; see `read_history`.

    Raises:
        NoHistoryError: The columns are not those of a known format.
        UnreadableError: The file is damaged. The iterator may raise it, too.
    """
    try:
        file = parquet.ParquetFile(stream)
    except (pa.ArrowException, OSError) as error:
        if is_passing(error):
            raise
        raise _broken(error) from None
    detected = detect_format(file.schema_arrow.names, is_flat=True)
    if detected is None:
        raise NoHistoryError("Parquet whose columns are no listening history's")
    return detected.name, _read_batches(file, list(detected.spelled.values()), shaping(*detected))


def _read_batches(file: parquet.ParquetFile, columns: list[str], shaper: RecordShaper) -> Iterator[pa.Table]:
    try:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            yield shaper.from_columns(pa.Table.from_batches([batch]))
    except (pa.ArrowException, OSError) as error:
        if is_passing(error):
            raise
        raise _broken(error) from None


def _broken(error: Exception) -> UnreadableError:
    return UnreadableError(f"it is no whole Parquet file: {str(error).splitlines()[0][:200]}")
