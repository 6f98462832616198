"""Import: copies files and folders into the landing zone, each file atomically."""

from collections.abc import Iterator
from pathlib import Path

import click

from spotify_assets.landing.zone import HISTORY, LandingZone


def listener_files(listener: str, landing: LandingZone) -> list[str]:
    """Paths of all of a listener's files in the landing zone, including partial ones and links."""
    return [file.path for file in landing.storage.files(f"{HISTORY}/{listener}")]


def copy_into_landing(paths: list[Path], listener: str, landing: LandingZone) -> int:
    """Copy files and folders, recursively, to a listener's history. An existing file of the same name is replaced.

    Returns:
        Number of files copied.

    Raises:
        click.ClickException: There is nothing to copy, or two files would get the same name.
    """
    targets: dict[str, Path] = {}
    for source, name in _files_to_copy(paths):
        target = f"{HISTORY}/{listener}/{name.as_posix()}"
        if target in targets and targets[target] != source:
            raise click.ClickException(
                f"{targets[target]} and {source} would both be landed as {name}; import one by one"
            )
        targets[target] = source
    if not targets:
        raise click.ClickException(f"no files in {', '.join(map(str, paths))}")
    for target, source in targets.items():
        landing.copy_in(source, target)
    return len(targets)


def _files_to_copy(paths: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Each file to copy, with its path below the listener's folder. Hidden files are skipped."""
    for path in paths:
        if path.is_file():
            yield path, Path(path.name)
        for below in sorted(path.rglob("*")) if path.is_dir() else []:
            if below.is_file() and not below.name.startswith("."):
                yield below, Path(path.resolve().name) / below.relative_to(path)
