"""Landed files, whatever their format, as Arrow tables of one record shape.

A file is told by its content, never by its name; the name only decides whether what can't be parsed should have
been (`unreadable`) or is simply something else (ignored).
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


def should_hold_data(name: str) -> bool:
    """Whether a file of that name is expected to be readable."""
    return PurePosixPath(name).suffix.lower() in DATA_SUFFIXES


def read_history(stream: BinaryIO, name: str, max_json_bytes: int) -> tuple[str, Iterator[pa.Table]]:
    """Format and records of one file of listening history.

    Args:
        stream: The file, opened at its start; it can seek.
        name: Its name, for its suffix only.
        max_json_bytes: Size above which a single JSON document is refused.

    Returns:
        The format, and tables of the record shape (see `records.RecordShaper`), read as they are asked for.

    Raises:
        NoHistoryError: where it holds something else.
        UnreadableError: where it should hold data and can't be read. Iterating may raise it, too.
    """
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    try:
        if head.startswith(b"PAR1"):
            return parquet.read(stream)
        if not head.strip():
            raise UnreadableError("it is empty")
        if b"\x00" in head:
            raise UnreadableError("it is no text, and no Parquet")
        start = head.decode("utf-8", "replace").removeprefix(BOM).removeprefix(MANGLED_BOM).lstrip()
        if start.startswith("["):
            return json.read_array(stream, max_json_bytes)
        if start.startswith("{"):
            return json.read_object_or_lines(stream, max_json_bytes)
        if PurePosixPath(name).suffix.lower() in JSON_SUFFIXES:
            raise UnreadableError("it is no JSON: it starts with neither [ nor {")
        return csv.read(stream)
    except UnreadableError as error:
        if should_hold_data(name):
            raise
        raise NoHistoryError(f"not a data file ({error})") from None
