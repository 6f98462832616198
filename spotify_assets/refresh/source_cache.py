"""Keep what follows from this package's source alone, from one process to the next.

Parsing the source for code versions takes 0.7 s of CPU, in each command and each run that Dagster's UI starts.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from spotify_assets.storage import StorageError, private_folder

PACKAGE_FOLDER = Path(__file__).parents[1]
SOURCE = (".py", ".csv", ".sql")
# Several installations, as of several Python versions, may take turns.
MOST_FILES = 20


def kept(name: str, compute: Callable[[], Any], *versions: str) -> Any:
    """What `compute` returns, from a file if it was computed before from the same source.

    The file is in this user's folder below the system's temporary folder. Where it can't be written or read, the value
    is computed each time.

    Args:
        name: What it is; part of the file's name.
        compute: Returns something that JSON can hold, from the source of this package alone.
        versions: Versions of the libraries that it depends on, too.
    """
    state = hashlib.sha256("\n".join([_state_of_source(PACKAGE_FOLDER), *versions]).encode()).hexdigest()[:24]
    try:
        file = private_folder() / f"{name}-{state}.json"
    except StorageError:
        return compute()
    with suppress(OSError, ValueError):
        return json.loads(file.read_bytes())
    value = compute()
    with suppress(OSError):
        part = file.with_name(f".{uuid4().hex}")
        part.write_text(json.dumps(value), encoding="utf-8")
        part.replace(file)
        others = sorted(file.parent.glob(f"{name}-*.json"), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in others[MOST_FILES:]:
            old.unlink()
    return value


@cache
def _state_of_source(folder: Path) -> str:
    """Hash of Python's version and of every source file of the package: 11 ms. Times of change could be anything."""
    state = hashlib.sha256(f"{sys.version}\n{folder}\n".encode())
    for path in sorted(_source_files(str(folder))):
        # An editor's link to a file that isn't there, or a file that it has just removed, is no source.
        with suppress(OSError), open(path, "rb") as file:
            state.update(f"{path}\0".encode() + file.read())
    return state.hexdigest()


def _source_files(folder: str) -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _source_files(entry.path)
        elif entry.name.endswith(SOURCE):
            yield entry.path
