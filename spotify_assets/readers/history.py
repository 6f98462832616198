"""Read files of listening history of any supported format, as Arrow tables of one record schema.

The format is detected from a file's content. Its name only decides what a file that can't be parsed is: `unreadable`
with the suffix of a data file, else ignored.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO

import pyarrow as pa

from spotify_assets.readers import csv, json, parquet
from spotify_assets.readers.archives import ARCHIVE_SUFFIXES
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.records import RecordShaper, Shaping
from spotify_assets.readers.scrobbles import SCROBBLE_FORMATS, estimate_lengths
from spotify_assets.readers.text import TextStream, require_text
from spotify_assets.readers.times import DateEvidence
from spotify_assets.settings import DateOrder

DATA_SUFFIXES = frozenset({".json", ".ndjson", ".jsonl", ".csv", ".tsv", ".parquet", *ARCHIVE_SUFFIXES})
JSON_SUFFIXES = frozenset({".json", ".ndjson", ".jsonl"})
Tables = Iterator[pa.Table]


@dataclass
class HistoryRecords:
    """Records of a file of listening history.

    Attributes:
        source_format: Its format, a key of `formats.FIELDS`.
        tables: Its records in the schema of `records.RecordShaper`, read lazily and once.
        detail: How its dates were read where the file itself leaves that open, or that they could not be; known when
            all tables are read.
    """

    source_format: str
    tables: Tables = field(default_factory=lambda: iter(()))
    detail: str | None = None


def has_data_suffix(name: str) -> bool:
    """Whether a file has the suffix of a supported format."""
    return PurePosixPath(name).suffix.lower() in DATA_SUFFIXES


def read_history(
    stream: BinaryIO,
    name: str,
    max_json_bytes: int,
    date_order: DateOrder | None = None,
    default_order: DateOrder | None = None,
) -> HistoryRecords:
    """Detect the format of a file of listening history and read its records.

    Args:
        stream: The file, at its start; seekable. It is read a second time where records depend on the whole file:
            dates on the order of day and month, lengths of scrobbles on the time of the next.
        name: File name; only the suffix is used.
        max_json_bytes: Largest JSON document to read, in bytes; NDJSON is read in blocks and has no limit.
        date_order: Order of day and month in the file, whatever its dates show.
        default_order: Order of day and month where its dates don't show it.

    Raises:
        NoHistoryError: The file is readable but holds no listening history.
        UnreadableError: The file has the suffix of a data file and can't be read. The iterator of tables may raise it,
            too.
    """

    def parse(order: DateOrder | None, dates: DateEvidence | None = None) -> tuple[str, Tables]:
        stream.seek(0)
        shaping = partial(RecordShaper, date_order=order, dates=dates)
        return _detect_and_parse(stream, name, max_json_bytes, shaping)

    def read(records: HistoryRecords) -> Tables:
        dates = DateEvidence()
        records.source_format, tables = parse(date_order, dates)
        if date_order is not None:
            return tables
        return _order_dates(records, tables, dates, default_order, lambda order: parse(order)[1])

    records = HistoryRecords("")
    records.tables = read(records)
    if records.source_format in SCROBBLE_FORMATS:
        records.tables = estimate_lengths(records.tables, partial(read, records))
    return records


def _order_dates(
    records: HistoryRecords,
    tables: Tables,
    dates: DateEvidence,
    default_order: DateOrder | None,
    parse_again: Callable[[DateOrder | None], Tables],
) -> Tables:
    """The tables; from the first with a date that depends on the order of day and month, as that of the whole file."""
    done = 0
    for table in tables:
        if dates:
            break
        yield table
        done += 1
    else:
        return
    for _ in tables:
        pass  # every date of the file counts
    if dates.order is None:
        records.detail = (
            dates.problem()
            if default_order is None
            else f"its dates are read {default_order}, as SPOTIFY_ASSETS_DATE_ORDER says"
        )
    for number, table in enumerate(parse_again(dates.order or default_order)):
        if number >= done:
            yield table


def _detect_and_parse(stream: BinaryIO, name: str, max_json_bytes: int, shaping: Shaping) -> tuple[str, Tables]:
    """The format, and the records as shaped by what `shaping` gives for it. Raises what `read_history` raises."""
    magic = stream.read(4)
    stream.seek(0)
    try:
        if magic == b"PAR1":
            return parquet.read_parquet(stream, shaping)
        text = TextStream(stream)
        start = require_text(text)
        if start.startswith("{"):
            return json.read_json_object_or_lines(text, max_json_bytes, shaping)
        if start.startswith("[") or json.has_javascript_prefix(start):
            return json.read_json_document(text, max_json_bytes, shaping)
        if PurePosixPath(name).suffix.lower() in JSON_SUFFIXES:
            page = ", but with <, as web pages do" if start.startswith("<") else ""
            raise UnreadableError(f"it is no JSON: it starts with neither [ nor {{{page}")
        return csv.read_csv(text, shaping)
    except UnreadableError as error:
        if has_data_suffix(name):
            raise
        raise NoHistoryError(f"not a data file ({error})") from None
