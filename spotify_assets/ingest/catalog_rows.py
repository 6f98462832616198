"""Rows of the catalogue's raw tables, from landed files.

Only this module and `readers` determine these rows: the source of these modules is part of the tables' code version.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from spotify_assets.ingest.columns import failure_reason
from spotify_assets.ingest.export_dates import date_together
from spotify_assets.landing.zone import Capture
from spotify_assets.model import TABLES
from spotify_assets.model.raw import PLAYLISTS
from spotify_assets.readers.catalog import NoCatalogError, read_catalog
from spotify_assets.readers.clock import CLOCK_SKEW
from spotify_assets.readers.errors import NoHistoryError
from spotify_assets.readers.exportify import times_added
from spotify_assets.readers.sources import Opener, Source, sources
from spotify_assets.settings import Settings

MEGABYTE = 1_000_000
NAME_PREFIX = "raw_catalog_"
WriteRows = Callable[[str, pa.Table], None]


@dataclass
class CatalogRead:
    """Figures of a source: a landed file, or a member of an archive.

    Attributes:
        file: The landed file.
        source: Its path, as in `source_file`.
        status: `read`, `ignored` or `unreadable`.
        detail: Why it is ignored or unreadable.
        tables: Raw tables that it feeds.
        records: Number of rows.
        bad_records: Number of rows that can't be split into columns.
        is_playlist: Whether it is a playlist as well.
        exported_at: When the last item of that was added (UTC); see `date_catalog_exports`.
        valid_from: When the earliest time in it that lies beyond this machine's clock can become valid (UTC), and the
            file has to be read again; None where there is none.
    """

    file: Capture
    source: str
    status: str = "read"
    detail: str | None = None
    tables: tuple[str, ...] = ()
    records: int = 0
    bad_records: int = 0
    is_playlist: bool = False
    exported_at: datetime | None = None
    valid_from: datetime | None = None


@contextmanager
def catalog_sources(file: Capture, opener: Opener, settings: Settings) -> Iterator[Iterator[Source]]:
    """The sources of a landed file; they can be read while the context is open."""
    with sources(file.path, opener, settings.max_unzipped_mb * MEGABYTE) as parts:
        yield parts


def read_catalog_source(file: Capture, source: Source, write: WriteRows) -> CatalogRead:
    """Read the rows of a source, part by part, and hand them on, by raw table.

    What was handed on is to be dropped where the status isn't `read`.

    Raises:
        FileNotFoundError: The landed file was deleted.
        StorageError: It can't be read now, for a reason outside of it.
    """
    read = CatalogRead(file, source.name)
    try:
        if source.error:
            raise source.error
        assert source.open is not None
        with source.open() as stream:
            rows = read_catalog(stream)
            read.tables = rows.tables
            for block in rows.blocks:
                for table, part in block.items():
                    write(table, _in_schema(table, part, source.name))
                read.records += len(part)
                read.bad_records += len(part) - part["problem"].null_count
        with source.open() as stream:
            added = times_added(stream, datetime.now(UTC) + CLOCK_SKEW)
        if added:
            read.is_playlist, read.exported_at = True, added.latest
            read.valid_from = added.beyond - CLOCK_SKEW if added.beyond else None
    except (NoCatalogError, NoHistoryError) as error:
        return CatalogRead(file, source.name, "ignored", str(error))
    except FileNotFoundError:
        raise
    except Exception as error:
        # A malformed file may make a parser raise anything; skip that file only.
        return CatalogRead(file, source.name, "unreadable", failure_reason(error, file.path))
    return read


def _in_schema(table: str, part: pa.Table, source: str) -> pa.Table:
    """Rows in the schema of their raw table."""
    named = part.append_column("source_file", pa.repeat(pa.scalar(source, pa.string()), len(part)))
    return named.select(TABLES[table].columns).cast(TABLES[table].arrow_schema)


def date_catalog_exports(reads: list[CatalogRead]) -> None:
    """Give all playlists of a landed file one time; see `date_together`. They tell when their last item was added."""
    date_together([read for read in reads if read.is_playlist])


def catalog_file_row(read: CatalogRead, sha256: str, loaded_at: datetime, version: str) -> dict[str, Any]:
    """A row of `raw_catalog_files`."""
    return {
        "source_file": read.source,
        "landed_file": read.file.path,
        "sha256": sha256,
        "size": read.file.size,
        "etag": read.file.etag or None,
        "status": read.status,
        "detail": read.detail,
        "feeds": [table.removeprefix(NAME_PREFIX) for table in read.tables] + [PLAYLISTS] * read.is_playlist,
        "records": read.records,
        "bad_records": read.bad_records,
        "exported_at": read.exported_at,
        "landed_at": read.file.landed_at,
        "loaded_at": loaded_at,
        "reader_version": version,
    }
