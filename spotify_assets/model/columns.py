"""Column types, labels and columns that several tables share.

`LakeTable` derives the types of Spark and Arrow from those here, `model.sql` SQLAlchemy's, and `targets` those of
databases.
"""

from typing import Any

from spotify_assets.model.declarations import CheckConstraint, ModelColumn, ModelTable, ModelType

# All tables of the model, by name.
DECLARED: dict[str, ModelTable] = {}

KEY = ModelType("string", 64)
# Half of a SHA-256, as hexadecimal digits: of 10^12 plays, two have the same one with a probability of 10^-15.
PLAY_ID_DIGITS = 32
PLAY_ID = ModelType("string", PLAY_ID_DIGITS)
LABEL_LENGTH = 255
LABEL = ModelType("string", LABEL_LENGTH)
# Of words that the code itself gives: in a key, each counts with its longest text (3,072 bytes in MySQL).
CODE = ModelType("string", 16)
TEXT = ModelType("string")
TEXTS = ModelType("array<string>")
COUNT = ModelType("bigint")
NUMBER = ModelType("int")
RATE = ModelType("double")
FLAG = ModelType("boolean")
DAY = ModelType("date")
TIME = ModelType("timestamp")

# Surrogate keys are 64-bit hashes of the natural key: they need no join, and a quarter of the space of text.
HASH = ModelType("bigint")

UNKNOWN = "unknown"
NOT_APPLICABLE = "not_applicable"
UNKNOWN_NUMBER = -1
NOT_APPLICABLE_NUMBER = -2

# Columns by which files of partitioned tables are laid out, and the period whose first day they are.
LAYOUTS = {"month": "month", "year_start": "year"}

# Why keys of names have one canonical key, in order of precedence; what links albums is their artist's canonical key.
MERGED_BY = ("id", "isrc", "artist", "override")
NOT_MERGED = ("none", UNKNOWN, NOT_APPLICABLE)

# Values of `reason_start` where a person chose what to play, and didn't just let it go on.
DELIBERATE_STARTS = ("clickrow", "playbtn", "remote", "uriopen", "urlopen", "search", "clickside")

CONTENT_TYPES = ("track", "episode", "audiobook")
PLAYLIST_CONTENT_TYPES = ("track", "episode", "local", "removed")


def key(name: str, comment: str, references: str | None = None, type_: ModelType = KEY, **options: Any) -> ModelColumn:
    """A key column, never null. `references` is the `table.column` of a foreign key."""
    return ModelColumn(name, type_, nullable=False, comment=comment, references=references, **options)


def hash_key(name: str, comment: str, references: str | None = None, **options: Any) -> ModelColumn:
    """A surrogate key column: -1 is unknown, -2 is not applicable."""
    return key(name, comment, references, HASH, autoincrement=False, **options)


def required(name: str, type_: ModelType, comment: str, **options: Any) -> ModelColumn:
    """A column that is never null."""
    return ModelColumn(name, type_, nullable=False, comment=comment, **options)


def optional(name: str, type_: ModelType, comment: str, **options: Any) -> ModelColumn:
    """A column that may be null; its comment states when."""
    return ModelColumn(name, type_, nullable=True, comment=comment, **options)


def source_column(group: str, what: str, *, or_api: bool = False) -> ModelColumn:
    """Where a group of attributes is from: a catalogue file, or `api`, which also stands for captured playlists."""
    place = "`api`, or the catalogue file," if or_api else "File"
    return optional(f"{group}_source", TEXT, f"{place} that {what} from; null where unknown")


def table(
    name: str,
    layer: str,
    comment: str,
    *parts: ModelColumn | CheckConstraint,
    window: str | None = None,
    landed: str | None = None,
    library: str | None = None,
    sorted_by: str | None = None,
) -> ModelTable:
    """A table of the lake.

    Args:
        name: Name of the table, its asset, its transform and its folder.
        layer: Folder of the lake and group in Dagster.
        comment: Description; the first sentence is the grain.
        parts: Columns and constraints.
        window: Column that decides a row's partition: a time for plays, a day for playlist snapshots; None for an
            unpartitioned table. Files are laid out by `layout_column`; it and `month` are added here.
        landed: Folder of the landing zone that a raw table mirrors.
        library: Distribution whose version its rows depend on, as `scikit-learn`, and without which it is empty.
        sorted_by: Column by which the embedded engine sorts the rows of a file, for tables of which that saves much:
            equal names and keys beside each other take little space.
    """
    starts = [name for name in LAYOUTS if window and name in ("month", layout_column(layer))]
    laid_out = [required(name, DAY, f"First day of the UTC {LAYOUTS[name]} of `{window}`") for name in starts]
    columns = [part for part in (*parts, *laid_out) if isinstance(part, ModelColumn)]
    checks = tuple(part for part in parts if isinstance(part, CheckConstraint))
    assert len(columns) + len(checks) == len(parts) + len(laid_out), f"{name} has parts that are neither"
    assert name not in DECLARED, f"{name} is declared twice"
    by_name = {column.name: column for column in columns}
    assert len(by_name) == len(columns), f"{name} has two columns of a name"
    DECLARED[name] = ModelTable(name, layer, comment, by_name, checks, window, landed, library, sorted_by)
    return DECLARED[name]


def layout_column(layer: str) -> str:
    """Column by which the files of a layer's partitioned tables are laid out.

    By `month`, replacing a month touches no other month's files. Partial aggregates (of the metrics) are small, and
    each table of all time reads all of their files, several times: they are by year.
    """
    return "year_start" if layer == "metrics" else "month"


def canonical_columns(key_column: str, table_name: str, evidence: tuple[str, ...], what: str) -> list[ModelColumn]:
    """The canonical key of a dimension's row, and why it is that.

    Args:
        key_column: Primary key of the dimension.
        table_name: The dimension.
        evidence: Of `MERGED_BY`, what can link its keys.
        what: What a key stands for.
    """
    canonical = f"The key that metrics count the {what} under: of the name that was played last, of all its names"
    return [
        hash_key(f"canonical_{key_column}", canonical, f"{table_name}.{key_column}"),
        required(
            "merged_by",
            LABEL,
            f"What links it with other names of the {what}; `none` where no other name is known",
            info={"accepted": (*evidence, *NOT_MERGED)},
        ),
    ]


def listener() -> ModelColumn:
    """Key column of the listener."""
    return key("listener", "Whose listening it is: the name of the folder below `landing/history`")


def partition_start_column() -> ModelColumn:
    """Key column of a partial aggregate's partition."""
    return key("window_at", "Start of the partition that the row sums up (UTC)", type_=TIME)


def play_measures() -> list[ModelColumn]:
    """Sums over plays."""
    return [
        required("plays", COUNT, "Plays that were kept"),
        required("streams", COUNT, "Plays of 30 seconds or more, Spotify's own threshold"),
        required("ms_played", COUNT, "Listening time (ms)"),
        required("skips", COUNT, "Plays that were skipped; unknown ones don't count"),
        required("skips_known", COUNT, "Plays whose `skipped` is known"),
    ]


def shuffle_measures() -> list[ModelColumn]:
    """Counts of shuffled plays."""
    return [
        required("shuffles", COUNT, "Plays with shuffle on; unknown ones don't count"),
        required("shuffles_known", COUNT, "Plays whose `shuffle` is known"),
    ]


def completion_measures() -> list[ModelColumn]:
    """What the completion of plays follows from, given the length of what was played."""
    return [
        required("finished", COUNT, "Plays that ended because the content did (`reason_end` is `trackdone`)"),
        required("unfinished_ms_played", COUNT, "Listening time of all other plays (ms)"),
    ]


def end_measures() -> list[ModelColumn]:
    """Counts of plays by how they ended."""
    return [
        required("finished", COUNT, "Plays that ended because the content did (`reason_end` is `trackdone`)"),
        required("ends_known", COUNT, "Plays whose `reason_end` is known"),
    ]


def start_measures() -> list[ModelColumn]:
    """Counts of plays that a person chose to start."""
    return [
        required("deliberate_starts", COUNT, f"Plays whose `reason_start` is {', '.join(DELIBERATE_STARTS)}"),
        required("starts_known", COUNT, "Plays whose `reason_start` is known"),
    ]


def implausible_measures() -> list[ModelColumn]:
    """What records leave out."""
    return [
        required("implausible_plays", COUNT, "Plays that can't have been heard so (`is_implausible`)"),
        required("implausible_ms_played", COUNT, "Listening time of these (ms)"),
    ]


def mode_measures() -> list[ModelColumn]:
    """Counts of plays by how the device was set."""
    return [
        required("offline_plays", COUNT, "Plays without a connection; unknown ones don't count"),
        required("offline_known", COUNT, "Plays whose `offline` is known"),
        required("incognito_plays", COUNT, "Plays in a private session; unknown ones don't count"),
        required("incognito_known", COUNT, "Plays whose `incognito` is known"),
    ]


def music_and_spoken() -> list[ModelColumn]:
    """Plays and listening time, split into music and spoken word."""
    return [
        required("music_plays", COUNT, "Plays of tracks"),
        required("music_ms_played", COUNT, "Listening time of tracks (ms)"),
        required("spoken_plays", COUNT, "Plays of podcast episodes and audiobooks"),
        required("spoken_ms_played", COUNT, "Listening time of podcast episodes and audiobooks (ms)"),
    ]


def first_and_last_play(what: str) -> list[ModelColumn]:
    """Times of the first and latest play."""
    return [
        required("first_played_at", TIME, f"End of the first play of the {what} (UTC)"),
        required("last_played_at", TIME, f"End of the latest play of the {what} (UTC)"),
    ]
