"""What becomes of landed responses on tracks, albums and artists: rows of the tables that mirror them.

Whatever shapes these rows is here or in `readers`, and nothing else is: this source is part of their code version.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import pyarrow as pa

from spotify_assets.ingest.columns import Columns, reason_of
from spotify_assets.landing.zone import Capture
from spotify_assets.readers import has_data_suffix
from spotify_assets.readers.metadata import read_metadata_file, singular
from spotify_assets.readers.responses import Fields
from spotify_assets.storage import StorageError
from spotify_assets.storage.base import Opener

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def table_of(kind: str) -> str:
    """The table that mirrors `landing/metadata/<kind>`."""
    return f"{singular(kind)}_metadata"


def metadata_rows(
    captures: Iterable[tuple[Capture, Opener]], kind: str, max_bytes: int, unreadable: dict[str, str]
) -> pa.Table:
    """The kind's table: the latest response for each id; see `latest_responses`."""
    responses = latest_responses(captures, kind, max_bytes, unreadable)
    columns = Columns(table_of(kind))
    columns.extend([responses[key] for key in sorted(responses)])
    return columns.table()


def latest_responses(
    captures: Iterable[tuple[Capture, Opener]], kind: str, max_bytes: int, unreadable: dict[str, str]
) -> dict[str, Fields]:
    """The latest response for each id; one that tells of it before one that says it is unknown.

    Args:
        captures: Landed files with what opens them.
        kind: `tracks`, `albums` or `artists`.
        max_bytes: Size above which a JSON document is refused.
        unreadable: Takes why each file that can't be read can't, by its path.
    """
    latest: dict[str, Fields] = {}
    key = f"{singular(kind)}_id"

    def order(fields: Fields) -> tuple[bool, datetime]:
        return fields["is_found"], fields["fetched_at"] or LONG_AGO

    for capture, opener in captures:
        broken = 0
        try:
            with opener() as stream:
                for fields in read_metadata_file(stream, capture.path, kind, max_bytes):
                    if fields is None:
                        broken += 1
                    elif fields[key] not in latest or order(fields) >= order(latest[fields[key]]):
                        latest[fields[key]] = fields
        except FileNotFoundError:
            continue
        except StorageError:
            raise
        except Exception as error:
            # Whatever a hostile file makes a parser raise: that file is unreadable, and the rest goes on.
            if has_data_suffix(capture.path):
                unreadable[capture.path] = reason_of(error)
        if broken:
            unreadable[capture.path] = f"{broken:,} of its responses tell of nothing; the others are read"
    return latest
