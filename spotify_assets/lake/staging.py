"""Folders on this machine for data files that are written and not yet committed.

They are removed by whoever wrote them, and those of a process that was killed by the next write, by `maintain` and by
`forget`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spotify_assets.lake.copies import OWNER, remove_folders_of_the_dead
from spotify_assets.processes import this_process
from spotify_assets.storage import is_s3, plain_path, private_folder

# Below the lake, or below a private folder of this machine where that is in S3.
UNCOMMITTED = "_uncommitted"


@contextmanager
def staging_folder(lake_uri: str, token: str) -> Iterator[Path]:
    """A folder for the files of one commit, which doesn't exist yet, and is removed in the end.

    Of a lake on disk, it is on the same disk, from which files are moved.
    """
    remove_uncommitted(lake_uri)
    if not is_s3(lake_uri):
        Path(lake_uri).mkdir(parents=True, exist_ok=True)  # what `plain_path` links to
    folder = _staging_folders(lake_uri) / token
    folder.mkdir(parents=True)
    try:
        (folder / OWNER).write_text(this_process())
        yield folder / "files"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_staged(folder: Path) -> bool:
    """Whether `remove_uncommitted` has taken nothing away from what `staging_folder` gave.

    To be asked after the files were listed.
    """
    return (folder.parent / OWNER).exists()


def remove_uncommitted(lake_uri: str, *, of_other_hosts: bool = False) -> None:
    """Remove what writers left that were killed.

    Args:
        lake_uri: The lake.
        of_other_hosts: Also what a machine of another name left less than a day ago. If it still writes, that fails,
            and is tried again.
    """
    folders = _staging_folders(lake_uri)
    if folders.is_dir():
        remove_folders_of_the_dead(folders.iterdir(), of_other_hosts=of_other_hosts)


def _staging_folders(lake_uri: str) -> Path:
    return Path(private_folder() if is_s3(lake_uri) else plain_path(lake_uri), UNCOMMITTED)
