"""The persistent Dagster instance of commands and UI, and its dead runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
import dagster as dg

# Dagster has no public name for this tag; if it moves, this import fails.
from dagster._core.storage.tags import GRPC_INFO_TAG
from filelock import FileLock
from sqlalchemy.exc import OperationalError

from spotify_assets.cli.home import dagster_home
from spotify_assets.defs.liveness import fail_dead_runs

ACTIVE_STATUSES = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    """Open the persistent instance, and mark runs of dead processes on this machine as failed.

    Raises:
        click.ClickException: Another process locks one of its databases for more than a minute.
    """
    home = dagster_home()
    try:
        # If two processes create its databases at the same time, one fails.
        with FileLock(home / "opening.lock"):
            opened = dg.DagsterInstance.get()
        with opened as persistent:
            fail_dead_runs(persistent)
            yield persistent
    except OperationalError as error:
        if "database is locked" not in str(error):
            raise
        raise click.ClickException(
            f"a database in {home} stays locked by another process, such as a backup or a database browser; "
            "end that, and run the command again"
        ) from error


def fail_interrupted_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed that were killed with the UI.

    Otherwise they would count as running, and three of them block all others.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE_STATUSES)):
        if GRPC_INFO_TAG in run.tags:  # started by the UI or daemon, not by a command
            instance.report_run_failed(run, "The UI that ran it was stopped.")
