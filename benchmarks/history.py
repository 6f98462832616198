"""The histories that are measured: ten years of several listeners, made by the sandbox, read by our own reader.

`python -m benchmarks.history <function> <plays> <folder>...`, as making ten million takes gigabytes that whoever
measures is better without.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import parquet

from spotify_assets.ingest.history import ingest
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.sandbox.history import Listening, extended_history
from spotify_assets.settings import load_settings

LISTENERS = ("anna", "ben", "chloe", "dev")
FIRST, LAST = datetime(2014, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
END_OF_NEW_MONTH = datetime(2024, 2, 1, tzinfo=UTC)
MONTHS = 120
ROWS_PER_FILE = 2_500_000
ROWS_PER_GROUP = 250_000


def land(plays: int, landing: Path) -> None:
    """Land ten years of history: a Parquet file for each listener, `plays` records in all."""
    for listener, history in _histories(plays, LAST):
        _write(landing / "history" / listener / "ten_years.parquet", history)


def land_with_new_month(plays: int, landing: Path, new: Path) -> None:
    """Land ten years of history, and put the month after them aside, in the same folders below `new`."""
    for listener, history in _histories(plays + plays // MONTHS, END_OF_NEW_MONTH):
        is_new = pc.greater_equal(history["ts"], f"{LAST:%Y-%m-%dT%H:%M:%SZ}")
        _write(landing / "history" / listener / "ten_years.parquet", history.filter(pc.invert(is_new)))
        _write(new / "history" / listener / "new_month.parquet", history.filter(is_new))


def make_raw_tables(plays: int, folder: Path) -> None:
    """Write `raw_plays` and `raw_files` as Parquet, as reading such a landing zone gives them.

    `raw_plays` has one row per record, in files of at most 2.5 million.
    """
    land(plays, folder / "landing")
    settings = load_settings(landing_uri=str(folder / "landing"), lake_uri=str(folder / "lake"))
    lake = Lake(settings.lake_uri)
    ingest(LandingZone(settings.landing_uri), lake, settings)
    for table in ("raw_plays", "raw_files"):
        ds.write_dataset(
            lake.ensure(table).to_pyarrow_dataset(),
            folder / table,
            format="parquet",
            max_rows_per_file=ROWS_PER_FILE,
            max_rows_per_group=ROWS_PER_GROUP,
        )


def _histories(plays: int, end: datetime) -> Iterator[tuple[str, pa.Table]]:
    """Everyone's history, from 2014 to `end`; all listen to one catalogue."""
    for seed, listener in enumerate(LISTENERS, start=1):
        yield listener, extended_history(Listening(plays // len(LISTENERS), FIRST, end, seed))


def _write(path: Path, history: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(history, path)


if __name__ == "__main__":
    # Their folders differ in number.
    making: dict[str, Callable[..., None]] = {
        make.__name__: make for make in (land, land_with_new_month, make_raw_tables)
    }
    making[sys.argv[1]](int(sys.argv[2]), *map(Path, sys.argv[3:]))
