"""The `spotify-assets` command and its subcommands."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spotify_assets.cli.terminal import open_console, plain, plain_lines, print_csv, print_json, print_rows
from spotify_assets.defs.interrupts import (
    STOP_SIGNALS,
    CommandStoppedError,
    ignore_signals,
    noted_signal,
    raising_signals,
)
from spotify_assets.settings import SettingsError, folder_name, settings

if TYPE_CHECKING:
    from spotify_assets.cli.powerbi import Store
    from spotify_assets.defs.outcome import Synced
    from spotify_assets.lake.tables import Lake
    from spotify_assets.landing.zone import LandingZone
    from spotify_assets.spotify import SpotifyClient

console = open_console()
errors = open_console(stderr=True)

listener_option = click.option(
    "--listener", required=True, metavar="NAME", help="Whose history it is; any name without a slash."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="spotify-assets")
def cli(debug: bool) -> None:
    """Your Spotify listening history and playlists as tables: landed files in, a star schema and metrics out.

    Files are landed below SPOTIFY_ASSETS_LANDING_URI (data/landing) and tables kept below
    SPOTIFY_ASSETS_LAKE_URI (data/lake), both relative to the current folder.
    """


@cli.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--listener", metavar="NAME", help="Whose history it is; any name without a slash.")
def import_(paths: tuple[Path, ...], listener: str | None) -> None:
    """Copy exports and catalogue files into the landing zone, and sync.

    PATHS are zips as Spotify sends them, other archives, folders, or files. Catalogue files and playlists of Exportify
    are told by their content and need no --listener. A file never replaces another one of its name, and the same
    content is not copied twice. Fails if none of the files can be used.
    """
    from spotify_assets.cli import reports
    from spotify_assets.ingest.catalog_register import catalog_use_of, known_catalog_digests
    from spotify_assets.ingest.history_changes import known_digests, unused_first, use_of
    from spotify_assets.lake.tables import Lake
    from spotify_assets.landing.copy_in import copy_into_landing
    from spotify_assets.readers.recognize import no_catalog_reason

    listener, lake = checked(listener) if listener is not None else None, Lake(settings().lake_uri)
    copied = copy_into_landing(
        list(paths),
        listener,
        landing(),
        known_catalog_digests(lake) | (known_digests(lake, listener) if listener else {}),
        lambda path: no_catalog_reason(path.name, lambda: path.open("rb"), settings()),
    )
    reports.print_copied(console, copied, settings().landing_uri)
    told = {str(file) for file in run_sync().unused}
    catalogue, unused_catalogue = catalog_use_of(lake, copied.paths)
    reports.print_catalogue_files(console, catalogue)
    used, unused = use_of(lake, copied.paths)
    untold = [file for file in unused_first([*unused, *unused_catalogue]) if str(file) not in told]
    reports.print_unused(console, untold, len(untold))
    reports.print_other_headers(console, copied, unused)
    if copied.failed:
        raise click.ClickException(f"not all files were copied; import them again: {next(iter(copied.failed))}")
    if not used and not catalogue:
        raise click.ClickException("none of these files holds listening history or a catalogue that can be read")


@cli.command()
def sync() -> None:
    """Bring every table and target up to date with the landing zone. Computes stale tables only."""
    run_sync()


@cli.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--standalone",
    metavar="PATH",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a DuckDB file with copies of all tables, to carry away: it needs no lake beside it.",
)
def publish(targets: tuple[str, ...], standalone: Path | None) -> None:
    """Write all tables of targets again, even if they are up to date.

    TARGETs are duckdb and those that are configured (mysql, ...); all of them by default. To write only changes, use
    sync.
    """
    from spotify_assets.cli import reports
    from spotify_assets.cli.sync_runs import command_runner
    from spotify_assets.defs.outcome import Synced
    from spotify_assets.targets.registry import targets as configured

    known = list(configured(settings()))
    if unknown := sorted(set(targets) - set(known)):
        raise click.UsageError(f"{unknown[0]!r} is no configured target; there is {', '.join(known)}")
    if standalone is not None:
        if {*targets} - {"duckdb"}:
            raise click.UsageError("--standalone writes a DuckDB file, and no other target")
        _publish_standalone(standalone)
        return
    done = Synced()
    try:
        with run_progress() as progress, command_runner(settings(), progress, done) as runner:
            runner.publish(targets, full=True)
    finally:
        reports.print_published(console, done)


def _publish_standalone(path: Path) -> None:
    """Write a DuckDB file that needs no lake beside it."""
    from spotify_assets.lake.tables import Lake
    from spotify_assets.targets.duckdb_file import Warehouse
    from spotify_assets.targets.publishing import pending_refreshes

    if path.exists():
        raise click.UsageError(f"{path} is there already; delete it, or name another file")
    target, lake = Warehouse(str(path), standalone=True), Lake(settings().lake_uri)
    with console.status("Copying all tables"):
        rows = sum(done.rows for done in target.publish(lake, pending_refreshes(target, lake, full=True)))
    Path(f"{path}.lock").unlink(missing_ok=True)
    console.print(f"{rows:,} rows of {len(target.tables)} tables are in {plain(path)}.", soft_wrap=True)


@cli.command()
@click.option(
    "--into",
    default="data/powerbi",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the project.",
)
@click.option("--name", default="listening", show_default=True, help="Name of the project.")
@click.option("--target", type=click.Choice(["mysql", "athena"]), help="What it reads; by default what is configured.")
@click.option("--tables", metavar="TABLE,...", help="Its tables; by default dimensions, facts and metrics.")
@click.option("--server", metavar="HOST:PORT", help="MySQL server, if Power BI reaches it by another name.")
@click.option("--database", metavar="NAME", help="Database in MySQL or Glue, if it isn't that of the settings.")
@click.option("--dsn", metavar="NAME", help="ODBC data source of Athena; default spotify_assets.")
@click.option("--force", is_flag=True, help="Replace files of the semantic model that were changed since, too.")
def powerbi(
    into: Path,
    name: str,
    target: "Store | None",
    tables: str | None,
    server: str | None,
    database: str | None,
    dsn: str | None,
    force: bool,
) -> None:
    """Write a Power BI project over the tables in MySQL or Athena: tables, relationships, measures, a report.

    Reads no data and holds no password. Running it again takes over changes of the data model; files of the report
    that you changed, and whatever you added, stay.
    """
    from spotify_assets.cli.powerbi import source_of, write_and_tell

    source = source_of(settings(), target, server, database, dsn)
    selected = tuple(part.strip() for part in (tables or "").split(",") if part.strip())
    write_and_tell(console, into, name, source, selected, replace_changed=force)


@cli.command()
@click.option("--refresh", is_flag=True, help="Capture playlists again that were captured today already.")
def snapshot(refresh: bool) -> None:
    """Capture today's playlists from Spotify, and sync.

    Captures the playlists of SPOTIFY_ASSETS_PLAYLISTS, except those captured today (UTC) already.
    """
    from spotify_assets.ingest import fetch

    if not settings().playlists:
        raise click.ClickException("SPOTIFY_ASSETS_PLAYLISTS names no playlist: set it to ids or links, or to me")
    today = datetime.now(UTC).date()
    captured = fetch.capture_playlists(
        spotify(), landing(), settings(), today, refresh=refresh, note=lambda line: console.print(plain(line))
    )
    if captured.present:
        console.print(f"[dim]{len(captured.present):,} landed for {today} already; --refresh captures them again[/]")
    for playlist, problem in captured.failed.items():
        console.print(f"[yellow]![/] {plain(playlist)}: {plain(problem)}", soft_wrap=True)
    if not captured.landed and not captured.present:
        raise click.ClickException("no playlist was captured")
    run_sync()


@cli.command()
def recent() -> None:
    """Land the plays since the last poll from Spotify, and sync. Spotify returns the last 50 only."""
    from spotify_assets.ingest import fetch

    polled = fetch.poll_recent_plays(spotify(), landing(), settings())
    console.print(plain(polled))
    if polled.may_have_gaps:
        console.print(
            "[yellow]![/] All of the last 50 plays are new: some before them may be missing. Poll more often."
        )
    run_sync()


@cli.command()
@click.option(
    "--budget", type=click.IntRange(1), help="Maximum number of requests; default SPOTIFY_ASSETS_API_BUDGET."
)
def metadata(budget: int | None) -> None:
    """Request missing metadata and artwork from Spotify, most played first, and sync."""
    from spotify_assets.ingest import fetch
    from spotify_assets.lake.tables import Lake

    within = settings() if budget is None else settings().model_copy(update={"api_budget": budget})
    with console.status("Asking Spotify") as status:
        fetched = fetch.fetch_metadata(
            spotify(), landing(), Lake(within.lake_uri), within, note=lambda line: status.update(plain(line))
        )
    console.print(plain(fetched))
    if fetched.stopped:
        console.print(f"[yellow]![/] Stopped early: {plain(fetched.stopped)}", soft_wrap=True)
    run_sync()
    if fetched.stopped and not fetched.answers:
        raise click.ClickException("nothing was fetched")


@cli.command()
@click.option("--port", default=8888, show_default=True, help="Port in the registered redirect URI.")
@click.option("--browser/--no-browser", default=True, help="Open the browser, or only print the address.")
def login(port: int, browser: bool) -> None:
    """Log in to Spotify once, so that unattended runs may read your playlists and recent plays.

    The address http://127.0.0.1:PORT/callback must be registered as a redirect URI of your app.
    """
    import webbrowser

    from spotify_assets.spotify.login import log_in

    def say(line: str) -> None:
        console.print(plain(line), soft_wrap=True)

    log_in(settings(), port, webbrowser.open if browser else lambda address: False, say)


@cli.command()
@click.argument("sql")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--allow-external", is_flag=True, help="Allow any statement, and access to files and other databases.")
def query(sql: str, form: str, allow_external: bool) -> None:
    """Run SQL on DuckDB over the tables of the lake. It reads them and nothing else.

    Example: spotify-assets query "SELECT track_name, total_plays FROM track_metrics ORDER BY rank LIMIT 10"
    """
    from spotify_assets.cli.sql import QueryRefusedError, run_query
    from spotify_assets.lake.tables import Lake

    try:
        answer = run_query(Lake(settings().lake_uri), sql, allow_external=allow_external)
    except QueryRefusedError as error:
        raise click.ClickException(f"{error}; --allow-external allows more") from None
    if form == "table":
        print_rows(console, answer.names, answer.rows)
    elif form == "csv":
        print_csv(answer.names, answer.rows, sys.stdout, neutralize_formulas=settings().csv_neutralize_formulas)
    else:
        print_json(answer.names, answer.rows, sys.stdout)


LISTENER = click.option(
    "--listener", help="Whose listening; without it SPOTIFY_ASSETS_LISTENER's, or of whoever listened most."
)


def asked_listener(lake: "Lake", listener: str | None) -> str:
    """Whose listening a command is to show; says who else there is."""
    from spotify_assets.cli.listening import resolve_listener

    chosen, others = resolve_listener(lake, listener, settings().listener)
    if others and listener is None:
        errors.print(f"[dim]{plain(chosen)}; --listener also takes {plain(', '.join(others))}[/]", soft_wrap=True)
    return chosen


@cli.command()
@click.argument("entity", type=click.Choice(["artists", "tracks", "albums"]))
@click.option("--year", type=click.IntRange(1, 9999), help="Of this year; without it, of all time.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Places to show.")
@LISTENER
def top(entity: str, year: int | None, limit: int, listener: str | None) -> None:
    """Show the artists, tracks or albums with most listening time."""
    from spotify_assets.cli.listening import print_top
    from spotify_assets.lake.tables import Lake

    lake = Lake(settings().lake_uri)
    print_top(console, lake, entity, asked_listener(lake, listener), year=year, limit=limit)


@cli.command()
@LISTENER
def stats(listener: str | None) -> None:
    """Show totals, years and records of a listener."""
    from spotify_assets.cli.listening import print_stats
    from spotify_assets.lake.tables import Lake

    lake = Lake(settings().lake_uri)
    print_stats(console, lake, asked_listener(lake, listener))


@cli.command()
@click.argument("year", type=click.IntRange(1, 9999), required=False)
@click.option("--year", "also_year", type=click.IntRange(1, 9999), help="The same as YEAR.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write it as one HTML file.")
@click.option("--cards", type=click.Path(file_okay=False, path_type=Path), help="Write pictures into this folder.")
@click.option("--report", is_flag=True, help="Write HTML files of all listeners and years into the lake's folder.")
@LISTENER
def recap(
    year: int | None,
    also_year: int | None,
    html: Path | None,
    cards: Path | None,
    report: bool,
    listener: str | None,
) -> None:
    """Show a year: its figures, the top five of each, and those by the rules of Spotify Wrapped.

    Without YEAR, the last that is over, or was heard up to December. With --html, --cards or --report, files are
    written, and nothing else is printed.
    """
    from spotify_assets.cli.listening import print_recap, print_reports, recap_year, write_recap
    from spotify_assets.lake.tables import Lake

    lake = Lake(settings().lake_uri)
    if year and also_year and year != also_year:
        raise click.UsageError(f"YEAR is {year}, and --year {also_year}; say one")
    if report:
        print_reports(console, lake)
        if not html and not cards:
            return
    name = asked_listener(lake, listener)
    year = recap_year(lake, name, year or also_year)
    if html or cards:
        write_recap(console, lake, name, year, html, cards)
    else:
        print_recap(console, lake, name, year)


@cli.command()
@click.option("--all", "show_all", is_flag=True, help="List every file and playlist, not only the first.")
def status(show_all: bool) -> None:
    """Show landed files, kept and rejected records, and stale tables."""
    from spotify_assets.cli import reports

    reports.print_status(console, settings(), show_all=show_all)


@cli.command()
@click.argument("kind", type=click.Choice(["recording", "artist", "album"]))
@click.argument("from_", metavar="FROM")
@click.argument("into", metavar="INTO")
def merge(kind: str, from_: str, into: str) -> None:
    """Count a recording, artist or album FROM under another one, INTO: write the line, and sync.

    Each is Spotify's id, URI or link; the name of an artist; or 'Artist - Title' of a recording or album.
    """
    from spotify_assets.landing.corrections import MERGES_HEADER

    _append("raw_merges", MERGES_HEADER, [{"kind": kind, "from": from_, "into": into}])


@cli.command()
@click.option("--artist", metavar="NAME", help="Name of an artist.")
@click.option("--album", metavar="NAME", help="Its name, or 'Artist - Album'.")
@click.option("--track", metavar="TRACK", help="Its id, URI or link, its name, or 'Artist - Track'.")
@click.option("--show", metavar="NAME", help="Name of a podcast or audiobook.")
@click.option("--device", metavar="NAME", help="As the column platform of plays has it.")
@click.option("--source-file", metavar="PATH", help="Path below the landing zone.")
@click.option("--playlist", metavar="ID", help="Each track of its latest snapshot.")
@click.option("--listener", metavar="NAME", help="Whose plays; everybody's by default.")
@click.option("--from", "from_", metavar="DAY", help="Plays since this day or time (UTC).")
@click.option("--until", metavar="DAY", help="Plays until this day, included, or time (UTC).")
@click.option("--note", metavar="TEXT", help="Why, for yourself.")
def exclude(
    playlist: str | None,
    listener: str | None,
    from_: str | None,
    until: str | None,
    note: str | None,
    **named: str | None,
) -> None:
    """Leave plays out of every table but rejected_plays: write the line, and sync.

    Give what to leave out, or only --from and --until for all plays of a time.
    """
    from spotify_assets.cli.overrides import lines_of_playlist
    from spotify_assets.lake.tables import Lake
    from spotify_assets.landing.corrections import EXCLUSIONS_HEADER

    lines = [{"what": what, "value": value} for what, value in named.items() if value]
    if playlist:
        found = lines_of_playlist(Lake(settings().lake_uri), playlist)
        if not found:
            raise click.ClickException(f"the lake has no snapshot of a playlist {playlist!r} with tracks")
        lines += found
    if not lines:
        if not from_ and not until:
            raise click.UsageError("say what to exclude: --artist, ..., or --from and --until")
        lines = [{"what": "period", "value": ""}]
    shared = {"listener": listener or "*", "from": from_ or "", "until": until or ""} | (
        {"note": note} if note else {}
    )
    _append("raw_exclusions", EXCLUSIONS_HEADER, [line | shared for line in lines])


def _append(table: str, header: tuple[str, ...], lines: list[dict[str, str]]) -> None:
    """Append lines of overrides, say where, and sync."""
    from spotify_assets.cli.overrides import append_lines
    from spotify_assets.landing.corrections import BadLineError

    try:
        path, count = append_lines(landing(), table, header, lines)
    except BadLineError as error:
        raise click.ClickException(str(error)) from None
    where = f"{settings().landing_uri}/{path}"
    what = f"{count:,} line{'s' * (count != 1)} added to" if count else "nothing new for"
    console.print(f"{what} {plain(where)}; to undo it, delete what was added, and sync", soft_wrap=True)
    run_sync()


@cli.command()
def overrides() -> None:
    """List the lines of overrides, what each concerns, and those that are skipped.

    A play, artist, album or recording counts for each line that matches it, as the last sync left it. To remove a
    line, delete it from its file.
    """
    from spotify_assets.cli.overrides import print_overrides
    from spotify_assets.lake.tables import Lake

    print_overrides(console, landing(), Lake(settings().lake_uri))


@cli.command()
def maintain() -> None:
    """Compact the lake's tables, and delete versions older than SPOTIFY_ASSETS_RETENTION_DAYS."""
    from spotify_assets.cli import reports
    from spotify_assets.lake.tables import Lake
    from spotify_assets.refresh.frames import LakeFrames
    from spotify_assets.targets.duckdb_file import Warehouse

    warehouse, lake = Warehouse(settings().warehouse), Lake(settings().lake_uri)
    with console.status("Looking at the tables") as status:
        warehouse.refresh_views(lake)
        done = LakeFrames.of(settings()).maintain(lambda maintained: status.update(f"{maintained.table} is done"))
        warehouse.refresh_views(lake)
    reports.print_maintenance(console, done, settings().retention_days)


@cli.command()
@click.argument("tables", nargs=-1, required=True, metavar="TABLE...")
def repair(tables: tuple[str, ...]) -> None:
    """Make tables of the lake again, however damaged they are, and sync.

    Computed tables are computed again, and raw tables are read again from the landing zone.
    """
    from spotify_assets.cli import reports
    from spotify_assets.model import TABLES

    if unknown := sorted(set(tables) - set(TABLES)):
        raise click.UsageError(f"{unknown[0]!r} is no table of the lake")
    reports.reset_tables(console, settings(), tables)
    run_sync()


@cli.command()
def verify() -> None:
    """Read every row of every table, and compare raw tables and targets with what they should hold.

    Changes nothing; prints a line for each fault, with the command that mends it, and exits with 1 if there is any.
    """
    from spotify_assets.cli.verify import find_faults
    from spotify_assets.model import TABLES

    found = 0
    with errors.status("Reading every table") as status:
        for line in find_faults(settings(), lambda name: status.update(f"Reading {name}")):
            found += 1
            console.print(f"[yellow]![/] {plain(line)}", soft_wrap=True)
    if found:
        raise click.ClickException(f"{found:,} fault{'s' * (found != 1)} found")
    console.print(f"[bold]{len(TABLES)} tables are whole[/], and targets have as many rows as the lake.")


@cli.command()
@listener_option
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def forget(listener: str, yes: bool) -> None:
    """Delete a listener's landed files, reports, and data in lake and targets, including old versions.

    Lines of overrides that name the listener, or a file of theirs, are deleted, too.
    """
    from spotify_assets.cli.home import dagster_home
    from spotify_assets.cli.overrides import remove_lines_about
    from spotify_assets.cli.traces import remove_traces
    from spotify_assets.dashboard.recap.reports import remove_reports
    from spotify_assets.defs.outcome import RunFailedError
    from spotify_assets.lake.damage import DamagedTableError
    from spotify_assets.lake.tables import Lake
    from spotify_assets.landing.copy_in import listener_files
    from spotify_assets.landing.queue import LandingQueue
    from spotify_assets.landing.zone import HISTORY
    from spotify_assets.storage import Bucket, StorageError, storage_at
    from spotify_assets.targets.publishing import TargetError
    from spotify_assets.targets.registry import targets

    files = listener_files(checked(listener), landing())
    lake = Lake(settings().lake_uri)
    # Its file stays until nothing is left to do, so that the same command goes on.
    unfinished, note = storage_at(settings().lake_uri), f"_unfinished_forget/{listener}"
    try:
        is_known = listener in lake.read("raw_files", ["listener"])["listener"].to_pylist()
    except DamagedTableError:
        is_known = True  # it may be: the sync makes the table again
    if not files and not is_known and note not in {file.path for file in unfinished.files("_unfinished_forget")}:
        with console.status("Looking through old versions"):
            is_in_old_versions = lake.may_remember(listener)
        if not is_in_old_versions:
            if landing().storage.remove_empty_folders(f"{HISTORY}/{listener}"):
                console.print(f"An empty folder of {plain(listener)} is removed; nothing else is landed or known.")
                return
            raise click.ClickException(
                f"nothing is landed or known of {listener!r}; spotify-assets status lists who is"
            )
        console.print(f"Nothing of {plain(listener)} is landed, but old versions of tables may have their rows.")
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("forget asks before it deletes; without a terminal, say --yes")
        click.confirm(
            f"Delete {len(files):,} files below {settings().landing_uri}/history/{listener}, "
            "lines of overrides that name them, and everything in the lake that came from them?",
            abort=True,
        )
    unfinished.write(note, b"")
    landing().remove(files)
    landing().storage.remove_empty_folders(f"{HISTORY}/{listener}")
    for path, count in remove_lines_about(landing(), listener).items():
        console.print(f"{count:,} line{'s' * (count != 1)} removed from {plain(settings().landing_uri)}/{path}")
    remaining = []
    try:
        run_sync()
    except RunFailedError as error:
        remaining.append(str(error))
    remove_reports(lake.uri, listener)
    with console.status("Removing old versions"):
        removed = lake.drop_history()
        for target in targets(settings()).values():
            try:
                target.drop_history(lake)
            except TargetError as error:
                remaining.append(str(error))
    with console.status("Removing logs"):
        remaining += remove_traces(dagster_home(), listener)
        if settings().landing_queue_url:
            try:
                LandingQueue(settings().landing_queue_url, Bucket(settings().landing_uri)).forget(listener)
            except StorageError as error:
                remaining.append(str(error))
    if remaining:
        raise click.ClickException(
            f"{listener} is not forgotten everywhere yet: {'; '.join(dict.fromkeys(remaining))}. "
            f"Then run this again: spotify-assets forget --listener {listener}"
        )
    unfinished.remove([note])
    console.print(
        f"{plain(listener)} is forgotten: {len(files):,} landed files and {removed:,} old files of the lake removed."
    )


@cli.command()
@click.option(
    "--plays", default=150_000, show_default=True, type=click.IntRange(1_000), help="Number of plays to generate."
)
@click.option("--remove", is_flag=True, help="Delete the landed sample files, and sync.")
def demo(plays: int, remove: bool) -> None:
    """Create sample exports, catalogue files and playlists, compute every table, and show the results.

    Playlists and metadata come from a simulated Web API on this machine.
    """
    from spotify_assets.cli import reports
    from spotify_assets.sandbox.capture import capture_samples, remove_samples
    from spotify_assets.sandbox.exports import land_sample_exports
    from spotify_assets.sandbox.sample_catalog import land_sample_catalog

    if remove:
        console.print(f"{remove_samples(settings()):,} sample files removed")
        run_sync()
        return
    with console.status(f"Making exports with {plays:,} plays"):
        made = land_sample_exports(landing(), plays)
        catalogue = land_sample_catalog(landing(), plays)
    console.print(
        f"Sample exports of {len(made)} listeners, [bold]{', '.join(made)}[/], are in {settings().landing_uri}/history"
    )
    console.print(f"{len(catalogue)} catalogue files of their tracks are in {settings().landing_uri}/catalog/demo")
    run_sync()
    with console.status("Asking a stand-in for Spotify's Web API"):
        captured, fetched = capture_samples(settings(), plays)
    console.print(
        f"Captured [bold]{len(captured.landed) + len(captured.present)} playlists[/] from a stand-in for Spotify"
    )
    console.print(f"Metadata: {fetched}")
    run_sync()
    reports.print_demo(console, settings(), made)


@cli.command()
@click.option("--port", default=3000, show_default=True)
def ui(port: int) -> None:
    """Run Dagster's UI and daemon until Ctrl-C, and print a line for each run."""
    from spotify_assets.cli.home import dagster_home
    from spotify_assets.cli.ui import serve

    settings()  # so that an invalid setting stops the command
    serve(dagster_home(), port, console)


@cli.command()
@click.option("--port", default=3001, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free port.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; others than this machine's own can be reached by others.",
)
@click.option("--open/--no-open", "is_opened", default=True, help="Open the browser, or only print the address.")
def dashboard(port: int, host: str, is_opened: bool) -> None:
    """Serve the dashboard until Ctrl-C: your listening as pages in a browser, from the DuckDB file.

    It has no access control: by default only this machine reaches it.
    """
    from spotify_assets.dashboard.server import PortTakenError, serve_dashboard

    def say(line: str) -> None:
        console.print(plain(line), soft_wrap=True)

    try:
        serve_dashboard(settings(), host, port, say, _open_browser if is_opened else None)
    except PortTakenError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        say("Stopped.")


def _open_browser(address: str) -> None:
    """Open the address, where there is a browser; a browser on a terminal would take it over."""
    import webbrowser

    if console.is_terminal and (
        sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        webbrowser.open(address)


def spotify() -> "SpotifyClient":
    """Client of the Web API, by the settings."""
    from spotify_assets.spotify import SpotifyClient

    return SpotifyClient(settings())


def landing() -> "LandingZone":
    """The landing zone by the settings."""
    from spotify_assets.landing.zone import LandingZone

    return LandingZone(settings().landing_uri)


def checked(listener: str) -> str:
    """The listener's name; BadParameter if it can't be a folder name."""
    try:
        return folder_name(listener)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listener") from None


def run_sync() -> "Synced":
    """Sync, keep a record of it, show progress, and print what changed."""
    from spotify_assets.cli import reports
    from spotify_assets.cli.sync_runs import command_runner
    from spotify_assets.defs.outcome import RunFailedError, Synced
    from spotify_assets.defs.runner import recorded
    from spotify_assets.lake.tables import Lake
    from spotify_assets.refresh.sync_log import SyncLog

    lake = Lake(settings().lake_uri)
    done = Synced()
    before: dict[str, int] = {}

    def print_changes() -> None:
        # Where no table changed, only that is told.
        reports.print_changes(console, done, before, reports.totals(lake) if before else {})

    try:
        with (
            recorded(SyncLog(settings().lake_uri), done),
            run_progress() as progress,
            command_runner(settings(), progress, done, lambda: before.update(reports.totals(lake))) as runner,
        ):
            runner.sync()
    except KeyboardInterrupt:
        raise CommandStoppedError(str(done)) from None
    except RunFailedError:
        # Tables are up to date even if publishing failed.
        if done.is_computed:
            print_changes()
        raise
    print_changes()
    return done


@contextmanager
def run_progress() -> Iterator[Callable[[str, int, str | None], None]]:
    """Show a progress bar per run, or a line per run without a terminal."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("[dim]{task.fields[latest]}"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as bars:
        tasks: dict[str, Any] = {}

        def note(run: str, tables: int, table: str | None) -> None:
            if table is None:
                tasks[run] = bars.add_task(plain(run), total=tables, latest="")
                if not errors.is_terminal:
                    errors.print(f"{run} ...", markup=False)
                return
            # Drawn at once: while a step computes, the thread that refreshes the bars hardly runs.
            bars.update(tasks[run], advance=1 if tables else 0, latest=plain(table), refresh=True)

        yield note


def main() -> None:
    """Entry point. Exit codes: 0 success, 1 failure, 2 usage error, 130 after SIGINT (Ctrl-C), 143 after SIGTERM."""
    for stream in (sys.stdout, sys.stderr):
        # Where the terminal's or the pipe's encoding lacks a character, show its escape.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # they are TextIOWrappers here
    code = run(debug="--debug" in sys.argv[1:])
    ignore_signals()  # it is done
    sys.stdout.flush()
    sys.stderr.flush()
    if copies := sys.modules.get("spotify_assets.lake.copies"):
        copies.remove_own()
    # Skip interpreter shutdown: threads of Arrow, DuckDB and the engine sometimes abort the process in it.
    os._exit(code)


def run(*, debug: bool) -> int:
    """Run the command, print an error in one line, and return the exit code."""
    with raising_signals():
        try:
            return _run(debug=debug)
        except KeyboardInterrupt as error:  # while an error was handled
            return _say_stopped(noted_signal(), error)


def _run(*, debug: bool) -> int:
    try:
        cli(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return 2
    except SettingsError as error:
        errors.print(f"[bold red]Error:[/] {plain(error)}", soft_wrap=True)
        return 2
    except BaseException as error:
        # A library may turn an interrupt into an error of its own.
        if (number := noted_signal()) or isinstance(error, KeyboardInterrupt | CommandStoppedError | click.Abort):
            return _say_stopped(number, error)
        if not isinstance(error, Exception):
            raise
        from spotify_assets.spotify import SpotifyError

        if debug:
            errors.print(plain_lines(traceback.format_exc()), soft_wrap=True)
        message = error.format_message() if isinstance(error, click.ClickException) else str(error) or repr(error)
        errors.print(f"[bold red]Error:[/] {plain(message.strip().splitlines()[0])}", soft_wrap=True)
        if not debug and not isinstance(error, (click.ClickException, SpotifyError)):
            errors.print("[dim]spotify-assets --debug ... shows where it happened.[/]")
        return 1
    return 0


def _say_stopped(number: signal.Signals | None, error: BaseException) -> int:
    """Say in one line that a signal or an answer stopped the command, and what was done; return the exit code."""
    ignore_signals()
    by = f" by {STOP_SIGNALS[number]}" if number else ""
    done = f" Done until then: {plain(error)}." if isinstance(error, CommandStoppedError) else ""
    errors.print(
        f"Stopped{by}.{done} Nothing is half-written: spotify-assets sync goes on where it was.", soft_wrap=True
    )
    return 128 + number if number else 1
