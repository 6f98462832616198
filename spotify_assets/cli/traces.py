"""Traces of a forgotten listener in DAGSTER_HOME: logs of runs that read their files, ticks of sensors, printed text.

Messages and metadata of runs name landed files, and so the listener's folder. Whatever has the listener's name as a
word is deleted: of a name that Dagster uses as well, that is more than necessary, and no table depends on it.
"""

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from spotify_assets.cli.instance import instance
from spotify_assets.defs.event_log import BUSY_TIMEOUT_SECONDS
from spotify_assets.defs.io_managers.previews import LABELS
from spotify_assets.defs.liveness import ACTIVE
from spotify_assets.escaping import escape_controls

INDEX = "index.db"
DATABASE = re.compile(r"\.db(-wal|-shm|-journal)?$")
# What databases of all runs hold of events and ticks, by path below DAGSTER_HOME, and how a row is rid of it.
SHARED = {
    f"history/runs/{INDEX}": {
        ("event_logs", "event"): "DELETE FROM event_logs",
        ("asset_check_executions", "evaluation_event"): "DELETE FROM asset_check_executions",
        ("asset_keys", "last_materialization"): "UPDATE asset_keys SET last_materialization = NULL",
    },
    "schedules/schedules.db": {("job_ticks", "tick_body"): "DELETE FROM job_ticks"},
}


def remove_traces(home: Path, listener: str) -> list[str]:
    """Delete what names a listener in Dagster's folder, with its runs on SQLite and its files of text.

    Args:
        home: DAGSTER_HOME.
        listener: Their name.

    Returns:
        What names them still, and why: runs that are under way, locked databases.
    """
    named = _pattern(listener)
    remaining = _remove_runs(home, set(_runs_that_name(home, named)))
    for path, statements in SHARED.items():
        try:
            _remove_rows(home / path, statements, named)
        except sqlite3.OperationalError as error:
            remaining.append(f"{home / path}: {error}")
    for file in home.rglob("*"):
        if file.is_file() and not DATABASE.search(file.name):
            _remove_lines(file, named)
    return remaining


def _pattern(listener: str) -> re.Pattern[str]:
    """Previews, and the name as a word: as it is, and as it is encoded in JSON, in JSON within JSON, and in URIs."""
    in_json = json.dumps(listener)[1:-1]
    # Rows in the log may be of the listener without naming them.
    variants = {*LABELS, listener, in_json, json.dumps(in_json)[1:-1], escape_controls(listener), quote(listener)}
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(variants)))})(?!\w)")


def _runs_that_name(home: Path, named: re.Pattern[str]) -> Iterator[str]:
    """Ids of runs whose events name the listener."""
    for path in (home / "history/runs").glob("*.db"):
        if path.name != INDEX and _names_somewhere(path, "event_logs", "event", named):
            yield path.stem


def _remove_runs(home: Path, runs: set[str]) -> list[str]:
    """Delete runs, with their databases and folders; return why some can't be."""
    if not runs:
        return []
    remaining: list[str] = []
    with instance() as persistent:
        for run_id in sorted(runs):
            run = persistent.get_run_by_id(run_id)
            if run and run.status in ACTIVE:
                remaining.append(f"run {run_id[:8]} of {run.job_name} names them and is under way")
                continue
            if run:
                persistent.delete_run(run_id)
            for path in (home / "history/runs").glob(f"{run_id}.db*"):
                path.unlink(missing_ok=True)
            shutil.rmtree(home / "storage" / run_id, ignore_errors=True)
    return remaining


def _names_somewhere(path: Path, table: str, column: str, named: re.Pattern[str]) -> bool:
    """Whether a text of a database names the listener; not in one without that table, or that is none."""
    try:
        with closing(_open(path)) as connection:
            return any(named.search(text or "") for (text,) in connection.execute(f"SELECT {column} FROM {table}"))
    except sqlite3.DatabaseError:
        return False


def _remove_rows(path: Path, statements: Mapping[tuple[str, str], str], named: re.Pattern[str]) -> None:
    """Rid rows of what names the listener, and the file of what SQLite leaves of deleted rows."""
    if not path.exists():
        return
    with closing(_open(path)) as connection:
        connection.create_function("names", 1, lambda text: bool(named.search(text or "")))
        for (table, column), statement in statements.items():
            if connection.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column)).fetchone():
                connection.execute(f"{statement} WHERE names({column})")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)


def _remove_lines(path: Path, named: re.Pattern[str]) -> None:
    """Remove lines that name the listener from a file of text, in place: the UI has its log open."""
    with suppress(OSError), path.open("r+", encoding="utf-8", errors="surrogateescape", newline="") as file:
        lines = file.readlines()
        if len(kept := [line for line in lines if not named.search(line)]) < len(lines):
            file.seek(0)
            file.writelines(kept)
            file.truncate()
