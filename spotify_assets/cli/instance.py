"""The persistent Dagster instance of commands and UI: folder, configuration, and failed or dead runs."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click
import dagster as dg
import yaml
from filelock import FileLock
from sqlalchemy.exc import OperationalError

import spotify_assets
from spotify_assets.defs.liveness import fail_dead_runs
from spotify_assets.storage import plain_path

if TYPE_CHECKING:
    from dagster._utils.error import SerializableErrorInfo

DEFAULT_HOME = "data/dagster"
EVENT_LOG = {"module": "spotify_assets.defs.event_log", "class": "PersistentSqliteEventLogStorage"}

# SHA-256 of every dagster.yaml that was ever shipped, the latest last. A file that equals one of them was not edited.
SHIPPED = (
    "3f1d3d5ee92c7554cdaa9be2534effaca962f9be284813328a49ca360f0594c1",
    "f009e5760bedbf094abbe5df3d3b94bc579b39c75ad26513069aa4589ec53934",
    "bb4bb4dcd2499a388de5be4ee0f4e4eb91bdca15193e7ac34103f66793460d06",
    "15c0fc4433e96e091de1aa038cc180bedfa65b7213c7ad99563dc67d0fe426d1",
)
# How earlier versions named the event log and its folder.
FORMER_MODULE = "spotify_assets.dagster_storage"
FORMER_VARIABLE = "SPOTIFY_ASSETS_EVENT_LOG"
FORMER_FOLDER = f"  config:\n    base_dir:\n      env: {FORMER_VARIABLE}\n"


def dagster_home() -> Path:
    """Create and configure the instance's folder if needed, set DAGSTER_HOME to it, and return it."""
    home = Path(os.environ.get("DAGSTER_HOME") or DEFAULT_HOME).expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "opening.lock"):
        _configure(home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = plain_path(str(home))
    return home


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


def shipped(name: str) -> Path:
    """Path of dagster.yaml or workspace.yaml: in the package if installed from a wheel, else next to it."""
    package = Path(spotify_assets.__file__).parent
    inside = package / name
    return inside if inside.exists() else package.parent / name


def _configure(config: Path) -> None:
    """Write dagster.yaml if it is missing or an unedited older version; migrate the event log in an edited one."""
    current = config.read_text() if config.exists() else None
    if current is None or sha256(current.encode()).hexdigest() in SHIPPED[:-1]:
        _replace_file(config, shipped("dagster.yaml").read_text())
    elif (migrated := _migrate_event_log(current)) != current:
        _replace_file(config, migrated)
        click.echo(f"{config}: the event log's class has moved; that part is updated, your changes are kept", err=True)


def _migrate_event_log(text: str) -> str:
    """Replace the event log's former class and folder in the text of a dagster.yaml."""
    if FORMER_MODULE not in text and FORMER_VARIABLE not in text:
        return text
    migrated = text.replace(FORMER_MODULE, EVENT_LOG["module"]).replace(FORMER_FOLDER, "")
    content = yaml.safe_load(migrated)
    if content.get("event_log_storage") == EVENT_LOG:
        return migrated
    # The file has another layout than ours, so it is written as new YAML without its comments.
    return yaml.safe_dump({**content, "event_log_storage": EVENT_LOG}, sort_keys=False)


def why_failed(events: Sequence[dg.DagsterEvent], warnings: Sequence[str] = ()) -> str:
    """Name the first failed check or step of a run, with the check's description or the root cause's message."""
    for event in events:
        if found := _failed_check(event):
            return f"{found.asset_key.path[-1]}: {found.check_name}: {found.description or 'failed'}"
    for event in events:
        if event.is_step_failure:
            return f"{event.step_key}: {_told_line(event.step_failure_data.error)}"
    if error := _run_error(events):
        return _told_line(error)
    return "; ".join(warnings[-3:]) or "the run did not succeed; to see it in the UI: spotify-assets ui"


def what_failed(events: Sequence[dg.DagsterEvent]) -> str:
    """Name the first failed check or step of a run, as `why_failed`, with the class of the error only."""
    for event in events:
        if found := _failed_check(event):
            return f"{found.asset_key.path[-1]}: {found.check_name}"
    for event in events:
        if event.is_step_failure:
            return f"{event.step_key}: {_root_cause(event.step_failure_data.error)[0]}"
    return _root_cause(_run_error(events))[0]


def _failed_check(event: dg.DagsterEvent) -> dg.AssetCheckEvaluation | None:
    """The event's check, if it failed and is of more than a warning."""
    if event.event_type_value != "ASSET_CHECK_EVALUATION":
        return None
    found = event.asset_check_evaluation_data
    return found if not found.passed and found.severity is dg.AssetCheckSeverity.ERROR else None


def _run_error(events: Sequence[dg.DagsterEvent]) -> "SerializableErrorInfo | None":
    """The error of a run that failed outside of its steps, as by what it starts before the first."""
    return next(
        (event.job_failure_data.error for event in events if event.event_type_value == "PIPELINE_FAILURE"), None
    )


def _told_line(error: "SerializableErrorInfo | None") -> str:
    """What a person is told of an error."""
    name, message = _root_cause(error)
    if name == dg.DagsterExecutionInterruptedError.__name__:
        return "its process was stopped"
    return next(iter(message.strip().splitlines()), "no message")


def _root_cause(error: "SerializableErrorInfo | None") -> tuple[str, str]:
    """Class and message of the error that made a step or a run fail."""
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "", ""
    # Dagster's message begins with the class. Messages of our own errors are for people, who don't need it.
    return error.cls_name or "", re.sub(r"\Aspotify_assets(?:\.\w+)+: ", "", error.message)


def _replace_file(path: Path, text: str) -> None:
    """Replace a file atomically."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)
