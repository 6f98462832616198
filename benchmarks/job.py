"""One run of the job in one engine, in a process of its own: `python -m benchmarks.job <engine> ...`."""

import json
import sys
import time
from importlib import import_module
from pathlib import Path


def main(engine: str, history: Path, output: Path, result: Path, launched_at: float) -> None:
    """Run the job and write how long its parts took (seconds); `start` is the interpreter's and the engine's start."""
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
