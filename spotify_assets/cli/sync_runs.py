"""Syncs in the process of a command, with its progress, on the persistent Dagster instance that the UI shows."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from spotify_assets.defs.outcome import Synced
from spotify_assets.defs.runner import Runner
from spotify_assets.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

    from spotify_assets.defs.dagster_runs import DagsterRuns

# Arguments: a run's title, its number of tables, and the table that is done (None when the run starts). With a number
# of 0, what a step says of its progress.
Progress = Callable[[str, int, str | None], None]


def command_runner(
    settings: Settings,
    progress: Progress = lambda run, tables, table: None,
    done: Synced | None = None,
    before: Callable[[], None] = lambda: None,
) -> Runner:
    """A `Runner` in the process of a command.

    Args:
        settings: Locations, and everything else that runs depend on.
        progress: Called for each run and each table that it wrote.
        done: As of `Runner`.
        before: As of `Runner`.
    """
    return Runner(settings, partial(_open_runs, settings, progress), done, before)


@contextmanager
def _open_runs(settings: Settings, progress: Progress, warnings: list[str]) -> Iterator["DagsterRuns"]:
    """Opening the instance also marks runs of dead processes on this machine as failed."""
    from spotify_assets.cli.instance import instance
    from spotify_assets.defs.dagster_runs import DagsterRuns
    from spotify_assets.defs.definitions import definitions

    told = RunProgress(progress)
    jobs = definitions(settings, {"console": told.logger()}).resolve_job_def
    with instance() as persistent:
        yield DagsterRuns(jobs, persistent, told.start, warnings, config={"loggers": {"console": {}}})


class RunProgress:
    """Tells of each run, of each table that it wrote, and of each line that a step logs for information."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._current: tuple[str, int] = ("", 0)
        self._written: set[dg.AssetKey] = set()

    def start(self, title: str, tables: int) -> None:
        """A run starts, of so many tables."""
        self._current = (title, tables)
        self._written = set()
        self._progress(title, tables, None)

    def logger(self) -> "dg.LoggerDefinition":
        """The logger of the runs, which tells their events."""
        import dagster as dg

        @dg.logger(config_schema=None, description="Shows the progress of a run.")
        def console(_: dg.InitLoggerContext) -> logging.Logger:
            logger = logging.Logger("spotify_assets.run")
            logger.addHandler(EventHandler(self._note, self._note_line))
            return logger

        return console

    def _note(self, event: "dg.DagsterEvent") -> None:
        # A table of several partitions has an event for each; a step of several tables is one step.
        if event.event_type_value == "ASSET_MATERIALIZATION" and event.asset_key not in self._written:
            assert event.asset_key
            self._written.add(event.asset_key)
            self._progress(*self._current, event.asset_key.path[-1])

    def _note_line(self, line: str) -> None:
        self._progress(self._current[0], 0, line)


class EventHandler(logging.Handler):
    """Calls functions with each of Dagster's events, and with each line that a step logs for information.

    Dagster has no public API for events of a run in progress in this process. Its loggers find them in the attribute
    `dagster_meta` of log records, too.
    """

    def __init__(self, note_event: Callable[["dg.DagsterEvent"], None], note_line: Callable[[str], None]) -> None:
        super().__init__()
        self._note_event = note_event
        self._note_line = note_line

    def emit(self, record: logging.LogRecord) -> None:
        logged = getattr(record, "dagster_meta", None) or {}
        event = logged.get("dagster_event")
        if event is not None:
            self._note_event(event)
        elif record.levelno == logging.INFO and logged.get("orig_message"):
            self._note_line(logged["orig_message"])
