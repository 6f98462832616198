"""When playlists and libraries were exported: one time for all that a landed file holds of them."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Protocol


class LandedFile(Protocol):
    """A landed file."""

    @property
    def landed_at(self) -> datetime: ...


class DatedExport(Protocol):
    """What a source of a landed file tells; the attributes are those of `history_rows.SourceRead`."""

    @property
    def file(self) -> LandedFile: ...

    exported_at: datetime | None
    valid_from: datetime | None


def date_together(exports: Collection[DatedExport]) -> None:
    """Give all exports of a landed file one time: it is one export, and not all may tell when.

    That is the latest time that any of them tells, or where none does, the file's. A file's time beyond this machine's
    clock is not believed until the clock has come so far.
    """
    now = datetime.now(UTC)
    known = [export.exported_at for export in exports if export.exported_at]
    for export in exports:
        landed_at = export.file.landed_at
        export.exported_at = max(known, default=min(landed_at, now))
        if not known and landed_at > now:
            export.valid_from = min(landed_at, export.valid_from or landed_at)
