"""The command `powerbi`: which source its settings and options name, and what it prints."""

from pathlib import Path
from typing import Literal

import click
from rich.console import Console

from spotify_assets.cli.terminal import plain
from spotify_assets.settings import Settings, variable
from spotify_assets.targets.powerbi import (
    AthenaSource,
    MySQLSource,
    PowerBISource,
    ProjectError,
    WrittenProject,
    write_project,
)

Store = Literal["mysql", "athena"]


def source_of(
    settings: Settings, target: Store | None, server: str | None, database: str | None, dsn: str | None
) -> PowerBISource:
    """Where Power BI is to read the tables from: options win over settings.

    Args:
        settings: The settings.
        target: The store; None takes the configured one, MySQL of several.
        server: Host and port of MySQL.
        database: Name of MySQL's or Glue's database.
        dsn: Name of the ODBC data source of Athena.

    Raises:
        click.UsageError: Options belong to another store, or nothing names the database.
    """
    mysql_url = settings.mysql_url.get_secret_value()
    if target is None:
        if server and dsn:
            raise click.UsageError("--server is of MySQL, --dsn of Athena: give one of them")
        is_athena = bool(dsn) or (not server and not mysql_url and bool(settings.glue_database))
        target = "athena" if is_athena else "mysql"
    if target == "athena":
        if server:
            raise click.UsageError("--server is of MySQL; Athena's region is part of the ODBC data source, --dsn")
        if not (database or settings.glue_database):
            raise click.UsageError(f"Athena needs a database: set {variable('glue_database')}, or give --database")
        named = {"dsn": dsn} if dsn else {}
        return AthenaSource(database or settings.glue_database, **named)
    if dsn:
        raise click.UsageError("--dsn is of Athena; MySQL has --server and --database")
    if mysql_url:
        configured = MySQLSource.of(settings)
        return MySQLSource(server or configured.server, database or configured.database)
    if not server or not database:
        raise click.UsageError(
            f"Power BI reads MySQL or Athena: set {variable('mysql_url')} or {variable('glue_database')}, or give "
            "--server and --database"
        )
    return MySQLSource(server, database)


def write_and_tell(
    console: Console, folder: Path, name: str, source: PowerBISource, tables: tuple[str, ...], *, replace_changed: bool
) -> None:
    """Write the project, and say what is in it, what isn't, and what to do next.

    Raises:
        click.ClickException: The project can't be written.
    """
    try:
        done = write_project(folder, name, source, tables, replace_changed=replace_changed)
    except ProjectError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror or error}; free or choose a folder, --into") from None
    _tell(console, done)


def _tell(console: Console, done: WrittenProject) -> None:
    active = sum(one.is_active for one in done.relationships)
    console.print(
        f"[bold]{plain(str(done.path))}[/]: {len(done.model.tables)} tables, {len(done.relationships)} relationships "
        f"({active} active), {len(done.model.measures)} measures",
        soft_wrap=True,
    )
    reads = ", ".join(f"{name} {value}" for name, value in done.model.source.parameters.items())
    console.print(f"[dim]Reads from {plain(reads)}; no user or password is in it[/]", soft_wrap=True)
    if done.left_out:
        console.print(f"[dim]{len(done.left_out)} foreign keys are no relationships (docs/powerbi.md):[/]")
        for one in done.left_out:
            console.print(f"[dim]  {plain(str(one))}[/]", soft_wrap=True)
    if done.kept:
        console.print(
            f"{len(done.kept)} files of the report were changed since, and stay: {plain(done.kept[0])}, ...",
            soft_wrap=True,
        )
    console.print("Open it in Power BI Desktop, and log in to the database: docs/powerbi.md", soft_wrap=True)
