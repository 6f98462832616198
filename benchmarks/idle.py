"""`python -m benchmarks.idle`: measure what `spotify-assets ui` takes while nothing happens; write IDLE.md.

The lake is that of `spotify-assets demo`, up to date, and no browser is open. Memory is PSS, in which pages that
processes share count once, in 10^6 bytes. CPU is that of two minutes, a minute after the address was printed.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import measure
from spotify_assets.sandbox.ports import free_port

WARM_UP_SECONDS = 60
SECONDS = 120
TICKS = os.sysconf("SC_CLK_TCK")
REPORT = Path(__file__).parent / "IDLE.md"
# What a process is, by a part of its command line.
ROLES = {
    "spotify_assets ui": "`spotify-assets ui`",
    "dagster_webserver": "web server",
    "cli.daemon": "daemon",
    "api grpc": "code server",
}


@dataclass(frozen=True)
class Share:
    """What the processes of a role take: megabytes of PSS, and percent of a core."""

    megabytes: float
    percent: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of `spotify-assets demo` to use (default: a new one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        place = options.data or Path(folder)
        if options.data is None:
            measure.require(["-m", "spotify_assets", "demo"], place)
        with running_ui(place) as process:
            time.sleep(WARM_UP_SECONDS)
            REPORT.write_text(report(_shares(process)))


def report(shares: dict[str, Share]) -> str:
    """The report as Markdown, which is also printed."""
    total = Share(sum(one.megabytes for one in shares.values()), sum(one.percent for one in shares.values()))
    lines = [
        "# The UI when idle",
        "",
        str(__doc__).split("\n\n", 1)[1].strip(),
        "",
        "| Process | PSS, MB | CPU, % of a core |",
        "|---|---|---|",
        *(_row(role, share) for role, share in (*shares.items(), ("all", total))),
    ]
    print("\n".join(lines), flush=True)
    return "\n".join(lines) + "\n"


def _row(name: str, share: Share) -> str:
    return f"| {name} | {share.megabytes:.0f} | {share.percent:.1f} |"


@contextmanager
def running_ui(place: Path, **environment: str) -> Iterator[psutil.Process]:
    """`spotify-assets ui` in `place`, once it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "spotify_assets", "ui", "--port", str(free_port())],
        cwd=place,
        env=measure.inherited() | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        first = process.stdout.readline()
        if "http://" not in first:
            raise measure.FailedError(f"spotify-assets ui: {first}")
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _shares(ui: psutil.Process) -> dict[str, Share]:
    """What each role takes, in the order of `ROLES`."""
    before = {process: _cpu_seconds(process) for process in (ui, *ui.children(recursive=True))}
    began = time.monotonic()
    time.sleep(SECONDS)
    seconds = time.monotonic() - began
    found: dict[str, Share] = {}
    for process, earlier in before.items():
        role = _role(process)
        so_far = found.get(role, Share(0, 0))
        megabytes = process.memory_full_info().pss / 1e6
        percent = (_cpu_seconds(process) - earlier) / seconds * 100
        found[role] = Share(so_far.megabytes + megabytes, so_far.percent + percent)
    return {role: found[role] for role in (*ROLES.values(), "another") if role in found}


def _role(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    return next((role for part, role in ROLES.items() if part in line), "another")


def _cpu_seconds(process: psutil.Process) -> float:
    """CPU of a process, and of its children that have ended."""
    return sum(process.cpu_times()[:4])


if __name__ == "__main__":
    main()
