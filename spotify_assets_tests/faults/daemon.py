"""`spotify-assets ui` on a small lake: its processes are killed or stopped; its sensors have to finish the work."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import suppress
from random import Random

import duckdb
import psutil
from deltalake.exceptions import DeltaError

from spotify_assets.ingest.history_changes import find_changes
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.refresh import staleness
from spotify_assets.sandbox.ports import free_port
from spotify_assets.settings import Settings
from spotify_assets.targets import publishing
from spotify_assets.targets.registry import targets
from spotify_assets_tests.faults.compare import Violation
from spotify_assets_tests.faults.episode import HINT, Episode
from spotify_assets_tests.faults.kinds import STANDING, NotPossibleError, change_setting, possible
from spotify_assets_tests.faults.place import Place

# What a process of the UI is, by a part of its command line.
ROLES = {
    "spotify_assets ui": "the command",
    "api grpc": "the code server",
    "dagster_webserver": "the web server",
    "cli.daemon": "the daemon",
    "multiprocessing.spawn": "a run",
}
EVERYTHING = "everything"
# Runs and the daemon more often: they write.
HIT = {
    "a run": 6,
    "the daemon": 3,
    EVERYTHING: 2,
    "the code server": 2,
    "the web server": 1,
    "the command": 2,
}
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
COMMANDS = {"sync": 2, "import": 1, "forget": 2, "publish": 1, "maintain": 1}
PAUSED_SECONDS = 20.0
# Sensors look every 30 s, and wait a minute or more before they try again what failed.
SETTLED_WITHIN = 900.0
STARTED_WITHIN = 180.0
# Processes end within this time after the UI was killed or stopped.
GONE_WITHIN = 45.0
LOOKED_EVERY = 5.0
MOST_ROUNDS = 5
ROUND_SECONDS = 40.0


class Ui:
    """`spotify-assets ui` on a port of its own, as a process with children."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._output = place.root / "logs" / "ui.txt"
        self._seen = 0

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.has_ended:
            self._output.parent.mkdir(exist_ok=True)
            with self._output.open("ab") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "spotify_assets", "ui", "--port", str(self._port)],
                    cwd=self._place.data,
                    env=self._place.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )

    @property
    def has_ended(self) -> bool:
        """Whether its own process doesn't run."""
        return self._process is None or self._process.poll() is not None

    def responds(self) -> bool:
        """Whether its web server answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/server_info", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def new_output(self) -> str:
        """What it printed since this was asked last."""
        with self._output.open("rb") as output:
            output.seek(self._seen)
            printed = output.read()
        self._seen += len(printed)
        return printed.decode(errors="replace")

    def processes(self) -> dict[int, str]:
        """Id and role of each of its processes, also of those whose parent is gone: they know the data folder."""
        found = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                is_ours = process.environ().get("DAGSTER_HOME", "").startswith(f"{self._place.data}/")
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    line = " ".join(process.cmdline())
                    found[process.pid] = next((role for part, role in ROLES.items() if part in line), "another")
        return found

    def signal(self, role: str, number: signal.Signals) -> list[int]:
        """Send a signal to the processes of a role, and return their ids."""
        hit = [pid for pid, found in self.processes().items() if role in (found, EVERYTHING)]
        for pid in hit:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return hit

    def stop(self) -> list[str]:
        """End it by SIGTERM, and return the roles of processes that it left; they are killed."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        left = self.wait_until_gone()
        self.signal(EVERYTHING, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        return left

    def wait_until_gone(self) -> list[str]:
        """Wait for the end of all processes, and return the roles of those that go on."""
        until = time.monotonic() + GONE_WITHIN
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.5)
        return sorted({*left.values()})


class DaemonEpisode(Episode):
    """An episode in which sensors do the work: nobody runs a command in the end."""

    def run(self, steps: int, until: float) -> None:
        """Run the steps on one UI, which is stopped in the end."""
        self.ui = Ui(self.place)
        try:
            super().run(steps, until)
        finally:
            self.ui.stop()

    def _step(self, chance: Random) -> Iterator[Violation]:
        standing = {
            kind: weight for kind, weight in possible(STANDING, self.place).items() if kind is not change_setting
        }
        self._note(f"the UI: {sorted(self.ui.processes().values())}")
        self.ui.start()
        for _ in range(chance.randint(1, MOST_ROUNDS)):
            for _ in range(chance.randint(0, 2)):
                self._change(chance)
            for fault in chance.choices([*standing], [*standing.values()], k=chance.choice((0, 0, 1, 2, 3))):
                try:
                    self._count(fault.__name__, fault(self.place, chance))
                except (NotPossibleError, DeltaError, duckdb.Error, OSError, StopIteration, IndexError):
                    self._note(f"{fault.__name__} is not possible now")
            if chance.random() < 0.3:
                arguments = self._command(chance)
                with self._landed_files(arguments) as problems:
                    yield from self._disturb(chance, arguments)
                yield from problems
            time.sleep(chance.random() * ROUND_SECONDS)
            yield from self._hit(chance)
            yield from self._keep_running()
        if not (yield from self._wait_until_settled()):
            return
        yield from self._compare()

    def _command(self, chance: Random) -> list[str]:
        while (arguments := super()._command(chance))[0] not in COMMANDS:
            pass
        return arguments

    def _hit(self, chance: Random) -> Iterator[Violation]:
        """Kill, stop or pause processes of the UI."""
        role, number, share = (chance.choices([*HIT], [*HIT.values()])[0], chance.choice(SIGNALS), chance.random())
        hit = self.ui.signal(role, number)
        if not hit:
            self._note(f"{role} is not there")
            return
        if number is not signal.SIGSTOP:
            self._count(
                f"kill_{'_'.join(role.replace(chr(39), '').split())}",
                f"{number.name} of {role} ({len(hit)} processes)",
            )
        else:
            self._count("pause_service", f"{role} stopped for {share * PAUSED_SECONDS:.0f} s")
            time.sleep(share * PAUSED_SECONDS)
            for pid in hit:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            return
        if role in ("the command", EVERYTHING) and (left := self.ui.wait_until_gone()):
            yield Violation("left", f"{number.name} of {role} left {', '.join(left)} running")
            self.ui.signal(EVERYTHING, signal.SIGKILL)

    def _keep_running(self) -> Iterator[Violation]:
        """Start the UI again, if it has ended, and wait until it serves."""
        time.sleep(2)
        until = time.monotonic() + STARTED_WITHIN
        starts = 0
        while True:
            if self.ui.has_ended:
                output = self.ui.new_output()
                self._note(f"the UI ended: {output.strip()[-500:]}")
                if "Traceback (most recent call last)" in output:
                    yield Violation("traceback", f"ui: {output.strip().splitlines()[-1][:200]}")
                if starts > 1:
                    yield Violation("stuck", f"ui ends when it is started: {output.strip()[-300:]}")
                    return
                starts += 1
                self.ui.start()
            if self.ui.responds():
                return
            if time.monotonic() > until:
                yield Violation("stuck", "ui does not serve")
                return
            time.sleep(1)

    def _wait_until_settled(self) -> Generator[Violation, None, bool]:
        """Wait until sensors have nothing to do; whether that came to be."""
        hints: set[str] = set()
        began = time.monotonic()
        until, lacking = began + SETTLED_WITHIN, ""
        settings = self.place.settings_of_commands
        while time.monotonic() < until:
            yield from self._keep_running()
            for line in self.ui.new_output().splitlines():
                self._note(f"ui: {line}")
                yield from self._do_as_it_says(line, hints)
            try:
                now_lacking = what_is_lacking(settings)
            except DamagedTableError as error:
                now_lacking = str(error)
            except (OSError, DeltaError, duckdb.Error) as error:  # while it is being written
                now_lacking = f"{type(error).__name__}: {error}"
            if now_lacking != lacking:
                lacking = now_lacking
                self._note(f"after {time.monotonic() - began:.0f} s: {lacking or 'settled'}")
            if HINT.search(lacking):
                yield from self._do_as_it_says(lacking, hints)
            if not lacking and not any(role == "a run" for role in self.ui.processes().values()):
                return True
            time.sleep(LOOKED_EVERY)
        yield Violation("stuck", f"sensors did not finish within {SETTLED_WITHIN:.0f} s: {lacking}")
        return False


def what_is_lacking(settings: Settings) -> str:
    """What sensors have still to do; empty if they have done everything.

    Raises:
        DamagedTableError: Sensors wait for somebody to repair a table.
    """
    lake = Lake(settings.lake_uri)
    if changes := find_changes(LandingZone(settings.landing_uri), lake, settings, None):
        return changes.summary()
    if stale := staleness.stale(lake, settings):
        return f"stale: {stale}"[:300]
    for name, target in targets(settings).items():
        if pending := publishing.pending_refreshes(target, lake):
            return f"{name} lacks {len(pending)} tables"
    return ""
