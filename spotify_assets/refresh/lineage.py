"""What each computed table is made from, as its transform's signature says, and the version of the code."""

import hashlib
import inspect
from functools import cache
from pathlib import Path

from spotify_assets import model, readers, transforms
from spotify_assets.model import TABLES
from spotify_assets.settings import Settings


@cache
def computed_tables() -> tuple[str, ...]:
    """Tables that have a transform, upstream before downstream."""
    ordered: list[str] = []

    def visit(table: str) -> None:
        if table in transforms.__all__ and table not in ordered:
            for upstream in [*upstreams(table), *TABLES[table].references]:
                visit(upstream)
            ordered.append(table)

    for table in TABLES:
        visit(table)
    return tuple(ordered)


@cache
def captured_tables() -> tuple[str, ...]:
    """Tables that mirror responses of the Web API as landed, and so are refreshed like computed ones."""
    return tuple(table for table in TABLES if TABLES[table].landed_folder not in (None, "history"))


@cache
def refreshed_tables() -> tuple[str, ...]:
    """Every table but those of the landed history, upstream before downstream."""
    return captured_tables() + computed_tables()


@cache
def upstreams(table: str) -> tuple[str, ...]:
    """The tables that the table's transform reads, in the order of its parameters."""
    if table in captured_tables():
        return ()
    return tuple(
        parameter.name
        for parameter in inspect.signature(getattr(transforms, table)).parameters.values()
        if parameter.kind is not parameter.KEYWORD_ONLY
    )


@cache
def takes(table: str, parameter: str) -> bool:
    """Whether the table's transform takes this keyword."""
    return table in transforms.__all__ and parameter in inspect.signature(getattr(transforms, table)).parameters


@cache
def code_version(*packages: str) -> str:
    """Hash of the source of packages of ours: a change of code is never forgotten, at the price of recomputing
    after one that changes no row.
    """
    folders = {"model": model, "readers": readers, "transforms": transforms}
    sources = sorted(path for name in packages for path in Path(folders[name].__file__ or "").parent.glob("*.py"))
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def transform_version() -> str:
    """Version of the code that the computed tables' rows depend on."""
    return code_version("model", "transforms")


def reader_version() -> str:
    """Version of the code that the raw tables' rows depend on."""
    return code_version("model", "readers")


def version_of(table: str) -> str:
    """Version of the code that the table's rows depend on."""
    return transform_version() if table in computed_tables() else reader_version()


def row_settings(table: str, settings: Settings) -> str:
    """The settings that the table's rows depend on, as text."""
    if not takes(table, "settings"):
        return ""
    zones = ",".join(f"{name}={zone}" for name, zone in sorted(settings.timezones.items()))
    return "|".join(
        [
            f"{settings.plays_start:%Y-%m-%d}",
            settings.plays_grain,
            str(settings.min_ms_played),
            settings.timezone,
            zones,
        ]
    )
