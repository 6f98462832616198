"""An episode: steps on a copy of a small lake. Each breaks commands, runs them again, and compares with a rebuild."""

import re
import shutil
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import duckdb
from deltalake.exceptions import DeltaError

from spotify_assets.model import TABLES
from spotify_assets_tests.faults import compare
from spotify_assets_tests.faults.commands import Command, Ended
from spotify_assets_tests.faults.compare import Violation
from spotify_assets_tests.faults.kinds import RUNNING, STANDING, NotPossibleError, possible
from spotify_assets_tests.faults.place import CONTENTS, DAYS, KEPT, Place

COMMANDS = {"sync": 8, "import": 2, "forget": 2, "publish": 1, "publish duckdb": 1, "maintain": 1, "status": 1}
# A step breaks up to so many commands, one after another, with so much damage before each: breaking is cheap, and
# making it whole again takes time.
MOST_BROKEN = 8
DAMAGES = (0, 1, 2, 3, 5, 8, 13)
# How often the same command is run again after a fault.
AGAIN = 2
# What a command ends with, though it has nothing left to do.
ENDS = ("is landed or known of", "none of these files holds listening history")
MOVE_AWAY = "Move it away"
DELETE = re.compile(r"former rows are in (.+), since tables of your own may be: delete it")
HINT = re.compile(r"spotify-assets (repair [a-z_]+|publish [a-z]+|sync)")
# After these, the lake isn't as it should be, and what follows would be found again and again.
ENDING = {"lost", "doubled", "wrong", "stuck"}


@dataclass
class Tally:
    """What happened in all episodes.

    Attributes:
        faults: Number of faults, by kind.
        commands: Number of commands, by name.
        steps: Number of steps, by kind of their episode.
        compared: Number of steps that came to their comparison with a rebuild, by kind of their episode.
        compared_faults: Number of faults in those steps, likewise.
        violations: What was found, with the step and the way to repeat it.
    """

    faults: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    compared_faults: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[Violation, str]] = field(default_factory=list)


class Episode:
    """Steps that follow from a seed alone, but for the moment at which a signal hits a process.

    Args:
        place: The data folder.
        name: Seed and number, as `1/12`; all choices follow from it.
        tally: Counts faults, and collects violations.
        usual: Seconds that each command takes.
        kind: What it is counted as.
    """

    def __init__(self, place: Place, name: str, tally: Tally, usual: dict[str, float], kind: str) -> None:
        self.place = place
        self.name = name
        self.kind = kind
        self.tally = tally
        self.log = place.root / "logs" / f"{name.replace('/', '-')}.log"
        self.log.parent.mkdir(exist_ok=True)
        self.log.unlink(missing_ok=True)
        self._usual = usual
        self._known: set[str] = set()

    def run(self, steps: int, until: float) -> None:
        """Run the steps; end at the first violation after which the lake isn't as it should be.

        Args:
            steps: Number of steps.
            until: No step but the first begins after this time (seconds of the monotonic clock).
        """
        for number in range(1, steps + 1):
            if number > 1 and time.monotonic() > until:
                self._note("no further step: the time is over")
                return
            # Each step has choices of its own, whatever came of those before.
            chance = Random(f"{self.name}/{number}")
            self._note(f"--- step {number}")
            faults, self._was_compared = self.tally.faults.total(), False
            found = list(self._step(chance))
            self.tally.steps[self.kind] += 1
            if self._was_compared:
                self.tally.compared[self.kind] += 1
                self.tally.compared_faults[self.kind] += self.tally.faults.total() - faults
            self._note_all(found, f"step {number}")
            if any(violation.kind in ENDING for violation in found):
                shutil.copytree(
                    self.place.data,
                    self.log.with_suffix(f".step{number}"),
                    symlinks=True,
                    # It has sockets, which can't be copied.
                    ignore=shutil.ignore_patterns("tmp"),
                    dirs_exist_ok=True,
                )
                return

    def _step(self, chance: Random) -> Iterator[Violation]:
        unfinished: list[list[str]] = []
        standing = possible(STANDING, self.place)
        for _ in range(chance.randint(1, MOST_BROKEN)):
            for _ in range(chance.randint(0, 2)):
                self._change(chance)
            for fault in chance.choices([*standing], [*standing.values()], k=chance.choice(DAMAGES)):
                try:
                    self._count(fault.__name__, fault(self.place, chance))
                except (NotPossibleError, DeltaError, duckdb.Error, OSError, StopIteration, IndexError):
                    self._note(f"{fault.__name__} is not possible now")
            arguments = self._command(chance)
            with self._landed_files(arguments) as problems:
                is_done = yield from self._disturb(chance, arguments)
            yield from problems
            if is_done:
                yield from self._look_for_import(arguments)
            elif arguments not in unfinished:
                unfinished.append(arguments)
        for arguments in [*unfinished, ["sync"]]:
            with self._landed_files(arguments) as problems:
                has_failed = yield from self._finish(arguments)
            if has_failed:
                return
            yield from problems
            yield from self._look_for_import(arguments)
        yield from self._compare()

    @contextmanager
    def _landed_files(self, arguments: list[str]) -> Iterator[list[Violation]]:
        """Context of a command; adds the landed files that it changed or removed, and may not, to the list."""
        problems: list[Violation] = []
        before = self.place.contents()
        yield problems
        if arguments[0] == "forget":
            mark = f"history/{arguments[2]}/"
            before = {path: digest for path, digest in before.items() if not path.startswith(mark)}
        problems += compare.compare_landed(before, self.place.contents())

    def _change(self, chance: Random) -> None:
        """Land, replace or delete a file."""
        listener, name = chance.choice((KEPT, self.place.listener)), chance.choice(sorted(CONTENTS))
        version, day, what = chance.randrange(3), chance.choice(DAYS), chance.random()
        if what < 0.6:
            self.place.land(listener, name, version)
            self._note(f"landed {listener}/{name}, content {version}")
        elif what < 0.8:
            (self.place.data / "landing/history" / listener / name).unlink(missing_ok=True)
            self._note(f"deleted {listener}/{name}")
        else:
            self.place.land_playlist(day, version)
            self._note(f"landed the playlist of {day}, content {version}")

    def _command(self, chance: Random) -> list[str]:
        """Arguments of a command."""
        command = chance.choices([*COMMANDS], [*COMMANDS.values()])[0]
        name, version = chance.choice(sorted(CONTENTS)), chance.randrange(3)
        if command == "import":
            return ["import", str(self.place.file_to_import(name, version)), "--listener", KEPT]
        if command == "forget":
            self.place.forgotten.append(self.place.listener)
            self.place.generation += 1
            return ["forget", "--listener", self.place.forgotten[-1], "--yes"]
        return command.split()

    def _disturb(self, chance: Random, arguments: list[str]) -> Generator[Violation, None, bool]:
        """Run the command with a fault, in which it may fail; whether it didn't."""
        running = possible(RUNNING, self.place)
        fault = chance.choices([*running], [*running.values()])[0]
        usual = self._usual.get(arguments[0], 8.0)
        try:
            did, ended = fault(self.place, chance, lambda **options: self._start(arguments, **options), usual)
        except NotPossibleError:
            did, ended = "", self._start(arguments).wait()
        if did:
            self._count(fault.__name__, did)
        yield from self._judge(arguments, ended, was_killed=ended.was_hit)
        return ended.code == 0

    def _finish(self, arguments: list[str]) -> Generator[Violation, None, bool]:
        """Run the command until it ends well, or do what its one line says; whether it failed all the same."""
        hints: set[str] = set()
        attempts = 0
        while True:
            ended = self._start(arguments).wait()
            yield from self._judge(arguments, ended)
            if ended.code == 0 or any(end in ended.last_line for end in ENDS):
                break
            if not (yield from self._do_as_it_says(ended.last_line, hints)) and (attempts := attempts + 1) >= AGAIN:
                yield Violation("stuck", f"{' '.join(arguments)}: {ended.last_line}")
                return True
        if ended.code == 0:
            before = self._usual.get(arguments[0], ended.seconds)
            self._usual[arguments[0]] = 0.7 * before + 0.3 * ended.seconds
        return False

    def _do_as_it_says(self, line: str, hints: set[str]) -> Generator[Violation, None, bool]:
        """Do what a line tells to do, unless that was done before (`hints`); whether it told something new."""
        hint, kept = HINT.search(line), DELETE.search(line)
        if hint and hint[1] not in hints:
            hints.add(hint[1])
            self._note(f"as it says: {hint[1]}")
            ended = self._start(hint[1].split()).wait()
            yield from self._judge(hint[1].split(), ended)
            if ended.code:  # then it says what to do, too
                yield from self._do_as_it_says(ended.last_line, hints)
        elif MOVE_AWAY in line and MOVE_AWAY not in hints:
            hints.add(MOVE_AWAY)
            self._note("as it says: the DuckDB file is moved away")
            self.place.warehouse.unlink()
        elif kept and kept[1] not in hints:
            hints.add(kept[1])
            self._note(f"as it says: {kept[1]} deleted")
            for path in kept[1].split(", "):
                Path(path).unlink()
        else:
            return False
        return True

    def _look_for_import(self, arguments: list[str]) -> Iterator[Violation]:
        """After an import, its file is landed."""
        if arguments[0] == "import" and compare.digest(Path(arguments[1])) not in self.place.contents().values():
            yield Violation("lost", f"an imported file is not landed: {arguments[1]}")

    def _judge(self, arguments: list[str], ended: Ended, *, was_killed: bool = False) -> Iterator[Violation]:
        """How a command may not end, whatever happened to it."""
        self._note(f"{' '.join(arguments)}: exit {ended.code} after {ended.seconds:.1f} s: {ended.last_line}")
        name = arguments[0]
        if ended.code is None:
            yield Violation("stuck", f"{name} did not end")
        elif ended.code < 0 and not was_killed:
            yield Violation("crashed", f"{name} ended by signal {-ended.code}")
        if "Traceback (most recent call last)" in ended.output:
            yield Violation("traceback", f"{name}: {ended.output.strip().splitlines()[-1][:200]}")
        elif ended.code not in (0, None) and not was_killed and not ended.output.strip():
            yield Violation("stuck", f"{name} failed without a word")

    def _compare(self) -> Iterator[Violation]:
        expected = self.place.rebuild()
        self._was_compared = True
        self._note("compared with a rebuild")
        lake = self.place.world.lake
        if damaged := lake.damaged(TABLES):
            yield from (Violation("lost", f"{error}, after a sync") for error in damaged.values())
            return
        yield from compare.compare_rows(expected, self.place.everything())
        yield from compare.compare_warehouse(self.place.warehouse, lake)
        if self.place.has_export:
            yield from compare.compare_exports(self.place.export, lake)
        for name in set(self.place.forgotten) - self._known:
            for leak in compare.find_leaks(self.place.data, name, ("landing", "lake") if self.place.bucket else ()):
                self._known.add(name)
                yield leak
        for leftover in compare.find_leftovers(self.place.data):
            if leftover.what not in self._known:
                self._known.add(leftover.what)
                yield leftover

    def _start(self, arguments: list[str], *, largest_file: int = 0, clock: str = "", **variables: str) -> Command:
        (self.place.data / "tmp").mkdir(exist_ok=True)
        self.tally.commands[arguments[0]] += 1
        environment = self.place.environment(**variables)
        return Command(
            arguments, self.place.data, environment, largest_file, has_dagster=self.place.has_dagster, clock=clock
        )

    def _count(self, kind: str, what: str) -> None:
        self.tally.faults[kind] += 1
        self._note(f"fault: {what}")

    def _note_all(self, violations: Iterable[Violation], where: str) -> None:
        for violation in violations:
            self.tally.violations.append((violation, f"episode {self.name}, {where}"))
            self._note(f"!!! {violation.kind}: {violation.what}")

    def _note(self, line: str) -> None:
        with self.log.open("a") as log:
            log.write(f"{line}\n")


def prepare(place: Place, template: Path) -> None:
    """Make the template: two listeners, plays of three months, a playlist of two days; synced and published."""
    shutil.rmtree(place.data, ignore_errors=True)
    (place.data / "tmp").mkdir(parents=True)
    for listener in (KEPT, place.listener):
        for version, name in enumerate(sorted(CONTENTS)):
            place.land(listener, name, version % 2)
    for version, day in enumerate(DAYS):
        place.land_playlist(day, version)
    ended = Command(["sync"], place.data, place.environment()).wait()
    if ended.code != 0:
        raise SystemExit(ended.output)
    shutil.copytree(place.data, template, symlinks=True)
