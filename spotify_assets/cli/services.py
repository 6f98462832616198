"""Dagster's code server, web server and daemon as child processes, by its public commands.

`dagster dev` runs the same three, and two more that import Dagster: itself, and a proxy before the code server.
"""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import IO

import click
import psutil
import yaml

from spotify_assets.cli.home import shipped
from spotify_assets.ui_files import UI_FILE

HOST = "127.0.0.1"
# By this name Dagster, and `liveness`, know that a code server is on this machine.
LOCALHOST = "localhost"
GRACE_SECONDS = 15
# Lines of a process that ended are read within this time.
LOG_SECONDS = 1
LOG_BYTES = 5_000_000
PREFIX = "spotify-assets-ui-"
CODE_SERVER = "code server"
NEXT_CODE_SERVER = "next code server"
# What a code server logs when somebody presses Reload in the UI: it does nothing else then. Its proxy, which would
# start another one, takes 90 MB.
RELOAD = "Reloading definitions from a code server launched via `dagster api grpc`"
# In the command line of a run.
RUN = "multiprocessing.spawn"
# With an arena for each thread, glibc keeps 50 MB more in these processes. A first sync takes the CPU that it takes
# without this, and no more memory: engines have allocators of their own.
ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}
STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
# Stops the process group that it reads once standard input closes, and so also when the UI is killed: Dagster's
# processes would outlive it, keep its port, and go on starting runs.
# It removes the folder that is its argument, unless it had to kill some: `liveness` tells by the socket that runs
# without an end were on this machine.
STOP_WITH_PARENT = f"""
if read group; then
    cat >/dev/null
    rm -f "$1/workspace.yaml"
    kill -s TERM -- -$group
    seconds=0
    while kill -s 0 -- -$group && [ $seconds -lt {GRACE_SECONDS} ]; do sleep 1; seconds=$((seconds + 1)); done
    kill -s KILL -- -$group && exit
fi
rm -rf "$1"
"""
# A socket's path may have 108 on Linux, and 104 on macOS.
MOST_BYTES_OF_PATH = 100


class Services:
    """The three processes, and the runs that they start, as one process group.

    The group is stopped when this process ends, even by SIGKILL.
    """

    def __init__(self, port: int, log: Path) -> None:
        self._port = port
        self._log = log
        self._tail: deque[str] = deque(maxlen=20)
        self._folder = _folder_of_sockets()
        # A link to the socket of the present code server, as another one takes its place.
        self._socket = self._folder / "grpc"
        self._code_servers = 0
        self._workspace = self._folder / "workspace.yaml"
        [self._location] = yaml.safe_load(shipped("workspace.yaml").read_text())["load_from"]
        self._workspace.write_text(_workspace(self._location["python_module"]["location_name"], self._socket))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._group = 0
        self._watcher = self._watch()
        self._reload_wanted = threading.Event()
        self._replaced: list[subprocess.Popen[bytes]] = []
        reading, self._writing = os.pipe()
        self._reader = threading.Thread(target=self._keep, args=(os.fdopen(reading, errors="replace"),), daemon=True)
        self._reader.start()

    def start(self) -> None:
        """Start the code server and, once it listens, the other two.

        Raises:
            click.ClickException: One of them ended.
        """
        self._start_code_server(CODE_SERVER)
        while not self._listens():
            self.check()
            time.sleep(0.1)
        self._link_newest()
        workspace = ["-w", str(self._workspace)]
        self._start("web server", "dagster_webserver", "-h", HOST, "-p", str(self._port), *workspace)
        self._start("daemon", "spotify_assets.cli.daemon", "run", *workspace)

    def _start_code_server(self, name: str) -> None:
        """Start a process that loads the definitions, evaluates sensors and starts runs."""
        self._code_servers += 1
        module = self._location["python_module"]
        self._start(
            name,
            *("dagster", "api", "grpc", "--lazy-load-user-code", "--use-python-environment-entry-point"),
            "--inject-env-vars-from-instance",  # those in .env, which boto3 reads, too
            *("--log-level", "warning", "--socket", str(self._newest_socket)),
            *("--location-name", module["location_name"], "-m", module["module_name"]),
        )

    def check(self) -> None:
        """Raise ClickException if one of the processes ended: without it the others don't do their work."""
        self._replaced = [server for server in self._replaced if server.poll() is None]
        for name, process in self._running.items():
            if process.poll() is not None:
                raise click.ClickException(f"Dagster's {name} ended{self._reason(process.returncode)}")

    def reload_if_wanted(self) -> None:
        """Start another code server if Reload was pressed in the UI, and let it take the former one's place.

        Both happen only while no run is under way, as a run can be canceled only by the server that started it. The
        former one serves until the new one listens, so that runs can be started all the time, and then ends once the
        runs have ended that started meanwhile. The other processes notice by the new server's id.
        """
        if not (self._reload_wanted.is_set() or NEXT_CODE_SERVER in self._running):
            return
        server = self._running[CODE_SERVER]
        if _has_runs(server.pid):
            return
        if NEXT_CODE_SERVER not in self._running:
            self._reload_wanted.clear()
            self._start_code_server(NEXT_CODE_SERVER)
        elif self._listens():
            self._link_newest()
            self._running[CODE_SERVER] = self._running.pop(NEXT_CODE_SERVER)
            self._replaced.append(server)
            server.terminate()

    def _reason(self, returncode: int) -> str:
        if returncode == -signal.SIGKILL:
            return f", maybe for lack of memory (more in {self._log}); start the UI again"
        self._reader.join(LOG_SECONDS)
        last = next((line for line in reversed(self._tail) if line.strip()), "nothing was logged")
        return f": {last.strip()} (more in {self._log})"

    def stop(self) -> None:
        """Stop the process group by SIGTERM, then by SIGKILL. Dagster marks interrupted runs as failed."""
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        self._workspace.unlink(missing_ok=True)  # ticks that wait end
        for stop in (signal.SIGTERM, signal.SIGKILL) if self._group else ():
            try:
                os.killpg(self._group, stop)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + GRACE_SECONDS
            while self._are_alive() and time.monotonic() < deadline:
                time.sleep(0.1)
        for process in (*self._running.values(), *self._replaced):
            process.wait()
        self._watcher.kill()
        self._watcher.wait()
        os.close(self._writing)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, name: str, *arguments: str) -> None:
        with uninterrupted():
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=self._writing,
                stderr=self._writing,
                process_group=self._group,
                env=ONE_ARENA | os.environ | {UI_FILE: str(self._workspace)},
            )
            self._running[name] = process
            if not self._group:
                self._group = process.pid
                assert self._watcher.stdin
                self._watcher.stdin.write(f"{self._group}\n".encode())
                self._watcher.stdin.flush()

    def _watch(self) -> subprocess.Popen[bytes]:
        with uninterrupted():
            return subprocess.Popen(
                ["sh", "-c", STOP_WITH_PARENT, "sh", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def _newest_socket(self) -> Path:
        """Socket of the code server that was started last; it deletes it when it ends."""
        return self._folder / str(self._code_servers)

    def _listens(self) -> bool:
        """Whether the code server that was started last listens; it has loaded the definitions before."""
        with closing(socket.socket(socket.AF_UNIX)) as tried:
            return tried.connect_ex(str(self._newest_socket)) == 0

    def _link_newest(self) -> None:
        """Let new connections go to the code server that was started last."""
        link = self._folder / "link"
        link.symlink_to(self._newest_socket.name)
        link.replace(self._socket)

    def _keep(self, lines: IO[str]) -> None:
        with lines, closing(RotatingFileHandler(self._log, maxBytes=LOG_BYTES, backupCount=1)) as handler:
            for line in lines:
                if RELOAD in line:
                    self._reload_wanted.set()
                elif " - DEBUG - " not in line:
                    self._tail.append(line.rstrip())
                    handler.emit(logging.makeLogRecord({"msg": line.rstrip()}))

    def _are_alive(self) -> bool:
        for started in self._running.values():
            started.poll()  # reaps it
        # Others may remain zombies if no init process reaps orphans, as in many containers.
        for process in psutil.process_iter(["status"]):
            try:
                if os.getpgid(process.pid) == self._group and process.info["status"] != psutil.STATUS_ZOMBIE:
                    return True
            except ProcessLookupError:
                continue
        return False


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back signals that stop the UI, so that none does after a process is started and before that is noted.

    Background processes of a script ignore SIGINT, and children inherit that unless there is a handler.

    Raises:
        KeyboardInterrupt: One arrived meanwhile.
    """
    early: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        early.append(number)

    before = {number: signal.signal(number, note) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if early:
        raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[None]:
    """Context in which SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _folder_of_sockets() -> Path:
    """Create a folder in the temporary folder, or in /tmp if its path is too long for a socket's."""
    folder = tempfile.mkdtemp(prefix=PREFIX)
    if len(os.fsencode(f"{folder}/{'0' * 4}")) > MOST_BYTES_OF_PATH:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix=PREFIX, dir="/tmp")
    return Path(folder)


def _has_runs(code_server: int) -> bool:
    try:
        return any(RUN in " ".join(child.cmdline()) for child in psutil.Process(code_server).children())
    except psutil.Error:  # one has ended meanwhile
        return True


def _workspace(location: str, grpc: Path) -> str:
    """Content of a workspace file that names the code server."""
    server = {"host": LOCALHOST, "socket": str(grpc), "location_name": location}
    return yaml.safe_dump({"load_from": [{"grpc_server": server}]})
