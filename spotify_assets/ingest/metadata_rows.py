"""Rows of `track_metadata`, `album_metadata`, `artist_metadata` and `audio_features_metadata`, from landed responses.

Only this module, `columns` and `readers` determine these rows: the source of these modules is part of the tables' code
version.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import pyarrow as pa

from spotify_assets.ingest.columns import ColumnBuilder, failure_reason
from spotify_assets.landing.zone import Capture
from spotify_assets.model.raw import METADATA_TABLES
from spotify_assets.readers.history import has_data_suffix
from spotify_assets.readers.metadata import id_type, read_metadata_file
from spotify_assets.readers.responses import Fields
from spotify_assets.storage import StorageError
from spotify_assets.storage.base import Opener

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def metadata_rows(
    captures: Iterable[tuple[Capture, Opener]], kind: str, max_bytes: int, unreadable: dict[str, str]
) -> pa.Table:
    """Rows of the kind's table: one for each id, in order of id; see `latest_responses`."""
    responses = latest_responses(captures, kind, max_bytes, unreadable)
    columns = ColumnBuilder(METADATA_TABLES[kind])
    columns.extend([responses[key] for key in sorted(responses)])
    return columns.table()


def latest_responses(
    captures: Iterable[tuple[Capture, Opener]], kind: str, max_bytes: int, unreadable: dict[str, str]
) -> dict[str, Fields]:
    """The latest response for each id; a response with data has precedence over one that says 'not found'.

    Args:
        captures: Landed files with their openers.
        kind: `tracks`, `albums`, `artists` or `audio_features`.
        max_bytes: Size above which a JSON document is refused.
        unreadable: Output: reasons why files can't be read, by path.

    Raises:
        StorageError: where the landing zone, or one of the files, can't be read now.
    """
    latest: dict[str, Fields] = {}
    key = f"{id_type(kind)}_id"

    def order(fields: Fields) -> tuple[bool, datetime]:
        return fields["is_found"], fields["fetched_at"] or LONG_AGO

    for capture, opener in captures:
        skipped = 0
        try:
            with opener() as stream:
                for fields in read_metadata_file(stream, capture.path, kind, max_bytes):
                    if fields is None:
                        skipped += 1
                    elif fields[key] not in latest or order(fields) >= order(latest[fields[key]]):
                        latest[fields[key]] = fields
        except FileNotFoundError:
            continue
        except StorageError:
            raise
        except Exception as error:
            # A malformed file may make a parser raise anything; skip that file only.
            reason = failure_reason(error, capture.path)
            if has_data_suffix(capture.path):
                unreadable[capture.path] = reason
        if skipped:
            unreadable[capture.path] = f"{skipped:,} of its responses hold no known object; the others are read"
    return latest
