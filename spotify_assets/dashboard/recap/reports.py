"""Reports: the recap of each listener's years as HTML files in the lake's folder, beside its tables.

    <lake>/_reports/<listener>/<year>.html

Within the lake's folder, a bucket's permissions cover them, two lakes never share them, and who deletes the lake
deletes them, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from spotify_assets.dashboard.filters import Filters, Listener
from spotify_assets.dashboard.queries import Query
from spotify_assets.dashboard.recap import TABLES
from spotify_assets.dashboard.recap.content import Ask, Recap, read_recap, usual_year, year_filters
from spotify_assets.dashboard.recap.files import FINGERPRINT, fingerprint, recap_html
from spotify_assets.dashboard.warehouse import listeners_in
from spotify_assets.lake.tables import Lake
from spotify_assets.settings import folder_name
from spotify_assets.storage import Storage, storage_at
from spotify_assets.targets.lake_reader import connect_lake

REPORTS = "_reports"
YEARS = """
    SELECT listener, year, plays, is_complete FROM yearly_recap ORDER BY listener, year
"""
# How far into a file its fingerprint stands, at most (bytes).
HEAD = 2048


@dataclass(frozen=True)
class Report:
    """A year's report.

    Attributes:
        recap: What it tells.
        uri: Where it is.
        is_written: Whether it was written now, as its content is new.
    """

    recap: Recap
    uri: str
    is_written: bool


@dataclass(frozen=True)
class Reports:
    """What was done.

    Attributes:
        reports: Every report, by listener and year.
        removed: Number of those deleted whose year has no play any more.
    """

    reports: Sequence[Report]
    removed: int

    @property
    def written(self) -> list[Report]:
        """Those whose content is new."""
        return [report for report in self.reports if report.is_written]

    def latest(self) -> list[Report]:
        """Of each listener the report of the year that a recap shows first."""
        found = []
        for _, of_listener in groupby(self.reports, key=lambda report: report.recap.filters.listener.name):
            by_year = {report.recap.year: report for report in of_listener}
            years = [report.recap.row for report in by_year.values()]
            last = next(iter(by_year.values())).recap.filters.listener.last
            found.append(by_year[usual_year(years, last)])
        return found


def lake_asks(lake: Lake) -> Ask:
    """Runs queries on the tables of the lake that recaps of years read.

    Raises:
        DamagedTableError: A table's log can't be read.
        StorageError: The lake can't be reached.
    """
    connection = connect_lake(lake, TABLES)
    return lambda query: query.run(connection)


def lake_listeners(lake: Lake) -> dict[str, Listener]:
    """Listeners with plays by name, from the lake."""
    return listeners_in(connect_lake(lake, ("dim_listener", "period_listening")))


def year_in_lake(ask: Ask, listener: Listener, year: int) -> Recap | None:
    """The recap of a listener's year; None where nothing was heard in it."""
    return read_recap(ask, year_filters(Filters.parse({}, {listener.name: listener}, listener.name), year))


def write_reports(lake: Lake, note: Callable[[Report], object] = lambda report: None) -> Reports:
    """Write the report of each listener and year whose content changed, and delete those of years without plays.

    Args:
        lake: The lake: its tables are read, not those of a target, which may be off or older.
        note: Called with each report that was written.

    Raises:
        DamagedTableError: A table's log can't be read.
        StorageError: The lake can't be reached.
    """
    store, ask, listeners = storage_at(lake.uri), lake_asks(lake), lake_listeners(lake)
    present = {file.path for file in store.files(REPORTS)}
    reports = []
    for row in ask(Query(YEARS, {})):
        listener = listeners.get(row["listener"])
        recap = year_in_lake(ask, listener, row["year"]) if listener else None
        if recap is None:
            continue
        path = _path(recap)
        is_same = path in present and _fingerprint_of(store, path) == fingerprint(recap)
        if not is_same:
            store.write(path, recap_html(recap).encode())
        reports.append(Report(recap, f"{store.uri}/{path}", not is_same))
        if not is_same:
            note(reports[-1])
    removed = store.remove(sorted(present - {_path(report.recap) for report in reports}))
    return Reports(reports, removed)


def remove_reports(lake_uri: str, listener: str) -> int:
    """Delete all reports of a listener, with their old versions; returns the number of files."""
    store = storage_at(lake_uri)
    return store.remove([file.path for file in store.files(f"{REPORTS}/{listener}")])


def _path(recap: Recap) -> str:
    return f"{REPORTS}/{folder_name(recap.filters.listener.name)}/{recap.year}.html"


def _fingerprint_of(store: Storage, path: str) -> str:
    try:
        with store.open(path) as stream:
            found = FINGERPRINT.search(stream.read(HEAD))
    except FileNotFoundError:
        return ""
    return found[1].decode() if found else ""
