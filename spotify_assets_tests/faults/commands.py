"""Run `spotify-assets` in processes that can be killed, forked from a server that has everything imported."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from spotify_assets.cli import commands
from spotify_assets.defs.runner import Runner
from spotify_assets.settings import settings
from spotify_assets_tests.faults.direct import DirectRuns

# A command that takes longer hangs. On a busy machine, one in a bucket took more than four minutes.
PATIENCE_SECONDS = 900
# Within this time after its end, what it printed is read.
DRAINED_SECONDS = 2
# Library that gives a process another clock (Debian's package faketime).
FAKETIME = next(
    iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), Path("/usr/lib/faketime/libfaketimeMT.so.1")
)
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["spotify_assets.definitions", "spotify_assets.defs.dagster_runs", "spotify_assets.transforms", "pysail", __name__]
)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Exit code; negative for the signal that ended it; None where it hung.
        output: What it printed.
        seconds: How long it ran.
        was_hit: Whether it was still running when the signal was sent.
    """

    code: int | None
    output: str
    seconds: float
    was_hit: bool = False

    @property
    def last_line(self) -> str:
        """The line that says what went wrong."""
        lines = [line for line in self.output.splitlines() if line.startswith("Error:")]
        return (lines or self.output.strip().splitlines()[-1:] or ["no output"])[-1]


class Command:
    """A command in a process of its own.

    Args:
        arguments: As after `spotify-assets`.
        folder: Working directory.
        environment: All variables of the process.
        largest_file: Bytes that a file can have, as if the disk were full (RLIMIT_FSIZE); 0 for no limit.
        has_dagster: Whether Dagster runs what it does; see `DirectRuns`.
        clock: Time of its clock as it starts, as `2031-01-01 00:00:00`, UTC; empty for that of the machine.
    """

    def __init__(
        self,
        arguments: list[str],
        folder: Path,
        environment: Mapping[str, str],
        largest_file: int = 0,
        *,
        has_dagster: bool = True,
        clock: str = "",
    ) -> None:
        self._printed: list[bytes] = []
        # No file, as its size would be limited, too.
        reader, writer = CONTEXT.Pipe(duplex=False)
        self._reader = threading.Thread(target=self._read, args=(reader,), daemon=True)
        self._began = time.monotonic()
        self._process: ForkServerProcess | _Clocked
        if clock:
            self._process = _Clocked(arguments, folder, environment, writer, clock, has_dagster=has_dagster)
        else:
            self._process = CONTEXT.Process(
                target=_run,
                args=(arguments, str(folder), dict(environment), writer, largest_file, has_dagster),
                daemon=True,
            )
        self._process.start()
        writer.close()
        self._reader.start()

    def _read(self, reader: Connection) -> None:
        while printed := os.read(reader.fileno(), 1 << 16):
            self._printed.append(printed)
        reader.close()

    def join(self, seconds: float) -> None:
        """Wait until it ends, for so long at most."""
        self._process.join(seconds)

    def signal_after(self, seconds: float, number: signal.Signals) -> Ended:
        """Send it a signal after that time, and wait until it ends."""
        self._process.join(seconds)
        was_hit = self._process.is_alive()
        if was_hit and self._process.pid:
            os.kill(self._process.pid, number)
        return self.wait(was_hit=was_hit)

    def release_after(self, seconds: float, release: Callable[[], None]) -> Ended:
        """Call a function after that time or at its end, and wait until it ends."""
        self._process.join(seconds)
        release()
        return self.wait()

    def wait(self, *, was_hit: bool = False) -> Ended:
        """Wait until it ends; one that hangs is killed."""
        self._process.join(PATIENCE_SECONDS)
        hangs = self._process.is_alive()
        if hangs:
            self._process.kill()
            self._process.join()
        # Processes that it left have the pipe open.
        self._reader.join(DRAINED_SECONDS)
        output = b"".join(self._printed).decode(errors="replace")
        code = None if hangs else self._process.exitcode
        return Ended(code, output, time.monotonic() - self._began, was_hit)


class _Clocked:
    """A process with another clock, with the methods of `multiprocessing`: the library is loaded as Python starts."""

    def __init__(
        self,
        arguments: list[str],
        folder: Path,
        environment: Mapping[str, str],
        writer: Connection,
        clock: str,
        *,
        has_dagster: bool,
    ) -> None:
        self._arguments = [
            sys.executable,
            "-c",
            f"from {__name__} import run_here; run_here(has_dagster={has_dagster})",
            *arguments,
        ]
        self._folder = folder
        self._environment = {**environment, **clocked(clock)}
        self._writer = writer

    def start(self) -> None:
        output = self._writer.fileno()
        self._process = subprocess.Popen(
            self._arguments,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exitcode(self) -> int | None:
        return self._process.poll()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def join(self, seconds: float | None = None) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def kill(self) -> None:
        self._process.kill()


def clocked(clock: str) -> dict[str, str]:
    """Variables of a process whose clock starts at a time, in UTC; its timers go on by the machine's."""
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": f"@{clock}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "TZ": "UTC",
    }


def run_here(*, has_dagster: bool) -> None:
    """Run the command of `sys.argv` in this process."""
    if not has_dagster:
        Runner.dagster = property(lambda runner: DirectRuns(runner.settings))  # type: ignore[assignment]  # for this process
    commands.main()


def _run(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    writer: Connection,
    largest_file: int,
    has_dagster: bool,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number in (1, 2):
        os.dup2(writer.fileno(), number)
    writer.close()
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    tempfile.tempdir = None
    settings.cache_clear()
    if largest_file:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, hard))
    sys.argv = ["spotify-assets", *arguments]
    run_here(has_dagster=has_dagster)
