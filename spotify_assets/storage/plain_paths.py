"""Paths that every library reads alike, whatever the names of a person's folders."""

import os
import re
import tempfile
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from spotify_assets.storage.aws import is_s3
from spotify_assets.storage.base import StorageError

PLAIN = re.compile(r"[A-Za-z0-9/._-]+")


def plain_path(folder: str) -> str:
    """The folder's path, or that of a link to it if libraries read its name in different ways.

    Sail 0.7 writes a lake below `with space`, `umläut` or `hash#` to a folder `with%20space`, which no other library
    finds; in SQLite's URLs `?` and `%` have a meaning. Both follow a symbolic link. The
    links are in a folder of this user's below the system's temporary folder, and made again whenever they are missing.

    Args:
        folder: Absolute path of a folder, or an S3 URI, which is returned unchanged.

    Raises:
        StorageError: The link can't be made.
    """
    if is_s3(folder) or PLAIN.fullmatch(folder):
        return folder
    link = private_folder() / sha256(os.fsencode(folder)).hexdigest()[:16]
    try:
        if not link.is_symlink() or os.readlink(link) != folder:
            part = link.with_name(f".{uuid4().hex}")
            part.symlink_to(folder)
            part.replace(link)
    except OSError as error:
        raise StorageError(f"{folder!r} needs a link with a plain name, which can't be made: {error}") from error
    return str(link)


def private_folder() -> Path:
    """A folder of this user's below the system's temporary folder; nobody else can write to it.

    Raises:
        StorageError: It can't be made, or belongs to somebody else.
    """
    place = next(filter(PLAIN.fullmatch, (tempfile.gettempdir(), "/tmp")))
    links = Path(place, f"spotify_assets-{os.getuid()}")
    try:
        links.mkdir(mode=0o700, exist_ok=True)
        status = links.lstat()
    except OSError as error:
        raise StorageError(
            f"can't make {links}: {error.strerror}; set TMPDIR to a folder that can be written"
        ) from error
    if links.is_symlink() or status.st_uid != os.getuid():
        raise StorageError(f"{links} belongs to somebody else; set TMPDIR to a folder of your own")
    return links
