"""Run Dagster's UI and daemon as child processes, and print a line for each run, until Ctrl-C or SIGTERM."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

import click
import dagster as dg
import psutil

# Dagster has no public names for its run tags; if they move, this import fails.
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    GRPC_INFO_TAG,
    PARTITION_NAME_TAG,
)
from rich.console import Console

from spotify_assets.cli.instance import shipped, why_failed
from spotify_assets.cli.terminal import plain
from spotify_assets.defs.liveness import fail_dead_runs
from spotify_assets.defs.ticks import bring_back_ticks

HOST = "127.0.0.1"
POLL_SECONDS = 1
# Looking for the code server among all processes takes as long as the rest of a poll.
LOOK_SECONDS = 5
# Reloading code replaces the code server, which takes some seconds.
WITHOUT_CODE_SECONDS = 20
CODE_SERVER = ["dagster", "api", "grpc"]
GRACE_SECONDS = 15
LOG_BYTES = 5_000_000
STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
ACTIVE_STATUSES = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
# Stops the process group once standard input closes, and so also when the UI is killed: Dagster's processes would
# outlive it, keep its port, and go on starting runs.
EXIT_WITH_PARENT = f"""
exec 3<&0
(
    cat <&3 >/dev/null
    trap '' TERM
    kill -s TERM -- -$$ || exit
    seconds=0
    while kill -0 $$ && [ $seconds -lt {GRACE_SECONDS} ]; do sleep 1; seconds=$((seconds + 1)); done
    kill -s KILL -- -$$
) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""
ENDED = {
    dg.DagsterRunStatus.SUCCESS: "[green]succeeded[/]",
    dg.DagsterRunStatus.FAILURE: "[red]failed[/]",
    dg.DagsterRunStatus.CANCELED: "[yellow]canceled[/]",
}


def serve(home: Path, port: int, console: Console) -> None:
    """Run Dagster's UI and daemon on the instance in `home` until SIGINT, SIGTERM or SIGHUP; then stop all processes.

    They log to `ui.log` in that folder, without the DEBUG lines of events.

    Raises:
        click.ClickException: The port is in use, or Dagster stopped.
    """
    if _is_taken(port):
        raise click.ClickException(f"port {port} is in use; choose another: spotify-assets ui --port {port + 1}")
    with dg.DagsterInstance.get() as instance:
        fail_dead_runs(instance)
        bring_back_ticks(instance)
        try:
            with _services(port, home / "ui.log") as services:
                with console.status("Starting Dagster"):
                    while not _responds(port):
                        services.check()
                        time.sleep(0.2)
                console.print(f"Dagster's UI is at [bold]http://localhost:{port}[/]; Ctrl-C stops it.", soft_wrap=True)
                console.print("[dim]Your listening as pages: spotify-assets dashboard[/]")
                _print_runs(instance, services, console)
        except KeyboardInterrupt:
            console.print("Stopped.")
        finally:
            _fail_active_runs(instance)


class _Services:
    """`dagster dev` and its child processes (web server, daemon, code server, runs), as one process group.

    The group is stopped when this process ends, even by SIGKILL.
    """

    def __init__(self, port: int, log: Path) -> None:
        workspace = str(shipped("workspace.yaml"))
        dagster_dev = [sys.executable, "-m", "dagster", "dev", "-h", HOST, "-p", str(port), "-w", workspace]
        self._log = log
        self._tail: deque[str] = deque(maxlen=20)
        self._had_code = time.monotonic()
        self._process = subprocess.Popen(
            ["sh", "-c", EXIT_WITH_PARENT, "sh", *dagster_dev],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        assert self._process.stdout
        self._reader = threading.Thread(target=self._keep, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def _keep(self, lines: IO[str]) -> None:
        with closing(RotatingFileHandler(self._log, maxBytes=LOG_BYTES, backupCount=1)) as handler:
            for line in lines:
                if " - DEBUG - " not in line:
                    self._tail.append(line.rstrip())
                    handler.emit(logging.makeLogRecord({"msg": line.rstrip()}))

    def check(self) -> None:
        """Raise ClickException if Dagster stopped, which it does when its web server or daemon stops."""
        if self._process.poll() is not None:
            self._reader.join(POLL_SECONDS)
            last = next((line for line in reversed(self._tail) if line.strip()), "nothing was logged")
            raise click.ClickException(f"Dagster stopped: {last.strip()} (more in {self._log})")

    def check_code_server(self) -> None:
        """Raise ClickException if the code server ended: Dagster goes on without it, and runs nothing any more."""
        if time.monotonic() - self._had_code < LOOK_SECONDS:
            return
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    if process.cmdline()[2:5] == CODE_SERVER:
                        self._had_code = time.monotonic()
        if time.monotonic() - self._had_code > WITHOUT_CODE_SECONDS:
            raise click.ClickException(
                f"Dagster's code server ended, maybe for lack of memory (more in {self._log}); start the UI again"
            )

    def stop(self) -> None:
        """Stop the process group by SIGTERM, then by SIGKILL. Dagster marks interrupted runs as failed."""
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        for stop in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, stop)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + GRACE_SECONDS
            while self._are_alive() and time.monotonic() < deadline:
                time.sleep(0.1)
        self._process.wait()

    def _are_alive(self) -> bool:
        # Reaps the group's leader. Others may remain zombies if no init process reaps orphans, as in many containers.
        self._process.poll()
        for process in psutil.process_iter(["status"]):
            try:
                if os.getpgid(process.pid) == self._process.pid and process.info["status"] != psutil.STATUS_ZOMBIE:
                    return True
            except ProcessLookupError:
                continue
        return False


@contextmanager
def _services(port: int, log: Path) -> Iterator[_Services]:
    early: list[int] = []
    # Background processes of a script ignore SIGINT, and children inherit that unless a handler is set here. This one
    # lets no signal end the process after it has started the services and before it would stop them.
    before = {number: signal.signal(number, lambda number, _: early.append(number)) for number in STOPPING}
    try:
        services = _Services(port, log)
        try:
            for number in STOPPING:
                signal.signal(number, signal.default_int_handler)
            if early:
                raise KeyboardInterrupt
            yield services
        finally:
            services.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_runs(instance: dg.DagsterInstance, services: _Services, console: Console) -> None:
    """Print a line for each run that ends; on a terminal, also show active runs."""
    since = datetime.now(UTC) - timedelta(seconds=5)
    printed = {record.dagster_run.run_id for record in _ended(instance, since)}
    last_clock = time.time()
    with console.status("") as status:
        while True:
            services.check()
            services.check_code_server()
            if time.time() < last_clock:  # it was set back
                bring_back_ticks(instance)
                since = datetime.now(UTC) - timedelta(seconds=5)
            last_clock = time.time()
            for record in _ended(instance, since):
                if record.dagster_run.run_id not in printed:
                    printed.add(record.dagster_run.run_id)
                    console.print(_line(instance, record), soft_wrap=True)
            active = [_what(run) for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE_STATUSES))]
            if active:
                status.update(plain("; ".join(active)))
                status.start()
            else:
                status.stop()
            time.sleep(POLL_SECONDS)


def _ended(instance: dg.DagsterInstance, since: datetime) -> Sequence[dg.RunRecord]:
    filters = dg.RunsFilter(updated_after=since, statuses=list(ENDED))
    return instance.get_run_records(filters, order_by="update_timestamp", ascending=True)


def _line(instance: dg.DagsterInstance, record: dg.RunRecord) -> str:
    """Format an ended run: time, job or tables, status, duration, and the error if it failed."""
    run = record.dagster_run
    ended = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp())
    took = f" after {_duration(record.end_time - record.start_time)}" if record.start_time and record.end_time else ""
    line = f"[dim]{ended:%H:%M:%S}[/] {plain(_what(run))}: {ENDED[run.status]}{took}"
    if run.status is dg.DagsterRunStatus.FAILURE:
        events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
        line += f": {plain(why_failed(events))}"
    return line


def _what(run: dg.DagsterRun) -> str:
    """Format a run's job, its first tables, and its range of partitions."""
    tables = sorted(key.to_user_string() for key in run.asset_selection or ())
    shown = ", ".join(tables[:3]) + (f" and {len(tables) - 3} more" if len(tables) > 3 else "")
    name = "" if run.job_name.startswith("__") else run.job_name
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG) or run.tags.get(PARTITION_NAME_TAG)
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG) or first
    keys = "" if first is None else first if first == last else f"{first} to {last}"
    return " ".join(part for part in (name, f"({shown})" if name and shown else shown, keys) if part)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _fail_active_runs(instance: dg.DagsterInstance) -> None:
    """Mark killed runs as failed; otherwise they would count as running, and two of them block all others."""
    for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE_STATUSES)):
        if GRPC_INFO_TAG in run.tags:  # started by the UI or daemon, not by a command
            instance.report_run_failed(run, "The UI that ran it was stopped.")


def _is_taken(port: int) -> bool:
    with socket.socket() as tried:
        # As the web server does, to treat a port in TIME_WAIT as free.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError:
            return True
    return False


def _responds(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/server_info", timeout=5):
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
