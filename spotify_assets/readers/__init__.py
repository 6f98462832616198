"""Readers of landed files: any supported format, as Arrow tables of one record schema.

The format is detected from a file's content. Its name only decides what a file that can't be parsed is: `unreadable`
with the suffix of a data file, else ignored.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

import pyarrow as pa

from spotify_assets.readers import csv, json, parquet
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.text import BOM, MANGLED_BOM

DATA_SUFFIXES = frozenset({".json", ".ndjson", ".csv", ".parquet", ".zip"})
JSON_SUFFIXES = frozenset({".json", ".ndjson"})
HEAD_BYTES = 4096


def has_data_suffix(name: str) -> bool:
    """Whether a file has the suffix of a supported format."""
    return PurePosixPath(name).suffix.lower() in DATA_SUFFIXES


def read_history(stream: BinaryIO, name: str, max_json_bytes: int) -> tuple[str, Iterator[pa.Table]]:
    """Detect the format of a file of listening history and read its records.

    Args:
        stream: The file, at its start; seekable.
        name: File name; only the suffix is used.
        max_json_bytes: Largest JSON document to read, in bytes; NDJSON is read in blocks and has no limit.

    Returns:
        The format (a key of `formats.FIELDS`), and a lazy iterator of tables in the schema of `records.RecordShaper`.

    Raises:
        NoHistoryError: The file is readable but holds no listening history.
        UnreadableError: The file has the suffix of a data file and can't be read. The iterator may raise it, too.
    """
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    try:
        if head.startswith(b"PAR1"):
            return parquet.read_parquet(stream)
        if not head.strip():
            raise UnreadableError("it is empty")
        if b"\x00" in head:
            raise UnreadableError("it is no text, and no Parquet")
        start = head.decode("utf-8", "replace").removeprefix(BOM).removeprefix(MANGLED_BOM).lstrip()
        if start.startswith("["):
            return json.read_json_array(stream, max_json_bytes)
        if start.startswith("{"):
            return json.read_json_object_or_lines(stream, max_json_bytes)
        if PurePosixPath(name).suffix.lower() in JSON_SUFFIXES:
            raise UnreadableError("it is no JSON: it starts with neither [ nor {")
        return csv.read_csv(stream)
    except UnreadableError as error:
        if has_data_suffix(name):
            raise
        raise NoHistoryError(f"not a data file ({error})") from None
