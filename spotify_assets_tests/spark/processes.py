"""Processes of Apache Spark's on this machine, by the folder for temporary files that stands in their arguments."""

import os
import subprocess
import time
from pathlib import Path

from spotify_assets.storage import private_folder

GONE_SECONDS = 30


def running_in(folder: Path, words: str = "") -> dict[int, str]:
    """Arguments of the processes that bear the folder, by process id."""
    listed = subprocess.run(["ps", "-wweo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    found = [line.split(maxsplit=1) for line in listed.splitlines() if str(folder) in line and words in line]
    return {int(number): arguments for number, arguments in found if int(number) != os.getpid()}


def wait_until_running(folder: Path, words: str, seconds: float = 60) -> int:
    """The process whose arguments bear these words, once it is there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := running_in(folder, words):
            return next(iter(found))
        time.sleep(0.1)
    raise TimeoutError(f"no process with {words} within {seconds} s")


def left_in(folder: Path) -> tuple[list[str], list[str]]:
    """Processes and files that are still there after a while, but for what is kept of the package's source."""
    until = time.monotonic() + GONE_SECONDS
    while time.monotonic() < until and (running_in(folder) or _files_in(folder)):
        time.sleep(0.2)
    return list(running_in(folder).values()), _files_in(folder)


def _files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != private_folder().name]
