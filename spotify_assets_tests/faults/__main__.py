"""Break a small lake at random, and say what a command, run again, did not mend.

`python -m spotify_assets_tests.faults --minutes 60 --seed 1` runs episodes of some steps, each on a copy of the same
lake. `--episode 12` repeats one of them. It exits with 1 if anything was lost, doubled, stuck, leaked or left.
"""

import argparse
import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from spotify_assets.engine.session import spark_session
from spotify_assets.settings import PREFIX
from spotify_assets_tests.faults.daemon import DaemonEpisode
from spotify_assets_tests.faults.episode import Episode, Tally, prepare
from spotify_assets_tests.faults.place import Place

STEPS = 12
# One of so many episodes exports flat files, runs everything in Dagster, has its landing zone and lake in a bucket,
# has the UI's sensors do the work.
EXPORTING = 4
WITH_DAGSTER = 5
IN_BUCKET = 3
OF_DAEMON = 7
KINDS = ("disk", "bucket", "daemon")


def main() -> int:
    """Run episodes for some time, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m spotify_assets_tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="no step begins after this time")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same faults")
    parser.add_argument("--episode", type=int, help="run this one only")
    parser.add_argument("--only", choices=KINDS, help="all episodes are of this kind")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of an episode (default {STEPS})")
    parser.add_argument("--folder", type=Path, help="where data and logs are kept (default: a temporary folder)")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    # An ordinary exit ends the processes of commands, too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    root = (options.folder or Path(tempfile.mkdtemp(prefix="faults-"))).absolute()
    template = root / "template"
    shutil.rmtree(template, ignore_errors=True)
    root.mkdir(parents=True, exist_ok=True)
    place = Place(root, spark_session())
    prepare(place, template)
    tally, usual = Tally(), dict[str, float]()
    until = time.monotonic() + options.minutes * 60
    number = options.episode or 1
    atexit.register(place.close)
    while True:
        kind = options.only or kind_of(number)
        place.restore(
            template,
            has_export=number % EXPORTING == 0,
            has_dagster=kind == "daemon" or number % WITH_DAGSTER == 0,
            is_in_bucket=kind == "bucket",
        )
        name = f"{options.seed}/{number}"
        episode = (DaemonEpisode if kind == "daemon" else Episode)(place, name, tally, usual, kind)
        known = len(tally.violations)
        episode.run(options.steps, until)
        say(f"episode {number} ({kind}): {tally.faults.total():,} faults so far")
        for violation, where in tally.violations[known:]:
            say(f"  {violation.kind}: {violation.what}")
            again = f"--seed {options.seed} --episode {number}{f' --only {options.only}' if options.only else ''}"
            say(f"    {where}; python -m spotify_assets_tests.faults {again}")
        number += 1
        if options.episode or time.monotonic() > until:
            break
    place.close()
    print_summary(tally, root)
    return 1 if tally.violations else 0


def kind_of(number: int) -> str:
    """Kind of an episode, by its number."""
    return "daemon" if number % OF_DAEMON == 0 else "bucket" if number % IN_BUCKET == 0 else "disk"


def print_summary(tally: Tally, root: Path) -> None:
    """Print faults by kind, commands, and violations by kind."""
    say(f"\n{tally.faults.total():,} faults, {tally.commands.total():,} commands; logs are in {root / 'logs'}")
    for kind, count in tally.faults.most_common():
        say(f"  {kind:<20} {count:>6,}")
    for kind, count in tally.steps.most_common():
        say(
            f"{kind}: {tally.compared[kind]:,} of {count:,} steps came to their comparison, "
            f"with {tally.compared_faults[kind]:,} faults"
        )
    found = Counter(violation.kind for violation, _ in tally.violations)
    say("violations: " + (", ".join(f"{count:,} {kind}" for kind, count in found.most_common()) or "none"))


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    code = main()
    # Threads of the engine sometimes abort the interpreter's end.
    sys.stdout.flush()
    os._exit(code)
