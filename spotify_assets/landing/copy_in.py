"""Import: copies files and folders into the landing zone, each file atomically, none over another, none twice."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath

import click

from spotify_assets.landing.zone import CATALOG, HISTORY, PARTIAL_SUFFIXES, LandingZone, file_sha256
from spotify_assets.storage import OutsideStorageError, StoredFile, is_text

# Suffixes that stay together with the one before them: `my_spotify_data.tar.gz`.
COMPRESSED = (".gz",)


def listener_files(listener: str, landing: LandingZone) -> list[str]:
    """Paths of all of a listener's files in the landing zone, including partial ones and links."""
    return [file.path for file in landing.storage.files(f"{HISTORY}/{listener}")]


@dataclass
class CopyResult:
    """What became of the files given to an import.

    Attributes:
        landed: Landed path of each file that was copied, by its path on this machine.
        present: Landed path of the same content, of each file that was not copied since it is there already.
        skipped: Reason why a file was not copied, by its path.
        failed: Error of each file that can't be read or written, by its path.
        no_catalog: Why a file that is in a listener's history now is no catalogue file, by its landed path.
    """

    landed: dict[Path, str] = field(default_factory=dict)
    present: dict[Path, str] = field(default_factory=dict)
    skipped: dict[Path, str] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)
    no_catalog: dict[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        """Landed paths of all files that are in the landing zone now."""
        return [*self.landed.values(), *self.present.values()]


def copy_into_landing(
    paths: list[Path],
    listener: str | None,
    landing: LandingZone,
    known: Mapping[StoredFile, str] | None = None,
    why_not: Callable[[Path], str | None] = lambda path: "",
) -> CopyResult:
    """Copy files and folders, recursively: catalogue files to `catalog`, and others to a listener's history.

    A file lands under its name, or where another one has it, under that name and a number: `my_spotify_data-2.zip`.
    A file whose content is there already, under whatever name, is not copied. Only landed files of the same size are
    compared, by SHA-256, and only those are read that `known` lacks.

    Args:
        paths: Files and folders of this machine. Hidden files in folders are skipped.
        listener: Whose history it is; None where there are only catalogue files: others are skipped then.
        landing: The landing zone.
        known: SHA-256 of landed files as listed, so that these needn't be read.
        why_not: Why a file is no catalogue file; None if it is one.

    Raises:
        click.UsageError: Without a listener, none of the files is a catalogue file.
        click.ClickException: There is nothing to copy.
        StorageError: The landing zone can't be reached. What was copied until then is found by the next import.
    """
    result = CopyResult()
    folders = [CATALOG, f"{HISTORY}/{listener}"] if listener else [CATALOG]
    landed = {folder: _FilesOfFolder(folder, landing, known or {}) for folder in folders}
    others: dict[Path, str] = {}
    for source, name in _files_to_copy(paths, result):
        try:
            reason = why_not(source)
            if reason is not None and not listener:
                others[source] = reason
                continue
            folder = landed[CATALOG if reason is None else f"{HISTORY}/{listener}"]
            path = folder.same_as(source)
            if path is None:
                path = result.landed[source] = folder.add(source, name)
            else:
                result.present[source] = path
            if reason:
                result.no_catalog[path] = reason
        except _SameContentError as same:
            result.present[source] = same.path
        except OSError as error:
            result.failed[source] = (error.strerror or str(error)).lower()
    if others and not result.paths:
        source, reason = next(iter(others.items()))
        raise click.UsageError(
            f"say whose listening history it is, with --listener NAME; {source} is no catalogue file: {reason}"
        )
    result.skipped |= {
        source: f"{reason}; to import it as listening history, say --listener NAME"
        for source, reason in others.items()
    }
    if not (result.paths or result.skipped or result.failed):
        raise click.ClickException(f"no files in {', '.join(map(str, paths))}")
    return result


class _SameContentError(Exception):
    """Another import landed the same content at the path in the meantime."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class _FilesOfFolder:
    """Landed files below a folder of the landing zone, by size and content."""

    def __init__(self, folder: str, landing: LandingZone, known: Mapping[StoredFile, str]) -> None:
        self._folder = folder
        self._landing = landing
        self._taken: set[str] = set()
        self._folders: set[str] = set()
        self._by_size: dict[int, list[str]] = {}
        self._digests: dict[str, str | None] = {}
        for file in landing.storage.files(self._folder):
            self._note(file.path, file.size)
            if file in known:
                self._digests[file.path] = known[file]

    def same_as(self, source: Path) -> str | None:
        """Path of a landed file with the source's content; None where there is none."""
        candidates = self._by_size.get(source.stat().st_size)
        if not candidates:
            return None
        digest = _sha256(source)
        return next((path for path in candidates if self._digest(path) == digest), None)

    def add(self, source: Path, name: PurePosixPath) -> str:
        """Copy a file in, under a name that no other file has; return its path.

        Raises:
            _SameContentError: Another process has just landed the same content under that name.
        """
        for path in self._free_paths(name):
            try:
                self._landing.copy_in_new(source, path)
            except FileExistsError:
                if self._digest(path) == _sha256(source):
                    raise _SameContentError(path) from None
                self._taken.add(path)
                continue
            self._note(path, source.stat().st_size)
            return path
        raise AssertionError("numbers end nowhere")

    def _free_paths(self, name: PurePosixPath) -> Iterator[str]:
        """Paths for a file, the best one first, without those that are known to be taken."""
        folder = self._folder
        for part in name.parts[:-1]:
            folder = next(path for path in _numbered_paths(f"{folder}/{part}") if path not in self._taken)
        for path in _numbered_paths(f"{folder}/{name.name}"):
            if path not in self._taken and path not in self._folders:
                yield path

    def _note(self, path: str, size: int) -> None:
        self._taken.add(path)
        self._folders.update(map(str, PurePosixPath(path).parents))
        if is_text(path) and not path.lower().endswith(PARTIAL_SUFFIXES):
            self._by_size.setdefault(size, []).append(path)

    def _digest(self, path: str) -> str | None:
        """SHA-256 of a landed file's content; None where it can't be read."""
        if path not in self._digests:
            try:
                self._digests[path] = file_sha256(partial(self._landing.open, path))
            except (OSError, OutsideStorageError):
                self._digests[path] = None
        return self._digests[path]


def _sha256(source: Path) -> str:
    return file_sha256(lambda: source.open("rb"))


def _numbered_paths(path: str) -> Iterator[str]:
    """The path, and then with numbers before the suffix, from 2: `a/b.json`, `a/b-2.json`, ..."""
    yield path
    whole = PurePosixPath(path)
    suffix = "".join(whole.suffixes[-2:]) if whole.suffix.lower() in COMPRESSED else whole.suffix
    stem = whole.name.removesuffix(suffix)
    for number in count(2):
        yield str(whole.with_name(f"{stem}-{number}{suffix}"))


def _files_to_copy(paths: list[Path], result: CopyResult) -> Iterator[tuple[Path, PurePosixPath]]:
    """Each file to copy, once, with its path below the folder where it lands. Notes what is skipped, and why."""
    seen: set[Path] = set()
    for given in paths:
        top = given.resolve().name if given.is_dir() else given.name
        for file in _files_below(given, result) if given.is_dir() else [given]:
            if file in seen:
                continue
            seen.add(file)
            if file.name.lower().endswith(PARTIAL_SUFFIXES):
                result.skipped[file] = "it is still being copied or downloaded, by its name"
            elif not file.is_file():
                result.skipped[file] = "it is no file"
            else:
                below = PurePosixPath(top, *file.relative_to(given).parts) if file != given else PurePosixPath(top)
                yield file, PurePosixPath(_as_text(str(below)))


def _files_below(folder: Path, result: CopyResult) -> Iterator[Path]:
    """Files below a folder in order of path. Links to folders are not followed."""

    def note(error: OSError) -> None:
        result.failed[Path(error.filename)] = (error.strerror or str(error)).lower()

    for parent, folders, names in os.walk(folder, onerror=note):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if name.startswith("."):
                result.skipped[path] = "it is hidden"
            else:
                yield path
        for name in folders:
            if Path(parent, name).is_symlink():
                result.skipped[Path(parent, name)] = "it is a link to a folder; give the folder itself"


def _as_text(name: str) -> str:
    """The name, with `_` for bytes that are not valid UTF-8: landed files with such names are never read."""
    return os.fsencode(name).decode("utf-8", "replace").replace("\ufffd", "_")
