"""Output of commands: query results, changes, status, demo."""

import re
import shutil
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from spotify_assets.cli.sql import run_query
from spotify_assets.cli.terminal import GREEN, plain, plain_lines, print_rows
from spotify_assets.defs.outcome import NO_CHANGE, Synced
from spotify_assets.ingest.catalog_register import catalog_register, waiting_catalog
from spotify_assets.ingest.history_changes import UnusedFile, find_changes
from spotify_assets.lake.damage import DamagedTableError
from spotify_assets.lake.maintenance import HOURS_PER_DAY, LONGEST_WRITE_HOURS, MaintenanceResult, TableSize
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.copy_in import CopyResult
from spotify_assets.landing.corrections import unknown_overrides
from spotify_assets.landing.zone import CATALOG, HISTORY, LandingZone
from spotify_assets.model import PLAYS, SNAPSHOTS, TABLES
from spotify_assets.model.cleaned import REJECTION_REASONS
from spotify_assets.model.genres import genre_label
from spotify_assets.refresh import repair, staleness
from spotify_assets.refresh.sync_log import SUCCEEDED, SyncLog
from spotify_assets.settings import Settings
from spotify_assets.targets import publishing
from spotify_assets.targets.registry import targets

BAR = 40
BAR_MONTHS = 24
MAX_SHOWN = 30
MAX_NAMED = 10
NEXT = {
    "dashboard": "your listening as pages in a browser, at http://localhost:3001",
    "ui": "the asset graph at http://localhost:3000",
    "stats": "totals, years and records; also: top artists, recap 2024",
    'query "SELECT * FROM track_metrics ORDER BY rank LIMIT 10"': "",
    "status": "what is landed, kept and rejected",
    "import my_spotify_data.zip --listener me": "",
    "demo --remove": "when you have seen enough of it",
}
# Attributes of `catalogue_coverage`, as people call them.
ATTRIBUTES = {"genre": "genre", "release": "release date", "length": "length", "features": "audio features"}
LOGIN_ENDS_SOON = timedelta(days=30)


def _file_name(source_file: str) -> str:
    """File name without folders and archive."""
    return re.split(r"[/!]", source_file)[-1]


TOTALS = """
    SELECT 'landed' AS what, count(*) AS records FROM raw_plays
    UNION ALL SELECT 'kept', count(*) FROM plays
    UNION ALL SELECT reason, count(*) FROM rejected_plays GROUP BY reason
    UNION ALL SELECT 'playlist snapshots', count(*) FROM raw_playlist_files WHERE status = 'read'
    UNION ALL SELECT 'playlist items', count(*) FROM playlist_tracks
    UNION ALL SELECT 'tracks, albums and artists looked up', count(*) FROM (
        SELECT track_id FROM track_metadata WHERE is_found
        UNION ALL SELECT album_id FROM album_metadata WHERE is_found
        UNION ALL SELECT artist_id FROM artist_metadata WHERE is_found)
"""


# Of a lake that an earlier version wrote, the column is missing.
LATE = " UNION ALL SELECT 'reported late', count(*) FROM plays WHERE played_at_is_corrected"


def totals(lake: Lake) -> dict[str, int]:
    """Count records landed, kept, of these reported late, and rejected by reason; playlist snapshots and items; and
    known metadata.

    Damaged tables count as empty.
    """
    try:
        rows = run_query(lake, TOTALS + LATE * _knows_late_plays(lake))
    except DamagedTableError:
        rows = run_query(lake, TOTALS, damaged=lake.damaged(TABLES))
    return {row["what"]: row["records"] for row in rows.dicts}


def print_copied(console: Console, copied: CopyResult, landing_uri: str) -> None:
    """Print what an import copied and where, what was there already, and what it did not copy, and why."""
    places = Counter(_place(path) for path in copied.landed.values())
    for place, count in sorted(places.items()):
        console.print(f"[bold]{_files(count)}[/] copied to {plain(landing_uri)}/{plain(place)}.", soft_wrap=True)
    if not places:
        console.print("[bold]No file[/] copied.")
    renamed = {source: path for source, path in copied.landed.items() if not path.endswith(f"/{source.name}")}
    _print_some(
        console,
        [
            f"{source} is {path.rpartition('/')[2]} there, since another file has its name"
            for source, path in renamed.items()
        ],
    )
    if copied.present:
        console.print(f"{_files(len(copied.present))} not copied, as the same content is there already:")
        _print_some(console, [f"{source}, as {path}" for source, path in copied.present.items()])
    for what, reasons in (("skipped", copied.skipped), ("could not be copied", copied.failed)):
        if reasons:
            console.print(f"[yellow]![/] {_files(len(reasons))} {what}:")
            _print_some(console, [f"{source}: {reason}" for source, reason in reasons.items()])


def _place(path: str) -> str:
    """The folder of the landing zone for files like that: `catalog`, or a listener's."""
    kind, _, below = path.partition("/")
    return f"{HISTORY}/{below.partition('/')[0]}" if kind == HISTORY else kind


def print_catalogue_files(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what catalogue files feed, of rows of `raw_catalog_files`."""
    lines = []
    for row in rows:
        bad = f", {row['bad_records']:,} of them can't be read" if row["bad_records"] else ""
        count = f"{row['records']:,} row{'s' * (row['records'] != 1)}"
        lines.append(f"{row['source_file']}: {count} of {', '.join(row['feeds'])}{bad}")
    if lines:
        console.print(f"Catalogue: [bold]{_files(len(lines))}[/] read:")
        _print_some(console, lines)


def print_other_headers(console: Console, copied: CopyResult, unused: Sequence[UnusedFile]) -> None:
    """Print the headers of imported files that hold neither listening history nor catalogue data."""
    ignored = [file.source for file in unused if file.status == "ignored"]
    reasons = {path: copied.no_catalog.get(path, "") for path in ignored}
    _print_some(console, [f"{path}: {reason}" for path, reason in reasons.items() if "header" in reason])


def print_unused(console: Console, unused: Sequence[UnusedFile], count: int) -> None:
    """Print how many files were not used, and why the first of them."""
    if not count:
        return
    console.print(f"[yellow]![/] {_files(count)} not used, or only in part:")
    _print_some(console, list(map(str, unused)), count)


def _print_some(console: Console, lines: Sequence[str], count: int | None = None) -> None:
    """Print the first lines, indented, and how many more there are."""
    for line in lines[:MAX_NAMED]:
        console.print(f"  {plain(line)}", soft_wrap=True)
    if (more := (count or len(lines)) - MAX_NAMED) > 0:
        console.print(f"  [dim]and {more:,} more[/]")


def _files(count: int) -> str:
    return f"{count:,} file{'s' * (count != 1)}"


def print_changes(console: Console, done: Synced, before: dict[str, int], after: dict[str, int]) -> None:
    """Print what a sync read and computed, and the change in the number of records."""
    for line in done.repaired:
        console.print(f"[yellow]![/] {plain(line)}", soft_wrap=True)
    if not done.runs and done.landing == NO_CHANGE:
        if not done.published:
            console.print("[bold]Everything is up to date.[/]")
        print_unused(console, done.unused, done.unused_count)
        print_published(console, done)
        return
    tables = {table for run in done.runs for table in run.tables}
    computed = f"{len(tables)} tables" + (f", {done.partitions:,} partitions" if done.partitions else "")
    console.print(f"Landing zone: [bold]{done.landing}[/]. Computed: [bold]{computed}[/].")
    table = Table(box=box.SIMPLE_HEAD)
    for name, justify in (("", "left"), ("now", "right"), ("change", "right")):
        table.add_column(name, justify=justify, no_wrap=name != "")  # type: ignore[arg-type]  # rich wants literals
    plays = {"landed": "records landed", "kept": "kept", "reported late": "kept: reported late, placed when heard"}
    plays |= {name: f"rejected: {name}" for name in REJECTION_REASONS}
    others = {name: name for name in after if name not in plays}
    for labels in (plays, others):
        # Skip groups that did not change at all.
        if all(after.get(name, 0) == before.get(name, 0) for name in labels):
            continue
        for name, label in labels.items():
            now, change = after.get(name, 0), after.get(name, 0) - before.get(name, 0)
            if now or change:
                style = f"bold {GREEN}" if name in ("kept", "playlist items") else ""
                table.add_row(label, f"{now:,}", f"{change:+,}" if change else "[dim]0[/]", style=style)
    if table.row_count:
        console.print(table)
    print_unused(console, done.unused, done.unused_count)
    print_published(console, done)


def print_published(console: Console, done: Synced) -> None:
    """Print what was written to each target, and failed checks."""
    for name, refreshes in done.published.items():
        whole = sum(refresh.replaces_table for refresh in refreshes)
        parts = [f"{whole} table{'s' * (whole != 1)}"] if whole else []
        if len(refreshes) > whole:
            spans = sorted({str(span) for refresh in refreshes for span in refresh.spans or ()})
            shown = spans[0] if len(spans) == 1 else f"{len(spans)} ranges"
            parts.append(f"{shown} of {len(refreshes) - whole} tables")
        console.print(f"Published to [bold]{name}[/]: {' and '.join(parts)}.", soft_wrap=True)
    for warning in sorted(set(done.warnings)):
        console.print(f"[yellow]![/] {plain_lines(warning)}", soft_wrap=True)


def print_status(console: Console, settings: Settings, *, show_all: bool = False) -> None:
    """Print files by listener with their records, playlists, the login at Spotify, stale tables and targets.

    Of each list of more than `MAX_SHOWN` lines, the first are shown and the others summed up, unless `show_all`.
    """
    most = sys.maxsize if show_all else MAX_SHOWN
    lake = Lake(settings.lake_uri)
    landing = LandingZone(settings.landing_uri)
    changes = find_changes(landing, lake, settings)
    states = dict.fromkeys(changes.changed, "changed") | dict.fromkeys(changes.again, "to read again")
    waiting = {file.path: states.get(file.path, "new") for file in changes.to_read}
    waiting |= dict.fromkeys(changes.deleted, "deleted")
    stale, damaged = None, dict(changes.mismatch.damaged)
    if "raw_files" not in damaged:
        stale = staleness.stale(lake, settings)
        damaged |= stale.damaged
    console.print(f"[dim]Landing zone[/] {plain(settings.landing_uri)}/history", soft_wrap=True)
    console.print(f"[dim]Lake        [/] {plain(settings.lake_uri)}", soft_wrap=True)
    rows = run_query(
        lake,
        """
        WITH kept AS (SELECT source_file, count(*) AS kept FROM plays GROUP BY ALL),
        rejected AS (SELECT source_file, count(*) AS rejected FROM rejected_plays GROUP BY ALL)
        SELECT listener, source_file, landed_file, status, detail, records,
            coalesce(kept, 0) AS kept, coalesce(rejected, 0) AS rejected,
            strftime(first_played_at, '%Y-%m') AS first, strftime(last_played_at, '%Y-%m') AS last
        FROM raw_files LEFT JOIN kept USING (source_file) LEFT JOIN rejected USING (source_file)
        ORDER BY listener, source_file
        """,
        damaged=damaged,
    ).dicts
    listed = {row["landed_file"] for row in rows}
    lines: dict[str, list[tuple]] = {}
    notes: dict[str, list[str]] = {}
    for row in rows:
        of_listener = lines.setdefault(row["listener"], [])
        state = waiting.get(row["landed_file"]) or row["status"]
        name = _file_name(row["source_file"])
        if state in ("ignored", "unreadable") or (state == "read" and row["detail"]):
            notes.setdefault(row["listener"], []).append(f"{state}: {name} ({row['detail']})")
        if state != "ignored":
            numbers = (row["records"], row["kept"], row["rejected"])
            of_listener.append((name, state, *numbers, row["first"], row["last"]))
    for path in sorted(set(waiting) - listed):
        lines.setdefault(path.split("/")[1], []).append((_file_name(path), "new", None, None, None, None, None))
    late = {} if "plays" in damaged else _late_plays(lake)
    names = ("file", "state", "records", "kept", "rejected", "from", "until")
    for listener, of_listener in sorted(lines.items()):
        print_rows(console, names, _shortened(of_listener, most), title=listener, is_report=True)
        _print_notes(console, notes.get(listener, []), most)
        if listener in late:
            late_plays, median, longest = late[listener]
            share = f"{late_plays:,} of {sum(line[3] or 0 for line in of_listener):,} plays were reported late"
            placed = f"placed when they were heard: {median:,.1f} hours earlier in the median, {longest:,.1f} at most"
            console.print(f"  [dim]{share}, and are {placed}[/]", soft_wrap=True)
    waiting_catalogue = _print_catalogue(console, lake, landing, most)
    has_playlists = _print_playlists(console, lake, most, damaged)
    _print_login(console, settings)
    if not lines and not has_playlists:
        console.print("\nNothing is landed yet: spotify-assets import PATH --listener NAME, or spotify-assets demo.")
    if skipped := [f"{file.source}: {file.reason}" for file in changes.unused if file.status == "line skipped"]:
        console.print("[yellow]Skipped lines of overrides:[/]")
        _print_notes(console, skipped, most)
    if strays := landing.strays() | unknown_overrides(landing):
        console.print("[yellow]Never read:[/]")
        _print_notes(console, [f"{path}: {reason}" for path, reason in strays.items()], most)
    for error in damaged.values():
        console.print(f"[yellow]{plain(error)}.[/]", soft_wrap=True)
    if changes.mismatch and not changes.mismatch.damaged:
        console.print(f"[yellow]{plain(changes.mismatch.reason)}.[/]", soft_wrap=True)
    if waiting:
        console.print(f"[yellow]Not read yet: {changes.summary()}.[/] spotify-assets sync reads them.")
    if waiting_catalogue:
        counts = Counter(waiting_catalogue.values())
        summary = ", ".join(f"{counts[state]:,} {state}" for state in ("new", "changed", "deleted") if counts[state])
        console.print(f"[yellow]Catalogue files not read yet: {summary}.[/] spotify-assets sync reads them.")
    if stale:
        count = sum(len(stale.keys(kind)) for kind in (SNAPSHOTS, PLAYS))
        periods = f"{count:,} partition{'s' * (count != 1)}" if count else "no partition"
        tables = len(stale.windows) + len(stale.whole)
        console.print(f"[yellow]Stale: {periods}, {tables} tables.[/] spotify-assets sync computes them.")
    elif (lines or has_playlists) and not waiting and not damaged:
        console.print(f"[{GREEN}]Every table is up to date.[/]")
    if lines or has_playlists:
        _print_targets(console, lake, settings)
    if last := SyncLog(settings.lake_uri).last():
        style = "[dim]" if last.outcome == SUCCEEDED or last.is_running else "[yellow]"
        console.print(f"{style}Last sync[/] {plain(last)}", soft_wrap=True)


def _late_plays(lake: Lake) -> dict[str, tuple[int, float, float]]:
    """By listener: how many plays are placed before their report, and by how many hours: the median, and the most."""
    if not _knows_late_plays(lake):
        return {}
    rows = run_query(
        lake,
        """
        WITH late AS (
            SELECT listener, date_diff('second', played_at, reported_at) / 3600 AS hours
            FROM plays WHERE played_at_is_corrected)
        SELECT listener, count(*) AS plays, median(hours) AS median, max(hours) AS most FROM late GROUP BY ALL
        """,
    ).dicts
    return {row["listener"]: (row["plays"], row["median"], row["most"]) for row in rows}


def _knows_late_plays(lake: Lake) -> bool:
    plays = lake.open("plays")
    return plays is not None and "played_at_is_corrected" in {field.name for field in plays.schema().fields}


def _shortened(lines: Sequence[tuple], most: int) -> Sequence[tuple]:
    """The first lines of files, those that aren't simply read before others, and the sum of the rest."""
    if len(lines) <= most:
        return lines
    ordered = sorted(lines, key=lambda line: line[1] == "read")
    rest = ordered[most:]
    sums = [sum(line[column] or 0 for line in rest) for column in (2, 3, 4)]
    first, last = ([line[column] for line in rest if line[column]] for column in (5, 6))
    more = (f"and {len(rest):,} more; --all", "", *sums, min(first, default=None), max(last, default=None))
    return [*ordered[:most], more]


def _print_notes(console: Console, notes: Sequence[str], most: int) -> None:
    """Print the first notes, and how many more there are."""
    for note in notes[:most]:
        style = "[dim]" if note.startswith("ignored") else "[yellow]"
        console.print(f"  {style}{plain(note)}[/]", soft_wrap=True)
    if len(notes) > most:
        console.print(f"  [dim]and {len(notes) - most:,} more; spotify-assets status --all lists them[/]")


def reset_tables(console: Console, settings: Settings, tables: Sequence[str]) -> None:
    """Empty tables, so that a sync makes them again; say of raw ones which landed files are gone."""
    lake = Lake(settings.lake_uri)
    for table in tables:
        if lost := repair.files_no_longer_landed(lake, settings, table):
            line = f"{repair.describe_lost(lost)} no longer landed, and records from there not read again"
            console.print(f"[yellow]![/] {plain(line)}.", soft_wrap=True)
        lake.reset(table)
        console.print(f"{table} is emptied, and {repair.made_again_from(table)}.")


def _print_targets(console: Console, lake: Lake, settings: Settings) -> None:
    """Print whether each configured target is up to date."""
    for name, target in targets(settings).items():
        try:
            lacking = publishing.pending_refreshes(target, lake)
        except (publishing.TargetError, DamagedTableError) as error:
            console.print(f"[yellow]{plain(error)}[/]", soft_wrap=True)
            continue
        count = "1 table is" if len(lacking) == 1 else f"{len(lacking)} tables are"
        state = f"[yellow]{count} behind[/]; spotify-assets sync" if lacking else "up to date"
        console.print(f"[dim]Published to[/] {name}: {state}")


def print_maintenance(console: Console, done: Sequence[MaintenanceResult], retention_days: int) -> None:
    """Print files and bytes before and after, of tables that changed."""
    changed = [one for one in done if one.before != one.after]
    total = [
        MaintenanceResult(
            "all tables",
            *(
                TableSize(sum(getattr(one, when).files for one in done), sum(getattr(one, when).bytes for one in done))
                for when in ("before", "after")
            ),
        )
    ]
    rows = [
        (one.table, one.before.files, one.after.files, decimal(one.before.bytes), decimal(one.after.bytes))
        for one in [*changed, *total]
    ]
    names = ("table", "files before", "now", "size before", "now ")
    print_rows(console, names, rows, is_report=True)
    if not changed:
        console.print("Nothing to compact, and nothing to remove.")
    else:
        is_floor = retention_days * HOURS_PER_DAY <= LONGEST_WRITE_HOURS
        kept = "a day, as a run that is still writing needs its files" if is_floor else f"{retention_days} days"
        console.print(f"[dim]What was replaced is kept for {kept}.[/]", soft_wrap=True)


def _print_playlists(console: Console, lake: Lake, most: int, damaged: Collection[str]) -> bool:
    """Print every captured playlist; return whether there is any."""
    rows = run_query(
        lake,
        """
        WITH seen AS (
            SELECT playlist_id, count(*) AS snapshots, min(snapshot_date) AS first, max(snapshot_date) AS last,
                arg_max(items, snapshot_date) AS items, arg_max(playlist_name, snapshot_date) AS name
            FROM raw_playlist_files WHERE status = 'read' GROUP BY ALL)
        SELECT coalesce(name, playlist_id) AS name, snapshots, items, first, last FROM seen ORDER BY name
        """,
        damaged=damaged,
    ).dicts
    if rows:
        names = ("playlist", "snapshots", "items", "from", "until")
        shown = [(row["name"], row["snapshots"], row["items"], row["first"], row["last"]) for row in rows[:most]]
        print_rows(console, names, shown, title="Playlists", is_report=True)
        if len(rows) > most:
            console.print(f"  [dim]and {len(rows) - most:,} more; spotify-assets status --all lists them[/]")
    broken = run_query(
        lake,
        "SELECT source_file, detail FROM raw_playlist_files WHERE status = 'unreadable' ORDER BY source_file",
        damaged=damaged,
    ).dicts
    _print_notes(console, [f"unreadable: {row['source_file']} ({row['detail']})" for row in broken], most)
    return bool(rows or broken)


def _print_catalogue(console: Console, lake: Lake, landing: LandingZone, most: int) -> dict[str, str]:
    """Print catalogue files with their rows and what they feed; return the state of those that aren't read yet."""
    rows = catalog_register(lake)
    waiting = waiting_catalog(landing, rows)
    lines: list[tuple] = []
    notes = []
    for row in rows:
        state = waiting.get(row["landed_file"]) or row["status"]
        name = row["source_file"].removeprefix(f"{CATALOG}/")
        if state in ("ignored", "unreadable"):
            notes.append(f"{state}: {name} ({row['detail']})")
        if state != "ignored":
            lines.append((name, state, row["records"], row["bad_records"], ", ".join(row["feeds"]) or None))
    listed = {row["landed_file"] for row in rows}
    lines += [(path.removeprefix(f"{CATALOG}/"), "new", None, None, None) for path in sorted(waiting.keys() - listed)]
    if lines:
        # What isn't simply read comes first.
        shown = sorted(lines, key=lambda line: line[1] == "read")[:most] if len(lines) > most else lines
        names = ("file", "state", "rows", "bad rows", "feeds")
        print_rows(console, names, shown, title=f"Catalogue ({_files(len(lines))})", is_report=True)
        if len(lines) > most:
            console.print(f"  [dim]and {len(lines) - most:,} more; spotify-assets status --all lists them[/]")
    _print_notes(console, notes, most)
    return waiting


def _print_login(console: Console, settings: Settings) -> None:
    """Print when each app's login ends, and until when its quota is used up."""
    if not settings.apps:
        return
    from spotify_assets.spotify.state import SpotifyState

    state = SpotifyState(settings.spotify_state)
    for client_id, _ in settings.apps:
        ends, blocked = state.login_ends_at(client_id), state.of(client_id).blocked_until
        if ends:
            soon = ends - datetime.now(UTC) < LOGIN_ENDS_SOON
            style = "[yellow]" if soon else "[dim]"
            advice = "; spotify-assets login renews it" if soon else ""
            console.print(f"{style}The login of app {plain(client_id)} at Spotify ends on {ends:%Y-%m-%d}{advice}[/]")
        if blocked and blocked > datetime.now(UTC):
            console.print(
                f"[yellow]The quota of app {plain(client_id)} is used up until {blocked:%Y-%m-%d %H:%M} UTC[/]"
            )


def _print_moves(console: Console, lake: Lake) -> None:
    """Print tracks added to and removed from the playlist with the most changes in its latest snapshot."""
    moves = run_query(
        lake,
        """
        WITH latest AS (SELECT playlist_key, max(snapshot_date) AS snapshot_date FROM playlist_changes GROUP BY ALL),
        busiest AS (
            SELECT playlist_key, snapshot_date FROM playlist_changes JOIN latest USING (playlist_key, snapshot_date)
            GROUP BY ALL ORDER BY count(*) DESC, playlist_key LIMIT 1)
        SELECT playlist_name, snapshot_date, change, name, artist_name,
            coalesce(position, previous_position) + 1 AS place
        FROM playlist_changes JOIN busiest USING (playlist_key, snapshot_date)
        JOIN dim_playlist ON dim_playlist.playlist_key = playlist_changes.playlist_key AND is_current
        WHERE change <> 'moved' ORDER BY change, place LIMIT 8
        """,
    ).dicts
    if moves:
        title = f"{moves[0]['playlist_name']} on {moves[0]['snapshot_date']}"
        rows = [(row["change"], row["place"], row["name"], row["artist_name"]) for row in moves]
        console.print()
        print_rows(console, ("change", "place", "track", "artist"), rows, title=title)


def print_genres(console: Console, lake: Lake, listeners: Sequence[str]) -> None:
    """Print of how much of the listening time of tracks each attribute is known, and its top genre families."""
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in listeners)
    shares = run_query(
        lake,
        f"""
        SELECT attribute, sum(known_ms_played) / sum(ms_played) AS share
        FROM catalogue_coverage WHERE listener IN ({names}) GROUP BY attribute HAVING sum(ms_played) > 0
        """,
    ).dicts
    known = {row["attribute"]: f"{row['share']:.0%}" for row in shares}
    if not known:
        return
    families = run_query(
        lake,
        f"""
        SELECT genre_family AS family, sum(total_plays) AS plays, round(sum(total_ms_played) / 3600000) AS hours
        FROM track_metrics JOIN dim_track USING (track_key)
        WHERE listener IN ({names}) AND genre_family IS NOT NULL
        GROUP BY genre_family ORDER BY sum(total_ms_played) DESC, genre_family LIMIT 5
        """,
    ).dicts
    rows = [(genre_label(row["family"]), int(row["plays"]), int(row["hours"])) for row in families]
    if rows:
        print_rows(console, ("top genre families", "plays", "hours"), rows)
    covered = ", ".join(f"{label} {known[name]}" for name, label in ATTRIBUTES.items() if name in known)
    console.print(f"[dim]Known, of the listening time: {covered}[/]\n", soft_wrap=True)


def print_demo(console: Console, settings: Settings, listeners: Sequence[str]) -> None:
    """Print top artists and genres, minutes per month, changes of a playlist, and commands to try next."""
    lake = Lake(settings.lake_uri)
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in listeners)
    artists = run_query(
        lake,
        f"""
        SELECT artist_name AS artist, sum(total_plays) AS plays, round(sum(total_ms_played) / 3600000) AS hours
        FROM artist_metrics WHERE listener IN ({names}) GROUP BY artist_name ORDER BY sum(total_ms_played) DESC LIMIT 5
        """,
    ).dicts
    shown = [(row["artist"], int(row["plays"]), int(row["hours"])) for row in artists]
    print_rows(console, ("top artists", "plays", "hours"), shown)
    console.print()
    print_genres(console, lake, listeners)
    months = run_query(
        lake,
        f"""
        SELECT strftime(date, '%Y-%m') AS month, CAST(round(sum(ms_played) / 60000) AS BIGINT) AS minutes
        FROM daily_listening WHERE listener IN ({names}) GROUP BY 1 ORDER BY 1 DESC LIMIT {BAR_MONTHS}
        """,
    ).dicts
    console.print(f"[bold]Minutes a month[/] [dim](the last {len(months)})[/]")
    most = max((row["minutes"] for row in months), default=1) or 1
    for row in reversed(months):
        eighths = round(row["minutes"] / most * BAR * 8)
        bar = "█" * (eighths // 8) + ("" if eighths % 8 == 0 else "▏▎▍▌▋▊▉"[eighths % 8 - 1])
        console.print(f"  {row['month']}  [{GREEN}]{bar:<{BAR}}[/] {row['minutes']:>8,}")
    _print_moves(console, lake)
    console.print("\n[bold]Next[/]")
    for command, what in NEXT.items():
        console.print(f"  {_program()} {command:<42} {what}".rstrip(), soft_wrap=True, markup=False)


def _program() -> str:
    """The command that runs this program: its name if it is on the PATH, else its path."""
    own = Path(sys.executable).with_name("spotify-assets")
    found = shutil.which("spotify-assets")
    if not own.exists() or (found and Path(found).samefile(own)):
        return "spotify-assets"
    return str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own)
