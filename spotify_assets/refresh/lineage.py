"""What each table is made from, and the version of the code that makes its rows, as the source says.

Nothing of `transforms`, `readers` or `ingest` is imported: their source is parsed, so that what is stale is known
without PySpark.
"""

import ast
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from spotify_assets.model import TABLES, LakeTable, upstream_first
from spotify_assets.refresh.source_code import Closure, SourceCode, garbage_uncollected
from spotify_assets.refresh.syntax import PACKAGE, Key
from spotify_assets.settings import Settings

TRANSFORMS = f"{PACKAGE}.transforms"
# Modules that make the rows of raw tables, by the first folder of the landing zone that a table mirrors.
ROW_MAKERS = {
    "history": f"{PACKAGE}.ingest.history_rows",
    "playlists": f"{PACKAGE}.ingest.playlist_rows",
    "metadata": f"{PACKAGE}.ingest.metadata_rows",
}
# What decides which rows are of a window: those of every partitioned table depend on it.
WINDOWS = tuple((f"{PACKAGE}.windows", name) for name in ("TimeWindow", "windows_of", "span_of", "window_predicate"))
SETTINGS_OF_WINDOWS = frozenset({"plays_start", "plays_grain"})


@dataclass(frozen=True)
class TableCode:
    """What the source says of a table.

    Attributes:
        upstreams: Tables that its transform reads, in the order of its parameters.
        keywords: Keywords of its transform.
        settings: Fields of `Settings` that its rows depend on.
        version: Another one means that its rows could differ.
    """

    upstreams: tuple[str, ...]
    keywords: frozenset[str]
    settings: frozenset[str]
    version: str


class Lineage:
    """Tables, their inputs and the versions of their code, by the source of this package or of a copy of it.

    All is found at the first question.

    Args:
        folder: The package's folder.
    """

    def __init__(self, folder: Path = Path(__file__).parents[1]) -> None:
        self._folder = folder

    def computed_tables(self) -> tuple[str, ...]:
        """Tables that have a transform, upstream before downstream."""
        return self._computed

    def captured_tables(self) -> tuple[str, ...]:
        """Tables that mirror responses of the Web API as landed, and so are refreshed like computed ones."""
        return self._captured

    def refreshed_tables(self) -> tuple[str, ...]:
        """Every table but those of the landed history, upstream before downstream."""
        return self._captured + self._computed

    def upstreams(self, table: str) -> tuple[str, ...]:
        """The tables that the table's transform reads, in the order of its parameters; none for a raw table."""
        return self._tables[table].upstreams

    def takes(self, table: str, keyword: str) -> bool:
        """Whether the table's transform takes this keyword."""
        return keyword in self._tables[table].keywords

    def code_version(self, table: str) -> str:
        """Version of everything of ours that the table's rows depend on; another one means that they could differ.

        That is its transform, or what makes the rows of a raw table, all that these call or name in this package,
        and the columns and types of its model. The settings are not part of it: see `row_settings`.
        """
        return self._tables[table].version

    def row_settings(self, table: str, settings: Settings) -> str:
        """The settings that the table's rows depend on, as text; empty where there are none."""
        names = self._tables[table].settings
        return json.dumps(settings.model_dump(mode="json", include=set(names)), sort_keys=True) if names else ""

    @cached_property
    def _tables(self) -> dict[str, TableCode]:
        with garbage_uncollected():
            code = SourceCode(self._folder)
            transforms = _transforms(code)
            return {name: _read(code, table, transforms.get(name)) for name, table in TABLES.items()}

    @cached_property
    def _computed(self) -> tuple[str, ...]:
        return upstream_first(
            {
                name: [*self._tables[name].upstreams, *table.references]
                for name, table in TABLES.items()
                if table.landed_folder is None
            }
        )

    @cached_property
    def _captured(self) -> tuple[str, ...]:
        return tuple(name for name, table in TABLES.items() if table.landed_folder not in (None, "history"))


def _transforms(code: SourceCode) -> dict[str, Key]:
    """Where the transform of each computed table is."""
    defined = {name: (module, name) for module in code.modules_of(TRANSFORMS) for name in code.names_in(module)}
    computed = [name for name, table in TABLES.items() if table.landed_folder is None]
    if missing := [name for name in computed if name not in defined]:
        raise LookupError(f"{TRANSFORMS} defines no function {missing[0]} for the table of that name")
    return {name: defined[name] for name in computed}


def _read(code: SourceCode, table: LakeTable, transform: Key | None) -> TableCode:
    root = transform or (ROW_MAKERS[str(table.landed_folder).partition("/")[0]], "")
    function = code.function(*root)
    arguments = function.args if function else ast.arguments([], [], None, [], [], None, [])
    keywords = frozenset(one.arg for one in arguments.kwonlyargs)
    makes_rows = code.closure([root])
    closure = code.closure([root, *WINDOWS]) if table.is_partitioned else makes_rows
    shapes = [_shape(TABLES[name], closure) for name in sorted({table.name, *closure.tables(TABLES)})]
    return TableCode(
        tuple(one.arg for one in [*arguments.posonlyargs, *arguments.args]),
        keywords,
        frozenset(code.settings_read(makes_rows.settings, Settings.model_fields))
        | (SETTINGS_OF_WINDOWS if "window" in keywords else frozenset()),
        hashlib.sha256("\n".join([*closure.texts, *shapes]).encode()).hexdigest()[:12],
    )


def _shape(table: LakeTable, closure: Closure) -> str:
    """The model of a table, as far as rows depend on it: no comments, nor what it refers to."""
    parts = [table.name, table.spark_types, table.primary_key, table.window_column]
    nullable = [column.name for column in table.sql.columns if column.nullable]
    return repr([*parts, nullable] if "nullable" in closure.attributes else parts)


_OURS = Lineage()
computed_tables = _OURS.computed_tables
captured_tables = _OURS.captured_tables
refreshed_tables = _OURS.refreshed_tables
upstreams = _OURS.upstreams
takes = _OURS.takes
code_version = _OURS.code_version
row_settings = _OURS.row_settings
