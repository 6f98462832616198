"""Landed exports that hold playlists or a library, as the registers of landed files list them.

When a file is read into `raw_files`, it is noted there when its playlists were exported. So which day's snapshots
depend on it is known without opening it again.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import Any

from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import PLAYLISTS, capture_day
from spotify_assets.model.raw import EXPORT_FORMATS, EXPORTIFY
from spotify_assets.settings import Settings
from spotify_assets.storage import StoredFile
from spotify_assets.windows import TimeWindow, day_window

NUMBER_OF_COPY = re.compile(r"(-\d+| ?\(\d+\))$")


@dataclass(frozen=True)
class ExportedFile:
    """A landed file, or a member of a landed archive, that holds playlists or a library.

    Attributes:
        source_file: Its path below the landing zone; in an archive `<archive>!<member>`.
        landed: The landed file, as it was when it was read.
        sha256: SHA-256 of the landed file.
        kind: One of `EXPORT_FORMATS`, or `EXPORTIFY`.
        listener: Whose account data it is from; None for any other.
        exported_at: When it was exported (UTC).
        day: Day of its snapshots (UTC).
        name: Name of the file that it is a later export of, without the suffix: `import`, and browsers, add a number
            to a name that is taken (`liked-2.csv`, `liked (1).csv`).
    """

    source_file: str
    landed: StoredFile
    sha256: str
    kind: str
    listener: str | None
    exported_at: datetime
    day: date
    name: str

    @property
    def window(self) -> TimeWindow:
        """The window of `day`."""
        return day_window(self.day)

    @property
    def version(self) -> str:
        """Names it and its content, for fingerprints of what depends on it."""
        return f"{self.source_file}@{self.sha256}@{self.exported_at.isoformat()}@{self.name}"


def exported_files(
    lake: Lake, settings: Settings, catalog_files: Iterable[Mapping[str, Any]] | None = None
) -> list[ExportedFile]:
    """All landed exports of playlists and libraries, sorted by day and path.

    The day is that of the export; of CSV files in a day's folder, that of the folder. An export from before
    `SPOTIFY_ASSETS_SNAPSHOTS_START` is a snapshot of that day.

    Args:
        lake: The lake.
        settings: Start of snapshots.
        catalog_files: Rows of `raw_catalog_files`, which Exportify's playlists are among, if they are known.
    """
    columns = ["source_file", "landed_file", "sha256", "size", "etag", "landed_at", "exported_at"]
    rows = lake.rows("raw_files", [*columns, "listener", "source_format"])
    if catalog_files is None:
        catalog_files = lake.rows("raw_catalog_files", columns)
    rows += [{**row, "listener": None, "source_format": EXPORTIFY} for row in catalog_files]
    landed = {row["landed_file"] for row in rows}
    found = [
        ExportedFile(
            row["source_file"],
            StoredFile(row["landed_file"], row["size"], row["landed_at"], row["etag"] or ""),
            row["sha256"],
            row["source_format"],
            row["listener"],
            row["exported_at"],
            max(_day_of(row["landed_file"], row["exported_at"]), settings.snapshots_start.date()),
            _name_of(row["source_file"], landed),
        )
        for row in rows
        if row["exported_at"] and row["source_format"] in (*EXPORT_FORMATS, EXPORTIFY)
    ]
    return sorted(found, key=lambda file: (file.day, file.source_file))


def _name_of(source_file: str, landed: Collection[str]) -> str:
    """The file's name without its suffix; without its number, where the file without one lies beside it."""
    path = PurePosixPath(source_file.replace("!", "/"))
    original = NUMBER_OF_COPY.sub("", path.stem)
    is_copy = (
        "!" not in source_file and str(path.with_name(f"{original}{path.suffix}")) in landed if original else False
    )
    return original if is_copy else path.stem


def _day_of(landed_file: str, exported_at: datetime) -> date:
    folder = capture_day(landed_file) if landed_file.startswith(f"{PLAYLISTS}/") else None
    return folder or exported_at.astimezone(UTC).date()
