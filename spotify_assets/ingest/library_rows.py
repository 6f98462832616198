"""Rows of `raw_library`, from the latest `YourLibrary.json` of each listener.

Only this module, `columns` and `readers` determine these rows: the source of these modules is part of the table's code
version.
"""

from collections.abc import Iterable

import pyarrow as pa

from spotify_assets.ingest.columns import ColumnBuilder, Limits, failure_reason
from spotify_assets.model.raw import LIBRARY
from spotify_assets.readers.account_data import find_account_data, library_entries
from spotify_assets.readers.sources import sources
from spotify_assets.refresh.exports import ExportedFile
from spotify_assets.storage.base import Opener


def latest_libraries(exports: Iterable[ExportedFile]) -> list[ExportedFile]:
    """Each listener's latest library; of several exports of one time the last by path. Sorted by path."""
    latest: dict[str | None, ExportedFile] = {}
    for file in sorted(exports, key=lambda file: (file.exported_at, file.source_file)):
        if file.kind == LIBRARY:
            latest[file.listener] = file
    return sorted(latest.values(), key=lambda file: file.source_file)


def library_rows(
    libraries: Iterable[tuple[ExportedFile, Opener]], limits: Limits, unreadable: dict[str, str]
) -> pa.Table:
    """Rows of `raw_library`.

    Args:
        libraries: Each listener's latest library, and what opens the landed file that it is in.
        limits: Sizes above which files are refused.
        unreadable: Output: reasons why files can't be read, by path.

    Raises:
        StorageError: where the landing zone, or one of the files, can't be read now.
    """
    rows = ColumnBuilder("raw_library")
    for file, opener in libraries:
        shared = {"listener": file.listener, "source_file": file.source_file, "exported_at": file.exported_at}
        try:
            with sources(file.landed.path, opener, limits.unzipped_bytes) as members:
                for source in members:
                    if source.name == file.source_file and source.open:
                        with source.open() as stream:
                            data = find_account_data(stream, limits.json_bytes, file.exported_at)
                        entries = list(library_entries(data)) if data else []
                        rows.extend(entries, shared)
        except FileNotFoundError:
            continue  # deleted after it was listed; the next run handles it
        except Exception as error:
            # A file that was changed meanwhile may make a parser raise anything.
            unreadable[file.source_file] = failure_reason(error, file.landed.path)
    return rows.table()
