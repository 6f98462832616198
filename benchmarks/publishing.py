"""`python -m benchmarks.publishing`: measure publishing a million facts and all dimensions; write PUBLISHING.md.

Compared with the fastest way to load the same rows: for DuckDB, CREATE TABLE AS from the lake's Parquet files; for
MariaDB, LOAD DATA from existing CSV files into tables of the same DDL, including keys and indexes.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import duckdb

from benchmarks import measure, sync
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.settings import load_settings
from spotify_assets.targets import mysql, mysql_rows, publishing
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets.targets.mysql import MySQL
from spotify_assets.targets.publishing import Target

# A million of these are kept.
PLAYS = 1_040_000
PUBLISHED = (*publishing.tables_of_layers("dimensions"), "fct_plays")
# For DuckDB; MariaDB is measured once, as it takes minutes.
REPEATS = 3
# MariaDB's default of 128 MB is less than these facts and their indexes.
SERVER = ("--innodb-buffer-pool-size=1G",)
REPORT = Path(__file__).parent / "PUBLISHING.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publishing", description=__doc__)
    parser.add_argument("--plays", type=int, default=PLAYS, help=f"landed records (default {PLAYS:,})")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        place = Path(folder)
        measure.require(["-m", "benchmarks.history", "land", str(options.plays), str(place / "landing")], place)
        sync.run("sync", place)
        REPORT.write_text(report(Lake(str(place / "lake")), place))


def report(lake: Lake, place: Path) -> str:
    """Measure, print each row once it is measured, and return the report as Markdown."""
    lines = [
        "# Publishing",
        "",
        str(__doc__).split("\n\n")[1].strip(),
        "",
        f"{lake.count('fct_plays'):,} facts and {sum(map(lake.count, PUBLISHED[:-1])):,} rows of dimensions. "
        f"DuckDB's figures are medians of {REPEATS}, the MariaDB server has {SERVER[0].rpartition('=')[2]} of memory.",
        "",
        "| Target | Goal | Time / baseline | Seconds | Baseline, seconds |",
        "|---|---|---|---|---|",
    ]
    for store, bound, measured in (("DuckDB", 2, _duckdb), ("MariaDB", 3, _mariadb)):
        lines.append(_row(store, bound, *measured(lake, place)))
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def _row(store: str, bound: float, ours: float, baseline: float) -> str:
    return f"| {store} | at most {bound:.0f} | {ours / baseline:.1f} | {ours:.1f} | {baseline:.1f} |"


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _publish(target: Target, lake: Lake) -> None:
    list(target.publish(lake, publishing.pending_refreshes(target, lake, PUBLISHED, full=True)))


def _duckdb(lake: Lake, place: Path) -> tuple[float, float]:
    """Seconds to publish, and to create the tables from the lake's files."""
    files = {table: lake.ensure(table).file_uris() for table in PUBLISHED}
    file = place / "warehouse.duckdb"

    def create() -> None:
        with duckdb.connect(str(file)) as connection:
            for table, paths in files.items():
                connection.execute(f"CREATE TABLE {table} AS SELECT * FROM read_parquet({paths})")

    def alone(work: Callable[[], object]) -> float:
        file.unlink(missing_ok=True)
        return _timed(work)

    seconds = [(alone(lambda: _publish(Warehouse(path=str(file)), lake)), alone(create)) for _ in range(REPEATS)]
    return median(ours for ours, _ in seconds), median(baseline for _, baseline in seconds)


def _mariadb(lake: Lake, place: Path) -> tuple[float, float]:
    """Seconds to publish, and to load the same rows from files into tables of the same DDL."""
    from spotify_assets.sandbox.mariadb import running_mariadb

    rows = {
        table: mysql_rows.write_csv(refresh.rows(lake).to_table(columns=TABLES[table].columns), place / f"{table}.csv")
        for table in PUBLISHED
        for refresh in publishing.pending_refreshes(Warehouse(path=str(place / "none")), lake, [table], full=True)
    }
    with running_mariadb(*SERVER) as server:
        target = MySQL(settings=load_settings(mysql_url=server.database(), lake_uri=lake.uri))
        ours = _timed(partial(_publish, target, lake))
        target = MySQL(settings=load_settings(mysql_url=server.database(), lake_uri=lake.uri))
        return ours, _load(target, rows)


def _load(target: MySQL, files: dict[str, Path]) -> float:
    with target.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        for table in PUBLISHED:
            mysql.create_empty_table(connection, target.model.tables[table])
            mysql.add_indexes(connection, target.model.tables[table])

        def load() -> None:
            for table, file in files.items():
                mysql_rows.load_csv(connection, file, table, TABLES[table].columns)

        return _timed(load)


if __name__ == "__main__":
    os.environ.setdefault("RUST_LOG", "off")
    main()
