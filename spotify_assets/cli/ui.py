"""Run Dagster's UI and daemon as child processes, and print a line for each run, until Ctrl-C or SIGTERM."""

import socket
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console

from spotify_assets.cli.run_lines import describe_run, fetch_runs, format_ended
from spotify_assets.cli.services import HOST, Services, stoppable
from spotify_assets.cli.terminal import plain
from spotify_assets.cli.upkeep import upkeep
from spotify_assets.ui_files import version_of_runs

POLL_SECONDS = 1
# The web server is asked for runs when their database has changed, and at least so often: it may be elsewhere.
ASK_SECONDS = 5


def serve(home: Path, port: int, console: Console) -> None:
    """Run Dagster's UI and daemon on the instance in `home` until SIGINT, SIGTERM or SIGHUP; then stop all processes.

    They log to `ui.log` in that folder, without the DEBUG lines of events.

    Raises:
        click.ClickException: The port is in use, or a process of Dagster ended.
    """
    if _is_taken(port):
        raise click.ClickException(f"port {port} is in use; choose another: spotify-assets ui --port {port + 1}")
    services: Services | None = None
    with stoppable():
        try:
            services = Services(port, home / "ui.log")
            with console.status("Starting Dagster"):
                upkeep("prepare")
                services.start()
                while not _responds(port):
                    services.check()
                    time.sleep(0.2)
            console.print(f"Dagster's UI is at [bold]http://localhost:{port}[/]; Ctrl-C stops it.", soft_wrap=True)
            console.print("[dim]Your listening as pages: spotify-assets dashboard[/]")
            _print_runs(services, home, f"http://{HOST}:{port}", console)
        except KeyboardInterrupt:
            console.print("Stopped.")
        finally:
            if services is not None:  # else a signal came first; its watcher removes its folder
                services.stop()
                upkeep("fail-interrupted")


def _print_runs(services: Services, home: Path, url: str, console: Console) -> None:
    """Print a line for each run that ends; on a terminal, also show active runs."""
    since = datetime.now(UTC) - timedelta(seconds=5)
    printed: set[str] | None = None
    seen, asked_at, last_clock = None, 0.0, time.time()
    with console.status("") as status:
        status.stop()
        while True:
            services.check()
            services.reload_if_wanted()
            if time.time() < last_clock:  # it was set back
                upkeep("prepare")
                since = datetime.now(UTC) - timedelta(seconds=5)
            last_clock = time.time()
            now = version_of_runs(home)
            if (now != seen or time.monotonic() - asked_at > ASK_SECONDS) and (runs := fetch_runs(url, since)):
                seen, asked_at = now, time.monotonic()
                if printed is None:  # these ended before
                    printed = {run["runId"] for run in runs.ended}
                for run in runs.ended:
                    if run["runId"] not in printed:
                        printed.add(run["runId"])
                        console.print(format_ended(run), soft_wrap=True)
                status.update(plain("; ".join(map(describe_run, runs.active))))
                (status.start if runs.active else status.stop)()
            time.sleep(POLL_SECONDS)


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
