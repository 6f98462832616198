"""What several processes do to one lake at once; each begins with everything imported, and with no engine."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from spotify_assets.cli.instance import instance
from spotify_assets.cli.sync_runs import command_runner
from spotify_assets.engine.session import spark_session
from spotify_assets.refresh import staleness
from spotify_assets.settings import Settings, load_settings
from spotify_assets_tests.conftest import World
from spotify_assets_tests.defs.test_sensors import execute

# What hangs never ends; two whole syncs in a bucket take minutes, and several times that on a busy machine.
PATIENCE_SECONDS = 1800
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["spotify_assets.definitions", "spotify_assets_tests.slow.processes", "pysail"])


def start(function: Callable[..., None], *arguments: Any) -> ForkServerProcess:
    """Begin to run a function of this module in a process of its own, with this process's environment."""
    process = CONTEXT.Process(target=_alone, args=(dict(os.environ), function, arguments))
    process.start()
    return process


def finish(*processes: ForkServerProcess) -> None:
    """Wait until all have done what they were to do. Nobody hangs."""
    until = time.monotonic() + PATIENCE_SECONDS
    for process in processes:
        process.join(max(until - time.monotonic(), 0.1))
    hanging = [process.pid for process in processes if process.is_alive()]
    for process in processes:
        process.kill()
        process.join()
    assert not hanging
    assert [process.exitcode for process in processes] == [0] * len(processes)


def kill(process: ForkServerProcess) -> bool:
    """Kill it, as it is; whether it was still running."""
    was_running = process.is_alive()
    if was_running:
        os.kill(process.pid, signal.SIGKILL)  # type: ignore[arg-type]  # it was started
    process.join()
    return was_running


def _alone(environment: dict[str, str], function: Callable[..., None], arguments: Sequence[Any]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    try:
        function(*arguments)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    # Threads of the engine need no farewell.
    os._exit(0)


def world(root: Path, uri: str, remote: str = "") -> World:
    """The world of another process, with an engine of one's own."""
    return World(root, spark_session(remote), {"spark_remote": remote} if remote else {}, uri)


def sync(root: Path, uri: str) -> None:
    """A sync through Dagster as commands do it, with its instance in the world's folder."""
    with command_runner(_settings(root, uri)) as here:
        here.sync()


def sync_in_a_run(root: Path, uri: str) -> None:
    """A sync as the sensors start it, on the same instance."""
    settings = _settings(root, uri)
    with instance() as opened:
        assert execute(settings, opened).success


def _settings(root: Path, uri: str) -> Settings:
    place = uri or root
    os.environ["DAGSTER_HOME"] = str(root / "dagster")
    return load_settings(landing_uri=f"{place}/landing", lake_uri=f"{place}/lake")


def ingest(root: Path, uri: str) -> None:
    """Read what is landed."""
    World(root, None, uri=uri).ingest()  # type: ignore[arg-type]  # no engine


def write_months(root: Path, uri: str, remote: str, table: str, months: Sequence[str]) -> None:
    """Materialize months of a table, each by itself."""
    there = world(root, uri, remote)
    frames = there.frames
    for month in months:
        frames.write(table, there.compute(table, [month]), [month])


def write_at_once(root: Path, uri: str, tables: Sequence[str], ready: Barrier) -> None:
    """Materialize each table as soon as all others are ready to."""
    there = world(root, uri)
    frames = there.frames
    for table in tables:
        frame = there.compute(table, [])
        ready.wait()
        frames.write(table, frame, [])


def read(root: Path, uri: str, table: str, expected: dict[str, int], seconds: float) -> None:
    """Read the table again and again: each month is there whole and once, or not at all."""
    there = World(root, None, uri=uri)  # type: ignore[arg-type]  # no engine
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found: dict[str, int] = {}
        for row in there.rows(table, "month"):
            found[str(row["month"])] = found.get(str(row["month"]), 0) + 1
        wrong = {month: rows for month, rows in found.items() if expected[month] != rows}
        if wrong:
            raise AssertionError(f"{table} had {wrong}, and not {expected}")


def keep_tidy(root: Path, uri: str, remote: str, times: int) -> None:
    """Compact and vacuum, again and again."""
    there = world(root, uri, remote)
    frames = there.frames
    for _ in range(times):
        frames.maintain()


def require_nothing_stale(there: World) -> None:
    """Every table follows from what is landed."""
    stale = staleness.stale(there.lake, there.settings)
    assert not stale, stale
