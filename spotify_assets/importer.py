"""Copies files into the landing zone, so that nobody sees half of one."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import click

from spotify_assets.resources.landing import HISTORY
from spotify_assets.settings import Settings


def landed_by(listener: str, settings: Settings) -> tuple[Path, list[Path]]:
    """The listener's folder in the landing zone, and the files in it."""
    folder = Path(settings.landing_uri) / HISTORY / listener
    return folder, [path for path in folder.rglob("*") if path.is_file()]


def copy_into_landing(paths: list[Path], listener: str, settings: Settings) -> int:
    """Copy files, and folders with all that is in them, each under a temporary name and then renamed.

    A file that is there already is replaced. Modification times are kept: they bound what a file can tell of.

    Returns:
        How many files were copied.

    Raises:
        click.ClickException: where there is nothing to copy, or two files would get one name.
    """
    folder, _ = landed_by(listener, settings)
    targets: dict[Path, Path] = {}
    for source, name in _files(paths):
        target = folder / name
        if target in targets and targets[target] != source:
            raise click.ClickException(
                f"{targets[target]} and {source} would both be landed as {name}; import one by one"
            )
        targets[target] = source
    if not targets:
        raise click.ClickException(f"no files in {', '.join(map(str, paths))}")
    for target, source in targets.items():
        if source.resolve() == target.resolve():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
        try:
            shutil.copyfile(source, partial)
            shutil.copystat(source, partial)
            partial.chmod(0o644)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
    return len(targets)


def _files(paths: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Every file, and its path below the listener's folder."""
    for path in paths:
        if path.is_file():
            yield path, Path(path.name)
        for below in sorted(path.rglob("*")) if path.is_dir() else []:
            if below.is_file() and not below.name.startswith("."):
                yield below, Path(path.resolve().name) / below.relative_to(path)
