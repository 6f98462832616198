"""What each line of overrides concerns in the lake, by DuckDB: plays, artists, albums and recordings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.model.columns import NOT_APPLICABLE_NUMBER, UNKNOWN_NUMBER
from spotify_assets.model.raw import EVERY_LISTENER
from spotify_assets.targets.lake_reader import connect_lake
from spotify_assets.transforms.judge import PLACEHOLDERS
from spotify_assets.transforms.keys import ID_LENGTH, WHITE_SPACE

# What lines of a kind are matched with: a key, the one that it is counted under, and its names and ids.
NAMED = {
    "artist": """
        SELECT artist_key AS key, unnest([normalized(artist_name), artist_id]) AS name FROM dim_artist
    """,
    "album": """
        SELECT album_key AS key, normalized(artist_name) || ' - ' || normalized(album_name) AS name FROM dim_album
        UNION ALL SELECT album_key, track_catalogue.album_id FROM track_catalogue
            JOIN dim_album ON normalized(dim_album.artist_name) = normalized(track_catalogue.artist_name)
                AND normalized(dim_album.album_name) = normalized(track_catalogue.album_name)
    """,
    "recording": """
        SELECT recording_key AS key,
            unnest([normalized(artist_name) || ' - ' || normalized(track_name), content_key]) AS name
        FROM (
            SELECT DISTINCT recording_key, artist_name, track_name, content_key FROM monthly_content
            WHERE content_type = 'track'
            UNION SELECT recording_key, artist_name, track_name, track_key FROM track_catalogue
        )
    """,
}
NAMED_IN = {
    "artist": ("dim_artist",),
    "album": ("dim_album", "track_catalogue"),
    "recording": ("dim_recording", "track_catalogue"),
}


@dataclass(frozen=True)
class Effect:
    """What a line concerns.

    Attributes:
        counts: How many of what: of an exclusion, rejected plays; of a merge, keys that are counted under another one,
            and their plays; of genres, artists.
        lacks: Why it concerns nothing, where more is known than that nothing matches.
    """

    counts: tuple[tuple[int, str], ...]
    lacks: str = ""

    @property
    def matches(self) -> bool:
        """Whether the line matches anything: else it may have a typo."""
        return self.counts[0][0] > 0

    def __str__(self) -> str:
        if not self.matches:
            return "matches nothing" + (f": {self.lacks}" if self.lacks else "")
        return ", ".join(f"{count:,} {what}{'s' * (count != 1)}" for count, what in self.counts)


def effects(lake: Lake, rows: Sequence[dict[str, Any]]) -> dict[str, Effect]:
    """What lines of overrides concern, by their ids; without those that no sync has applied.

    A play, artist, album or recording counts for each line that matches it. Plays are counted as the last sync left
    them: an exclusion has those of `rejected_plays` that were rejected for being excluded, so none that are too
    short, say; where two files tell a play, it has both records.

    Args:
        lake: The lake; tables not written yet are empty.
        rows: Rows of any of `CORRECTIONS`.

    Raises:
        DamagedTableError: A table that is needed is damaged.
        StorageError: The lake can't be reached.
    """
    by_table: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_table[_corrections_table(row)].append(row)
    merged_kinds = sorted({row["kind"] for row in by_table.get("raw_merges", [])})
    needed = {*by_table}
    needed |= {"rejected_plays"} if "raw_exclusions" in by_table else set()
    needed |= {"dim_artist"} if "raw_genre_overrides" in by_table else set()
    needed |= {"monthly_content"} if merged_kinds else set()
    needed |= {name for kind in merged_kinds for name in NAMED_IN[kind]}
    connection = connect_lake(lake, needed)
    try:
        _define_normalized(connection)
        applied = {table: _applied(connection, table, of_table) for table, of_table in by_table.items()}
        found = _of_exclusions(connection, applied.get("raw_exclusions", []))
        found |= _of_genres(connection, applied.get("raw_genre_overrides", []))
        for kind in merged_kinds:
            found |= _of_merges(connection, kind, [row for row in applied["raw_merges"] if row["kind"] == kind])
    except (duckdb.Error, OSError, pa.ArrowInvalid):
        lake.raise_if_unreadable(needed)
        raise
    return found


def normalize(name: str) -> str:
    """The name as `transforms.keys.normalize_name` has it: DuckDB's `lower` knows no Greek final sigma."""
    return name.strip(WHITE_SPACE).lower()


def _define_normalized(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the function `normalized` in SQL; a call of Python takes 30 times as long as DuckDB's functions."""
    varchar = duckdb.type("VARCHAR")
    connection.create_function("normalized_by_python", normalize, [varchar], varchar)
    blanks = " || ".join(f"chr({ord(blank)})" for blank in WHITE_SPACE if blank.isascii())
    connection.execute(
        f"""
        CREATE MACRO normalized(name) AS CASE WHEN strlen(name) = length(name) THEN lower(trim(name, {blanks}))
            ELSE normalized_by_python(name) END
        """
    )


def _corrections_table(row: dict[str, Any]) -> str:
    key = next(iter(row))
    [table] = [name for name in ("raw_merges", "raw_exclusions", "raw_genre_overrides") if key in TABLES[name].columns]
    return table


def _applied(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that the last sync read, too."""
    [key] = TABLES[table].primary_key
    ids = {id_ for (id_,) in connection.execute(f"SELECT {key} FROM {table}").fetchall()}
    return [row for row in rows if row[key] in ids]


def _of_exclusions(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> dict[str, Effect]:
    """Effects of lines of `raw_exclusions`, as `transforms.exclude.is_excluded` matches them."""
    if not rows:
        return {}
    wanted = pa.Table.from_pylist(
        [
            {"line": row["exclusion_id"], "listener": row["listener"], "answer": answer, "value": value}
            | {"start": row["excluded_from"], "stop": row["excluded_until"]}
            for row in rows
            for answer, value in _wanted_answers(row["what"], row["value"])
        ],
        pa.schema(
            [pa.field(name, pa.string()) for name in ("line", "listener", "answer", "value")]
            + [pa.field(name, pa.timestamp("us", "UTC")) for name in ("start", "stop")]
        ),
    )
    connection.register("wanted_exclusions", wanted)
    answers = set(wanted["answer"].to_pylist())
    union = " UNION ALL ".join(
        f"SELECT record, listener, played_at, '{answer}' AS answer, {value} AS value FROM records"
        for answer, value in RECORD_ANSWERS
        if answer in answers
    )
    found = connection.execute(
        f"""
        WITH excluded AS (
            SELECT listener, source_file, played_at, normalized(platform) AS platform,
                {_spotify_id("track_uri", "track")} AS track_id,
                coalesce({_spotify_id("chapter_uri", "episode", "chapter")},
                    {_spotify_id("audiobook_uri", "show", "audiobook")}) AS audiobook_id,
                {", ".join(f"normalized({name}) AS {name}" for name in PLACEHOLDERS)}
            FROM rejected_plays WHERE reason = 'excluded'
        ), records AS MATERIALIZED (
            SELECT row_number() OVER () AS record, * REPLACE ({", ".join(map(_without_placeholders, PLACEHOLDERS))})
            FROM excluded
        ), answers AS ({union})
        SELECT line, count(DISTINCT record) FROM wanted_exclusions AS wanted JOIN answers USING (answer, value)
        WHERE wanted.listener IN ('{EVERY_LISTENER}', answers.listener)
            AND (start IS NULL OR played_at >= start) AND (stop IS NULL OR played_at < stop)
        GROUP BY line
        """
    ).fetchall()
    plays = dict(found)
    return {row["exclusion_id"]: Effect(((plays.get(row["exclusion_id"], 0), "play"),)) for row in rows}


# What a record of `rejected_plays` answers to, by kind of answer: normalized names, ids and paths.
IS_TRACK = "coalesce(track_id, track_name) IS NOT NULL"
IS_AUDIOBOOK = "coalesce(audiobook_id, chapter_title, audiobook_title) IS NOT NULL"
RECORD_ANSWERS = (
    ("artist", "artist_name"),
    ("album", "album_name"),
    ("album", "artist_name || ' - ' || album_name"),
    ("track", "track_name"),
    ("track", "artist_name || ' - ' || track_name"),
    ("track_id", "track_id"),
    ("show", f"CASE WHEN {IS_TRACK} THEN NULL WHEN {IS_AUDIOBOOK} THEN audiobook_title ELSE show_name END"),
    ("device", "platform"),
    ("source_file", "source_file"),
    ("source_file", "split_part(source_file, '!', 1)"),
    ("period", "''"),
)


def _wanted_answers(what: str, value: str) -> Iterator[tuple[str, str]]:
    """Kinds of answers and values by which a line names a record."""
    yield what, value if what in ("source_file", "period") else normalize(value)
    if what == "track":
        yield "track_id", value


def _without_placeholders(column: str) -> str:
    """A column of normalized names in SQL, null where it is empty or what Spotify writes for an unknown name."""
    placeholders = ", ".join(f"'{name}'" for name in ("", *PLACEHOLDERS[column]))
    return f"CASE WHEN {column} NOT IN ({placeholders}) THEN {column} END AS {column}"


def _spotify_id(uri: str, *kinds: str) -> str:
    """The id in a URI or link in SQL, as `transforms.keys.id_from_uri` finds it; null if there is none."""
    uris = " ".join(
        f"WHEN starts_with({uri}, '{prefix}') THEN substr({uri}, {len(prefix) + 1})"
        for prefix in (f"spotify:{kind}:" for kind in kinds)
    )
    link = f"open[.]spotify[.]com/(?:[a-z-]+/)?(?:{'|'.join(kinds)})/([0-9A-Za-z]+)"
    bare = (
        f"CASE {uris} WHEN contains({uri}, 'open.spotify.com/') THEN regexp_extract({uri}, '{link}', 1) ELSE {uri} END"
    )
    return f"CASE WHEN regexp_full_match({bare}, '[0-9A-Za-z]{{{ID_LENGTH}}}') THEN {bare} END"


def _of_merges(connection: duckdb.DuckDBPyConnection, kind: str, rows: list[dict[str, Any]]) -> dict[str, Effect]:
    """Effects of lines of `raw_merges` of a kind, as `transforms.identity.merge_links` matches them."""
    if not rows:
        return {}
    for column in ("merged_from", "merged_into"):
        _register_names(connection, column, ((row["merge_id"], row[column]) for row in rows))
    found = connection.execute(
        f"""
        WITH named AS MATERIALIZED ({NAMED[kind]}),
        keys AS (SELECT {kind}_key AS key, canonical_{kind}_key AS canonical FROM dim_{kind}
            WHERE key NOT IN ({UNKNOWN_NUMBER}, {NOT_APPLICABLE_NUMBER})),
        spelled AS (SELECT name, key, canonical FROM named JOIN keys USING (key)),
        begins AS (SELECT DISTINCT line, key, canonical FROM merged_from JOIN spelled USING (name)),
        ends AS (SELECT DISTINCT line, canonical FROM merged_into JOIN spelled USING (name)),
        moved AS (SELECT line, key FROM begins SEMI JOIN ends USING (line, canonical) WHERE key <> canonical),
        played AS (SELECT {kind}_key AS key, sum(plays)::BIGINT AS plays FROM monthly_content
            WHERE content_type = 'track' AND {kind}_key IN (SELECT key FROM moved) GROUP BY ALL)
        SELECT line, count(*), coalesce(sum(plays), 0)::BIGINT, true, true FROM moved LEFT JOIN played USING (key)
            GROUP BY line
        UNION ALL
        SELECT line, 0, 0, line IN (SELECT line FROM begins), line IN (SELECT line FROM ends)
        FROM (SELECT DISTINCT line FROM merged_from) ANTI JOIN moved USING (line)
        """
    ).fetchall()
    lacks = {
        (False, False): f"neither is {'a' if kind == 'recording' else 'an'} {kind} that is known",
        (False, True): f"there is no such {kind} to merge",
        (True, False): f"there is no such {kind} to merge into",
        (True, True): f"both are one {kind} already, or another line moves it elsewhere",
    }
    return {
        line: Effect(((keys, kind), (plays, "play")), "" if keys else lacks[has_from, has_into])
        for line, keys, plays, has_from, has_into in found
    }


def _of_genres(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> dict[str, Effect]:
    """Effects of lines of `raw_genre_overrides`, as `transforms.genres.genre_overrides` matches them."""
    if not rows:
        return {}
    _register_names(connection, "genres_of", ((row["genre_override_id"], row["artist"]) for row in rows))
    found = connection.execute(
        f"""
        SELECT line, count(DISTINCT key) FROM genres_of JOIN ({NAMED["artist"]}) USING (name)
        WHERE key NOT IN ({UNKNOWN_NUMBER}, {NOT_APPLICABLE_NUMBER}) GROUP BY line
        """
    ).fetchall()
    artists = dict(found)
    return {row["genre_override_id"]: Effect(((artists.get(row["genre_override_id"], 0), "artist"),)) for row in rows}


def _register_names(connection: duckdb.DuckDBPyConnection, name: str, wanted: Iterable[tuple[str, str]]) -> None:
    """Make a table of lines and names: each as it is, since it may be an id, and normalized."""
    lines = [(line, text) for line, written in wanted for text in {written, normalize(written)}]
    columns = zip(*lines, strict=True)
    connection.register(name, pa.table([pa.array(column, pa.string()) for column in columns], ["line", "name"]))
