"""Landed exports that hold playlists or a library, as the registers of landed files list them.

When a file is read into `raw_files`, it is noted there when its playlists were exported. So which day's snapshots
depend on it is known without opening it again.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from spotify_assets.lake.tables import Lake
from spotify_assets.model.raw import EXPORT_FORMATS
from spotify_assets.settings import Settings
from spotify_assets.storage import StoredFile
from spotify_assets.windows import TimeWindow, day_window


@dataclass(frozen=True)
class ExportedFile:
    """A landed file, or a member of a landed archive, that holds playlists or a library.

    Attributes:
        source_file: Its path below the landing zone; in an archive `<archive>!<member>`.
        landed: The landed file, as it was when it was read.
        sha256: SHA-256 of the landed file.
        kind: One of `EXPORT_FORMATS`.
        listener: Whose export it is.
        exported_at: When it was exported (UTC).
        day: Day of its snapshots (UTC).
    """

    source_file: str
    landed: StoredFile
    sha256: str
    kind: str
    listener: str | None
    exported_at: datetime
    day: date

    @property
    def window(self) -> TimeWindow:
        """The window of `day`."""
        return day_window(self.day)

    @property
    def version(self) -> str:
        """Names it and its content, for fingerprints of what depends on it."""
        return f"{self.source_file}@{self.sha256}@{self.exported_at.isoformat()}"


def exported_files(lake: Lake, settings: Settings) -> list[ExportedFile]:
    """All landed exports of playlists and libraries, sorted by day and path.

    An export from before `SPOTIFY_ASSETS_SNAPSHOTS_START` is a snapshot of that day.
    """
    columns = ["listener", "source_file", "landed_file", "sha256", "size", "etag", "landed_at", "source_format"]
    found = [
        ExportedFile(
            row["source_file"],
            StoredFile(row["landed_file"], row["size"], row["landed_at"], row["etag"] or ""),
            row["sha256"],
            row["source_format"],
            row["listener"],
            row["exported_at"],
            max(row["exported_at"].astimezone(UTC).date(), settings.snapshots_start.date()),
        )
        for row in lake.read("raw_files", [*columns, "exported_at"]).to_pylist()
        if row["exported_at"] and row["source_format"] in EXPORT_FORMATS
    ]
    return sorted(found, key=lambda file: (file.day, file.source_file))
