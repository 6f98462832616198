"""`python -m benchmarks.pages`: measure the dashboard's pages on warehouses of several sizes; write PAGES.md.

Server time of each page: the median of warm requests, of all time of the listener with most plays, among four
listeners. Goals are at most 300 ms with a million plays in the file, and a second with ten million. Beside it stands
the time that DuckDB needs for the page's queries alone, one after the other on one connection.
"""

import argparse
import gc
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from unittest.mock import patch

import duckdb
from starlette.testclient import TestClient

from benchmarks import measure, sync
from spotify_assets.dashboard.app import create_app
from spotify_assets.dashboard.pages import ENTITIES, NAVIGATION
from spotify_assets.dashboard.queries import Query, Rows
from spotify_assets.dashboard.warehouse import WarehouseFile, listeners_in
from spotify_assets.settings import load_settings

SIZES = (150_000, 1_000_000, 10_000_000)
# Goals (ms) by the most plays that they hold for.
GOALS = {1_000_000: 300, 10_000_000: 1000}
REPEATS = 5
REPORT = Path(__file__).parent / "PAGES.md"
# Plays of 30 s or more are in no sum by day: these pages read single plays.
FROM_PLAYS = "min=30"
FIRST_OF = {
    "/artist": "SELECT artist_key FROM artist_metrics WHERE listener = $listener ORDER BY rank LIMIT 1",
    "/track": "SELECT recording_key FROM track_metrics WHERE listener = $listener ORDER BY rank LIMIT 1",
    "/album": "SELECT album_key FROM album_metrics WHERE listener = $listener ORDER BY rank LIMIT 1",
    "/show": "SELECT show_key FROM show_metrics WHERE listener = $listener ORDER BY ms_played DESC LIMIT 1",
}
QUERY_STRINGS = {"/search": "q=a", "/day": "date={day}"}


@dataclass(frozen=True)
class Measured:
    """A page.

    Attributes:
        address: Its address, with keys and days left out.
        page_ms: Server time.
        queries_ms: Time of its queries alone.
        queries: Number of its queries.
    """

    address: str
    page_ms: float
    queries_ms: float
    queries: int


def main() -> None:
    if sys.argv[1:2] == ["measure"]:
        found = measure_pages(Path(sys.argv[2]), int(sys.argv[4]))
        Path(sys.argv[3]).write_text(json.dumps([asdict(one) for one in found]))
        return
    options = _options()
    measured: dict[int, list[Measured]] = {}
    loads: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=options.folder) as folder:
        for plays in options.sizes:
            place = Path(folder, str(plays))
            place.mkdir()
            warehouse = options.keep / f"{plays}.duckdb" if options.keep else place / "warehouse.duckdb"
            if not warehouse.exists():
                make_warehouse(plays, place, warehouse)
            # In a process of its own, as the server is: without what the sync left in memory.
            arguments = ["-m", "benchmarks.pages", "measure", str(warehouse), "result.json", str(options.repeats)]
            measure.require(arguments, place)
            measured[plays] = [Measured(**one) for one in json.loads((place / "result.json").read_text())]
            loads[plays] = os.getloadavg()[1]
            slowest = max(measured[plays], key=lambda one: one.page_ms)
            print(f"{time.strftime('%H:%M:%S')} {plays:,}: slowest {slowest}", flush=True)
            options.report.write_text(report(measured, loads, options.repeats))


def make_warehouse(plays: int, place: Path, warehouse: Path) -> None:
    """Land a made-up history, and sync it: the sync publishes to the DuckDB file."""
    measure.require(["-m", "benchmarks.history", "land", str(plays), str(place / "landing")], place)
    sync.run("sync", place, SPOTIFY_ASSETS_WAREHOUSE=str(warehouse))


def measure_pages(warehouse: Path, repeats: int) -> list[Measured]:
    """Every page of the navigation and of the top entities, and those that can read single plays once more so."""
    # There is no lake: the state of the last sync, which pages tell, takes a read of a small file.
    settings = load_settings(warehouse=str(warehouse), lake_uri=str(warehouse.with_suffix(".lake")))
    client, file = TestClient(create_app(settings), base_url="http://localhost"), WarehouseFile(settings)
    with file.connect() as connection:
        addresses = _addresses(connection)
    return [_measure(client, file, name, address, repeats) for name, address in addresses.items()]


def _addresses(connection: duckdb.DuckDBPyConnection) -> Mapping[str, str]:
    """Addresses by their names in the report."""
    listener = next(iter(listeners_in(connection).values()))
    found: dict[str, str] = {}
    for entry in NAVIGATION:
        query = QUERY_STRINGS.get(entry.path, "").format(day=listener.last)
        found[entry.path] = f"{entry.path}?{query}"
    for path in ENTITIES:
        if path in FIRST_OF and (row := connection.execute(FIRST_OF[path], {"listener": listener.name}).fetchone()):
            found[f"{path}/..."] = f"{path}/{row[0]}?"
    of_plays = ("/", "/recap", "/time", "/charts", "/discovery", "/compare", "/artist/...")
    return found | {f"{name}?{FROM_PLAYS}": f"{found[name]}&{FROM_PLAYS}" for name in of_plays}


def _measure(client: TestClient, file: WarehouseFile, name: str, address: str, repeats: int) -> Measured:
    ran: list[Query] = []
    run = Query.run

    def recorded(query: Query, used: duckdb.DuckDBPyConnection) -> Rows:
        ran.append(query)
        return run(query, used)

    with patch.object(Query, "run", recorded):
        _server_ms(client, address)
    pages = [_server_ms(client, address) for _ in range(repeats)]
    # Not before: a page that finds the file open needn't open it.
    with file.connect() as connection:
        queries = [_timed_ms(lambda: [query.run(connection) for query in ran]) for _ in range(repeats)]
    return Measured(name, median(pages), median(queries), len(ran))


def _server_ms(client: TestClient, address: str) -> float:
    """What the server says that a page took."""
    gc.collect()
    answer = client.get(address)
    answer.raise_for_status()
    [found] = re.findall(r"page;dur=([\d.]+)", answer.headers["Server-Timing"])
    return float(found)


def _timed_ms(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def report(measured: Mapping[int, list[Measured]], loads: Mapping[int, float], repeats: int) -> str:
    """The report as Markdown, with the mean number of processes that wanted a core meanwhile."""
    lines = ["# Pages of the dashboard", "", str(__doc__).split("\n\n", 1)[1].strip(), ""]
    for plays, pages in measured.items():
        goal = next((ms for most, ms in GOALS.items() if plays <= most), None)
        slowest = max(pages, key=lambda one: one.page_ms)
        within = sum(goal is None or one.page_ms <= goal for one in pages)
        lines += [
            f"## {plays:,} plays",
            "",
            f"Medians of {repeats}, at a load of {loads[plays]:.1f} on {os.cpu_count()} cores: 1 is this benchmark. "
            f"{within} of {len(pages)} pages take at most {goal} ms; the slowest is `{slowest.address}` with "
            f"{slowest.page_ms:.0f} ms.",
            "",
            "| Page | Time / queries alone | ms | Queries alone, ms | Queries |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| `{one.address}` | {one.page_ms / one.queries_ms:.1f} | {one.page_ms:.0f} | {one.queries_ms:.0f} "
            f"| {one.queries} |"
            for one in pages
        ]
        lines.append("")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--sizes", type=lambda text: [int(part) for part in text.split(",")], default=list(SIZES))
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"requests per page (default {REPEATS})")
    parser.add_argument("--keep", type=Path, help="folder that keeps the warehouses for further runs")
    parser.add_argument("--report", type=Path, default=REPORT, help="file to write (default: benchmarks/PAGES.md)")
    parser.add_argument("--folder", type=Path, help="folder for about 15 GB of temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
