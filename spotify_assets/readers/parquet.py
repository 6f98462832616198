"""Parquet with the columns of a known format."""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.formats import FIELDS, format_of
from spotify_assets.readers.records import RecordShaper

BATCH_ROWS = 250_000


def read(stream: BinaryIO) -> tuple[str, Iterator[pa.Table]]:
    """Format and records.

    Raises:
        NoHistoryError: where its columns are no known format's.
        UnreadableError: where it is broken.
    """
    try:
        file = parquet.ParquetFile(stream)
    except (pa.ArrowException, OSError) as error:
        raise _broken(error) from None
    source_format = format_of(file.schema_arrow.names)
    if source_format is None:
        raise NoHistoryError("Parquet whose columns are no listening history's")
    known = [name for name in file.schema_arrow.names if name in FIELDS[source_format]]
    return source_format, _batches(file, known, RecordShaper(source_format))


def _batches(file: parquet.ParquetFile, columns: list[str], shaper: RecordShaper) -> Iterator[pa.Table]:
    try:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            yield shaper.from_columns(pa.Table.from_batches([batch]))
    except (pa.ArrowException, OSError) as error:
        raise _broken(error) from None


def _broken(error: Exception) -> UnreadableError:
    return UnreadableError(f"it is no whole Parquet file: {str(error).splitlines()[0][:200]}")
