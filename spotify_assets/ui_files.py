"""Files by which the processes of the UI notice each other: that it runs, and that Dagster's runs changed."""

import os
from contextlib import suppress
from pathlib import Path

# Environment variable with the name of a file that is there as long as the UI runs.
UI_FILE = "SPOTIFY_ASSETS_UI_FILE"
# Below Dagster's home. SQLite removes the second one whenever nobody has the first one open.
RUN_DATABASE = ("history/runs.db", "history/runs.db-wal")


def version_of_runs(home: str | Path) -> list[int]:
    """When the files of the database of runs were written last; it changes with each run, and some times a minute."""
    versions = []
    for name in RUN_DATABASE:
        with suppress(OSError):
            versions.append(os.stat(os.path.join(home, name)).st_mtime_ns)
    return versions
