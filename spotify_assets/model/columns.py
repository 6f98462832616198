"""Columns that several tables share, and the words that their comments use.

Types are chosen once, here and in the tables' files: SQLAlchemy's, from which `LakeTable` derives everyone else's.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

KEY = String(64)
LABEL_LENGTH = 255
LABEL = String(LABEL_LENGTH)
TEXT = Text()
TEXTS: ARRAY[str] = ARRAY(Text())
COUNT = BigInteger()
NUMBER = Integer()
RATE: Double[float] = Double()
FLAG = Boolean()
DAY = Date()
TIME = DateTime(timezone=True)

# Surrogate keys are 64-bit hashes of the natural key: computed without a join, and a quarter of the size of text.
HASH = BigInteger()

UNKNOWN = "unknown"
NOT_APPLICABLE = "not_applicable"
UNKNOWN_NUMBER = -1
NOT_APPLICABLE_NUMBER = -2

CONTENT_TYPES = ("track", "episode", "audiobook")
PLAYLIST_CONTENT_TYPES = ("track", "episode", "local", "removed")


def key(name: str, comment: str, references: str | None = None, type_: Any = KEY, **options: Any) -> Column:
    """A column that is never null and identifies something; `references` is `table.column`."""
    links = [ForeignKey(references)] if references else []
    return Column(name, type_, *links, nullable=False, comment=comment, **options)


def hash_key(name: str, comment: str, references: str | None = None, **options: Any) -> Column:
    """A surrogate key; -1 is unknown and -2 not applicable."""
    return key(name, comment, references, HASH, autoincrement=False, **options)


def needed(name: str, type_: Any, comment: str, **options: Any) -> Column:
    """A column that is never null."""
    return Column(name, type_, nullable=False, comment=comment, **options)


def optional(name: str, type_: Any, comment: str, **options: Any) -> Column:
    """A column that may be null; its comment says when."""
    return Column(name, type_, nullable=True, comment=comment, **options)


def table(
    name: str, layer: str, comment: str, *parts: Any, window: str | None = None, landed: str | None = None
) -> Table:
    """A table of the lake.

    Args:
        name: Of the table, and so of its asset, its transform and its folder.
        layer: Folder of the lake and group in Dagster.
        comment: One row per what; the first sentence is the grain.
        parts: Columns and constraints.
        window: The column whose time decides the partition a row belongs to: a time, for plays, or a day, for
            snapshots of playlists. Such a table is laid out by `month`, so that redoing one month touches that
            month's files only.
        landed: Folder of the landing zone that the table mirrors.
    """
    laid_out = [needed("month", DAY, f"First day of the UTC month of `{window}`")] if window else []
    info = {"layer": layer, "window": window, "landed": landed}
    return Table(name, metadata, *parts, *laid_out, comment=comment, info=info)


def listener() -> Column:
    """Whose listening it is: the folder below `landing/history`."""
    return key("listener", "Whose listening it is: the name of the folder below `landing/history`")


def partial_window() -> Column:
    """The partition that a partial aggregate belongs to."""
    return key("window_at", "Start of the partition that the row sums up (UTC)", type_=TIME)


def measures() -> list[Column]:
    """What is summed over plays, wherever plays are summed."""
    return [
        needed("plays", COUNT, "Plays that were kept"),
        needed("streams", COUNT, "Plays of 30 seconds or more, Spotify's own line"),
        needed("ms_played", COUNT, "Listening time (ms)"),
        needed("skips", COUNT, "Plays that are known to have been skipped"),
        needed("skips_known", COUNT, "Plays of which it is known whether they were skipped"),
    ]


def shuffles() -> list[Column]:
    """How many plays were shuffled, of those where it is known."""
    return [
        needed("shuffles", COUNT, "Plays that are known to have been shuffled"),
        needed("shuffles_known", COUNT, "Plays of which it is known whether they were shuffled"),
    ]


def music_and_spoken() -> list[Column]:
    """The split of plays and time into music and spoken word."""
    return [
        needed("music_plays", COUNT, "Plays of tracks"),
        needed("music_ms_played", COUNT, "Listening time of tracks (ms)"),
        needed("spoken_plays", COUNT, "Plays of podcast episodes and audiobooks"),
        needed("spoken_ms_played", COUNT, "Listening time of podcast episodes and audiobooks (ms)"),
    ]


def seen(what: str) -> list[Column]:
    """When something was first and last played."""
    return [
        needed("first_played_at", TIME, f"End of the first play of the {what} (UTC)"),
        needed("last_played_at", TIME, f"End of the latest play of the {what} (UTC)"),
    ]
