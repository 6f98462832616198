"""Trust: what landed, what was kept, what was rejected and why, and how much is known."""

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Block, Column, Figure, Page, View
from spotify_assets.dashboard.formats import plural, write_count, write_share, written
from spotify_assets.dashboard.queries import ResultRow, Rows

RECORDS = """
    SELECT (SELECT count(*) FROM raw_files WHERE listener = $listener) AS files,
        (SELECT count(*) FROM raw_files WHERE listener = $listener AND status <> 'read') AS unused,
        (SELECT coalesce(sum(records), 0)::BIGINT FROM raw_files WHERE listener = $listener) AS records,
        (SELECT count(*) FROM plays WHERE listener = $listener) AS kept,
        (SELECT count(*) FROM rejected_plays WHERE listener = $listener) AS rejected,
        (SELECT timezone('UTC', max(landed_at)) FROM raw_files WHERE listener = $listener) AS landed_at,
        (SELECT timezone('UTC', max(played_at)) FROM plays WHERE listener = $listener) AS last_played_at,
        (SELECT count(*) FROM plays WHERE listener = $listener AND is_implausible) AS implausible
"""
REASONS = """
    SELECT replace(reason, '_', ' ') AS reason, count(*) AS records, count(*) / sum(count(*)) OVER () AS share,
        reason AS code
    FROM rejected_plays WHERE listener = $listener GROUP BY ALL ORDER BY records DESC, reason
"""
FILES = """
    WITH kept AS (SELECT source_file, count(*) AS kept FROM plays WHERE listener = $listener GROUP BY ALL),
    rejected AS (SELECT source_file, count(*) AS rejected FROM rejected_plays WHERE listener = $listener GROUP BY ALL)
    SELECT replace(f.source_file, 'history/' || f.listener || '/', '') AS file, f.source_file, f.source_format,
        f.status, concat_ws(': ', f.status, f.detail) AS said, f.records, coalesce(kept, 0) AS kept,
        coalesce(rejected, 0) AS rejected,
        timezone('UTC', f.first_played_at)::DATE AS first_day, timezone('UTC', f.last_played_at)::DATE AS last_day,
        timezone('UTC', f.landed_at) AS landed_at
    FROM raw_files f LEFT JOIN kept USING (source_file) LEFT JOIN rejected USING (source_file)
    WHERE f.listener = $listener ORDER BY f.status, f.source_file
"""
SUPERSEDED = """
    SELECT replace(source_format, '_', ' ') AS source, count(*) AS records,
        timezone('UTC', min(played_at))::DATE AS first_day,
        timezone('UTC', max(played_at))::DATE AS last_day
    FROM rejected_plays WHERE listener = $listener AND reason = 'superseded' GROUP BY ALL ORDER BY records DESC, source
"""
COVERAGE = """
    SELECT if(attribute = 'features', 'sound', attribute) AS attribute, ms_share AS share, track_share,
        known_tracks, tracks FROM catalogue_coverage
    WHERE listener = $listener ORDER BY share DESC, attribute
"""
MERGES = """
    SELECT 'artists' AS what, merged_by, count(*) AS names, count(DISTINCT canonical_artist_key) AS counted_as
        FROM dim_artist
    WHERE merged_by NOT IN ('none', 'unknown', 'not_applicable') GROUP BY ALL UNION ALL
    SELECT 'albums', merged_by, count(*), count(DISTINCT canonical_album_key) FROM dim_album
    WHERE merged_by NOT IN ('none', 'unknown', 'not_applicable') GROUP BY ALL UNION ALL
    SELECT 'recordings', merged_by, count(*), count(DISTINCT canonical_recording_key) FROM dim_recording
    WHERE merged_by NOT IN ('none', 'unknown', 'not_applicable') GROUP BY ALL
    ORDER BY names DESC, what, merged_by
"""
EXCLUSIONS = """
    SELECT what, "value", listener,
        timezone('UTC', excluded_from) AS excluded_from, timezone('UTC', excluded_until) AS excluded_until
    FROM raw_exclusions ORDER BY what, "value", exclusion_id
"""
MONTHS = """
    SELECT month, state, sum(records)::BIGINT AS records FROM (
        SELECT month, 'kept' AS state, count(*) AS records FROM plays WHERE listener = $listener GROUP BY ALL UNION ALL
        SELECT month, 'rejected', count(*) FROM rejected_plays WHERE listener = $listener
            AND played_at IS NOT NULL GROUP BY ALL
    ) WHERE month BETWEEN date_trunc('month', $start) AND $end GROUP BY ALL ORDER BY month, state
"""
REJECTED = """
    SELECT reason, source_file, source_row, ts, ms_played, coalesce(track_name, episode_name,
        audiobook_title) AS track,
        coalesce(artist_name, show_name) AS artist, raw_record
    FROM rejected_plays WHERE listener = $listener{where} ORDER BY source_file, source_row LIMIT 5000
"""


def trust_page(view: View) -> Page:
    """Every record that landed is in `plays` or in `rejected_plays`: where, and why."""
    return Page(
        "Trust",
        [
            Block(
                "records",
                view.query(RECORDS),
                _records_title,
                [
                    Column("files", "Files", "count"),
                    Column("unused", "Not read", "count"),
                    Column("records", "Records", "count"),
                    Column("kept", "Kept", "count"),
                    Column("rejected", "Rejected", "count"),
                    Column("last_played_at", "Last play (UTC)", "time"),
                ],
                figures=lambda rows: _record_figures(rows[0]),
                note="All time. Every record of every file is kept or rejected, with a reason.",
            ),
            Block(
                "months",
                view.query(MONTHS),
                _months_title,
                [
                    Column("month", "Month (UTC)", "month"),
                    Column("state", "What became of it"),
                    Column("records", "Records", "count"),
                ],
                chart=lambda rows: charts.columns_chart(
                    "month",
                    "records",
                    x_title="month (UTC)",
                    y_title="records",
                    time="%b %Y",
                    form=charts.WHOLE,
                    color="state",
                    names=["kept", "rejected"],
                ),
                note="Records by the month of the play.",
                shown=400,
            ),
            Block(
                "reasons",
                view.query(REASONS),
                lambda rows: f"Most rejected records are {rows[0]['reason']}",
                [
                    Column("reason", "Reason", link=lambda row: view.to("/rejected", reason=row["code"])),
                    Column("records", "Records", "count"),
                    Column("share", "Share", "share"),
                ],
                chart=lambda rows: charts.bars_chart(
                    rows, "reason", "records", title="rejected records", form=charts.WHOLE
                ),
                note="By the first rule that a record breaks; the table links to the records.",
                empty="Nothing was rejected.",
                is_half=True,
            ),
            Block(
                "superseded",
                view.query(SUPERSEDED),
                lambda rows: (
                    f"{plural(rows[0]['records'], 'record')} of {rows[0]['source']} "
                    f"{'was' if rows[0]['records'] == 1 else 'were'} told better by another source"
                ),
                [
                    Column("source", "Source"),
                    Column("records", "Superseded", "count"),
                    Column("first_day", "From", "day"),
                    Column("last_day", "To", "day"),
                ],
                note="A coarser source gives way where a finer one has the same play.",
                empty="No source supersedes another.",
                is_half=True,
            ),
            Block(
                "files",
                view.query(FILES),
                _files_title,
                [
                    Column("file", "File", "path"),
                    Column("source_format", "Format", "words"),
                    Column("said", "Status"),
                    Column("records", "Records", "count"),
                    Column("kept", "Kept", "count"),
                    Column(
                        "rejected",
                        "Rejected",
                        "count",
                        link=lambda row: view.to("/rejected", file=row["source_file"]) if row["rejected"] else "",
                    ),
                    Column("first_day", "From", "day"),
                    Column("last_day", "To", "day"),
                ],
                note="Landed files and members of archives; the number of rejected records links to them.",
                shown=100,
            ),
            Block(
                "coverage",
                view.query(COVERAGE),
                lambda rows: (
                    f"{rows[0]['attribute'].capitalize()} is known of {written(rows[0]['share'], 'share')} of the "
                    "music time"
                    if rows[0]["share"]
                    else "No catalogue tells of your music yet"
                ),
                [
                    Column("attribute", "What"),
                    Column("share", "Of the time", "share"),
                    Column("track_share", "Of the tracks", "share"),
                    Column("known_tracks", "Tracks", "count"),
                    Column("tracks", "Of", "count"),
                ],
                chart=lambda rows: charts.bars_chart(
                    rows, "attribute", "share", title="share of music time", form=charts.SHARE
                ),
                note="What catalogue files and the Web API tell, all time.",
                empty="No track was heard.",
                is_half=True,
            ),
            Block(
                "merges",
                view.query(MERGES),
                _merges_title,
                [
                    Column("what", "What"),
                    Column("merged_by", "Known by"),
                    Column("names", "Names", "count"),
                    Column("counted_as", "Counted as", "count"),
                ],
                note="Names that are one artist, album or recording: by id, ISRC, artist, or a line of yours "
                "(override). Of all listeners.",
                empty="No two names are merged.",
                is_half=True,
            ),
            Block(
                "exclusions",
                view.query(EXCLUSIONS),
                lambda rows: f"{plural(len(rows), 'exclusion')} in force",
                [
                    Column("what", "What"),
                    Column("value", "Value"),
                    Column("listener", "Of"),
                    Column("excluded_from", "From", "time"),
                    Column("excluded_until", "Until", "time"),
                ],
                note="Lines of landing/overrides/exclusions.csv, for all listeners.",
                empty="Nothing is excluded.",
            ),
        ],
    )


def rejected_page(view: View) -> Page:
    """Rejected records of a reason or a file, as they are in the file."""
    reason, file = view.asked.get("reason", ""), view.asked.get("file", "")
    where = (" AND reason = $reason" if reason else "") + (" AND source_file = $file" if file else "")
    about = ", ".join(part for part in (reason.replace("_", " "), file) if part)
    return Page(
        f"Rejected: {about}" if about else "Rejected records",
        [
            Block(
                "rejected",
                view.query(REJECTED.format(where=where), reason=reason, file=file),
                lambda rows: plural(len(rows), "record") if len(rows) < 5000 else "The first 5000 records",
                [
                    Column("reason", "Reason", "words", link=lambda row: view.to("/rejected", reason=row["reason"])),
                    Column(
                        "source_file", "File", "path", link=lambda row: view.to("/rejected", file=row["source_file"])
                    ),
                    Column("source_row", "Row"),
                    Column("ts", "Time as in the file"),
                    Column("ms_played", "Played (ms)"),
                    Column("track", "Track or episode"),
                    Column("artist", "Artist or show"),
                    Column("raw_record", "Error"),
                ],
                note="As exported; rows are counted from 0.",
                empty="No such record was rejected.",
                shown=200,
            )
        ],
        crumbs=[("Trust", view.to("/trust"))],
        has_period=False,
    )


def _records_title(rows: Rows) -> str:
    row = rows[0]
    lost = row["records"] - row["kept"] - row["rejected"]
    if lost > 0:
        return f"{plural(lost, 'record')} wait{'s' * (lost == 1)} for the next sync"
    if row["records"] == 1:
        return f"The one record is {'kept' if row['kept'] else 'rejected'}"
    return (
        f"{write_share(row['kept'] / row['records'])} of {plural(row['records'], 'record')} are kept, none is lost"
        if row["records"]
        else "No record has landed"
    )


def _record_figures(row: ResultRow) -> list[Figure]:
    return [
        Figure("files landed", write_count(row["files"]), [f"{write_count(row['unused'])} not read"]),
        Figure("records", write_count(row["records"])),
        Figure("kept", write_count(row["kept"]), [f"{write_count(row['implausible'])} implausible"]),
        Figure("rejected", write_count(row["rejected"])),
        Figure("last landed", written(row["landed_at"], "day")),
        Figure("last play", written(row["last_played_at"], "day")),
    ]


def _merges_title(rows: Rows) -> str:
    names = sum(row["names"] for row in rows)
    return f"{plural(names, 'name')} {'is' if names == 1 else 'are'} counted under another"


def _months_title(rows: Rows) -> str:
    rejected, kept = (sum(row["records"] for row in rows if row["state"] == state) for state in ("rejected", "kept"))
    return f"{write_share(rejected / (rejected + kept))} of the period's records are rejected"


def _files_title(rows: Rows) -> str:
    unused = sum(row["status"] != "read" for row in rows)
    return (
        f"{plural(len(rows), 'file')}, {write_count(unused)} of them not read"
        if unused
        else f"{plural(len(rows), 'file')}, all read"
    )
