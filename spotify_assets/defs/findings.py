"""What sensors find: pure functions of the settings, without Dagster, to be called by `call_apart`."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from spotify_assets.ingest.history_changes import Changes, find_changes
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import CATALOG, LandingZone
from spotify_assets.refresh import plan, repair, staleness
from spotify_assets.settings import Settings
from spotify_assets.targets import publishing
from spotify_assets.targets.registry import targets

# Files that a sensor names.
MAX_NAMED = 10


@dataclass(frozen=True)
class Landed:
    """What changed in the landing zone.

    Attributes:
        is_news: Whether files are to be read.
        identity: Equal for equal changes.
        summary: Of the changes, for people.
        files: Number of history files.
        unused: Sentence on files that are not used; empty where there is none.
        mismatch: What is wrong with the raw tables; empty if nothing is.
        is_unsettled: Whether a file was modified only seconds ago, and is left for a later tick.
    """

    is_news: bool
    identity: str
    summary: str
    files: int
    unused: str
    mismatch: str
    is_unsettled: bool


def find_landed(settings: Settings, settled_before: datetime | None) -> Landed:
    """Compare landed history with what was read; see `find_changes`."""
    lake, zone = Lake(settings.lake_uri), LandingZone(settings.landing_uri)
    changes = find_changes(zone, lake, settings, settled_before)
    # Catalogue files are read once the tables of history are there.
    is_first = not changes and lake.open("raw_files") is None and any(zone.captures(CATALOG))
    return Landed(
        bool(changes) or is_first,
        _identify(changes),
        changes.summary(),
        changes.files,
        _name_unused(changes),
        changes.mismatch.reason,
        changes.unsettled > 0,
    )


def _identify(changes: Changes) -> str:
    """Identifier that is equal for equal changes."""
    files = [f"{file.path}@{file.landed_at.isoformat()}" for file in (*changes.to_read, *changes.touched)]
    return json.dumps(sorted([*files, *changes.deleted]))[:4000]


def _name_unused(changes: Changes) -> str:
    """Sentence on files that are not used: their number, and why the first of them; empty where there is none."""
    if not changes.unused:
        return ""
    named = "; ".join(map(str, changes.unused[:MAX_NAMED]))
    more = len(changes.unused) - MAX_NAMED
    return f" Not used: {named}{f'; and {more:,} more' if more > 0 else ''}."


@dataclass(frozen=True)
class Planned:
    """What is to be computed.

    Attributes:
        runs: In the order in which they have to run; none if nothing is stale.
        wanted: Identifies the first run and the state of the landed files.
        repaired: A line for each table that was damaged and was emptied.
        reason: Why nothing can be computed; empty if it can.
    """

    runs: Sequence[plan.PlannedRun] = ()
    wanted: str = ""
    repaired: Sequence[str] = ()
    reason: str = ""


def find_runs(settings: Settings) -> Planned:
    """Plan the runs that bring stale tables up to date; damaged tables are emptied before."""
    lake = Lake(settings.lake_uri)
    repaired: list[str] = []
    try:
        if lake.open("raw_files") is None:
            return Planned(reason="Nothing has been read from the landing zone yet; landing_sensor starts that.")
        stale = staleness.stale(lake, settings)
        if stale.damaged:
            repaired = repair.reset_damaged(lake, settings, stale.damaged)
            stale = staleness.stale(lake, settings)
    except DamagedTableError as error:
        return Planned(repaired=repaired, reason=f"{error}.")
    runs = plan.plan_runs(stale, settings)
    wanted = json.dumps([runs[0].tables, runs[0].keys, staleness.inputs_version(lake)]) if runs else ""
    return Planned(runs, wanted, repaired)


@dataclass(frozen=True)
class ToPublish:
    """Whether the lake can be published: its state, or why not."""

    digest: str = ""
    reason: str = ""


def find_digest(settings: Settings, *, only_if: Sequence[str] = ()) -> ToPublish:
    """The state of the lake, if no table is stale.

    Args:
        settings: Of the lake.
        only_if: States that were published, and so weren't stale: whether the lake is isn't asked then, as it takes
            longer.
    """
    lake = Lake(settings.lake_uri)
    if only_if:
        with suppress(DamagedTableError):
            digest = publishing.lake_digest(lake)
            if digest in only_if:
                return ToPublish(digest)
    try:
        if lake.open("raw_files") is None or staleness.stale(lake, settings):
            return ToPublish(reason="Tables are stale; stale_sensor refreshes them first.")
        return ToPublish(publishing.lake_digest(lake))
    except DamagedTableError as error:
        return ToPublish(reason=f"{error}.")


@dataclass(frozen=True)
class Lacking:
    """Tables that a target lacks changes of; all of them, and why, where it can't be asked."""

    tables: Sequence[str]
    problem: str = ""


def find_lacking(settings: Settings, names: Sequence[str]) -> dict[str, Lacking]:
    """What the targets of these names lack of the lake."""
    lake, found = Lake(settings.lake_uri), {}
    for name in names:
        target = targets(settings)[name]
        try:
            found[name] = Lacking([refresh.table for refresh in publishing.pending_refreshes(target, lake)])
        except publishing.TargetError as error:
            found[name] = Lacking(list(target.tables), str(error))
    return found
