"""Run a command with limits on time and memory, and measure the peak memory of all its processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SAMPLED_EVERY_SECONDS = 0.1
MEMORY_LIMIT_BYTES = 18 * 10**9
SECONDS_LIMIT = 330
# For commands that are not compared, such as a first sync of ten million plays.
LONG_SECONDS_LIMIT = 3600
LOG_SHOWN = 4000
OUT_OF_MEMORY = ("MemoryError", "OutOfMemory", "Out of Memory", "out of memory", "ResourcesExhausted", "bad_alloc")
FAILED = "failed"
OUT_OF_TIME = "ran out of time"
PROJECT = Path(__file__).parent.parent


class FailedError(Exception):
    """A command failed whose result is needed; the message has the end of its log."""


@dataclass(frozen=True)
class Finished:
    """How a command ended.

    Attributes:
        seconds: From its launch to its end.
        peak_bytes: Largest sum of resident memory of its processes.
        failure: Reason for having no result; None if it succeeded.
        log: Its output.
        stopped_after: The limit in seconds after which it was stopped; None if it was not.
    """

    seconds: float
    peak_bytes: int
    failure: str | None
    log: str
    stopped_after: float | None = None


def run(arguments: list[str], folder: Path, seconds_limit: float = SECONDS_LIMIT, **environment: str) -> Finished:
    """Run Python with these arguments in a session of its own, in `folder`, without inherited settings.

    Resident memory includes mapped files, and counts memory shared between processes once per process.
    """
    log = folder / "log.txt"
    os.sync()  # so that pending writes don't slow the command down
    with log.open("wb") as sink:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=inherited() | environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            peak, failure = _watch(process, began, seconds_limit)
        finally:
            _end_session(process.pid)
            process.wait()
    seconds = time.perf_counter() - began
    text = log.read_text(errors="replace")
    if failure is None and process.returncode:
        is_memory = process.returncode == -signal.SIGKILL or any(words in text for words in OUT_OF_MEMORY)
        failure = "ran out of memory" if is_memory else FAILED
    is_late = failure is not None and failure.startswith(OUT_OF_TIME)
    return Finished(seconds, peak, failure, text, seconds_limit if is_late else None)


def inherited() -> dict[str, str]:
    """Environment variables for processes of this project: those of this process, without the project's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPOTIFY_ASSETS_", "DAGSTER"))}
    return kept | {"PYTHONPATH": str(PROJECT), "RUST_LOG": "error"}


def places(folder: Path) -> dict[str, str]:
    """Settings with which Dagster's instance, landing zone and lake are in the folder."""
    return {
        "DAGSTER_HOME": str(folder / "dagster"),
        "SPOTIFY_ASSETS_LANDING_URI": str(folder / "landing"),
        "SPOTIFY_ASSETS_LAKE_URI": str(folder / "lake"),
    }


def published(folder: Path) -> dict[str, str]:
    """As `places`, and the DuckDB file is there, too."""
    return places(folder) | {"SPOTIFY_ASSETS_WAREHOUSE": str(folder / "warehouse.duckdb")}


def require(arguments: list[str], folder: Path, **environment: str) -> Finished:
    """Run a command that has to succeed, with a long time limit; see `run`.

    Raises:
        FailedError: It failed or exceeded a limit.
    """
    finished = run(arguments, folder, LONG_SECONDS_LIMIT, **environment)
    if finished.failure:
        raise FailedError(f"{' '.join(arguments)}: {finished.failure}\n{finished.log[-LOG_SHOWN:]}")
    return finished


def _watch(process: subprocess.Popen, began: float, seconds_limit: float) -> tuple[int, str | None]:
    """Wait for a process; return its peak memory (bytes), and the limit that it exceeded, if any."""
    peak = 0
    while process.poll() is None:
        resident, highest = 0, 0
        for pid in _session(process.pid):
            now, high = _memory(pid)
            resident += now
            highest = max(highest, high)
        peak = max(peak, resident, highest)
        if resident > MEMORY_LIMIT_BYTES:
            return peak, f"ran out of memory ({MEMORY_LIMIT_BYTES / 1e9:.0f} GB)"
        if time.perf_counter() - began > seconds_limit:
            return peak, f"{OUT_OF_TIME} ({seconds_limit:.0f} s)"
        time.sleep(SAMPLED_EVERY_SECONDS)
    return peak, None


def _session(leader: int) -> Iterator[int]:
    """Processes of a session, including orphaned ones."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                status = Path(entry.path, "stat").read_text()
            except OSError:
                continue  # it has ended
            # The process name may contain spaces and parentheses; the session is the fourth field after it.
            if int(status.rpartition(")")[2].split()[3]) == leader:
                yield int(entry.name)


def _memory(pid: int) -> tuple[int, int]:
    """Current and peak resident memory of a process (bytes)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    return tuple(int(fields.get(name, "0 kB").split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def _end_session(leader: int) -> None:
    """Kill the remaining processes of a session."""
    for pid in _session(leader):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
