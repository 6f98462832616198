"""Copies files into the landing zone, so that nobody sees half of one."""

from collections.abc import Iterator
from pathlib import Path

import click

from spotify_assets.landing.zone import HISTORY, LandingZone


def landed_by(listener: str, landing: LandingZone) -> list[str]:
    """Paths of the listener's files, half-copied ones and links included."""
    return [file.path for file in landing.storage.files(f"{HISTORY}/{listener}")]


def copy_into_landing(paths: list[Path], listener: str, landing: LandingZone) -> int:
    """Copy files, and folders with all that is in them, each whole or not at all.

    A file that is there already is replaced.

    Returns:
        How many files were copied.

    Raises:
        click.ClickException: where there is nothing to copy, or two files would get one name.
    """
    targets: dict[str, Path] = {}
    for source, name in _files(paths):
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


def _files(paths: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Every file, and its path below the listener's folder."""
    for path in paths:
        if path.is_file():
            yield path, Path(path.name)
        for below in sorted(path.rglob("*")) if path.is_dir() else []:
            if below.is_file() and not below.name.startswith("."):
                yield below, Path(path.resolve().name) / below.relative_to(path)
