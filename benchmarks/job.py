"""Run the job once in one engine: `python -m benchmarks.job <engine> ...`."""

import json
import sys
import time
from importlib import import_module
from pathlib import Path


def main(engine: str, history: Path, output: Path, result: Path, launched_at: float) -> None:
    """Run the job, and write the seconds per table as JSON; `start` is the start of interpreter and engine.

    Args:
        engine: Module of `benchmarks.engines`.
        history: Folder with `raw_plays` and `raw_files`.
        output: Folder for the tables.
        result: File for the seconds.
        launched_at: When the process was started (Unix time).
    """
    module = import_module(f"benchmarks.engines.{engine}")
    connection = module.start()
    seconds = {"start": time.time() - launched_at}
    lap = time.perf_counter()
    for table in module.run(connection, history, output):
        now = time.perf_counter()
        seconds[table], lap = now - lap, now
    result.write_text(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5]))
