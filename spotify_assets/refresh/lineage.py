"""Upstream tables, code version and settings of each table, found by parsing the source.

Nothing of `transforms`, `readers` or `ingest` is imported: that would import PySpark for each `status` and `sync`.
"""

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spotify_assets.model import TABLES, LakeTable, upstream_first
from spotify_assets.refresh.source_cache import PACKAGE_FOLDER, kept
from spotify_assets.refresh.source_code import Closure, SourceCode, gc_disabled
from spotify_assets.refresh.syntax import DEFINITIONS, PACKAGE, Key
from spotify_assets.settings import Settings

TRANSFORMS = f"{PACKAGE}.transforms"
# Modules that build the rows of raw tables, by the first folder of the landing zone that a table mirrors.
RAW_ROW_MODULES = {
    "history": f"{PACKAGE}.ingest.history_rows",
    "playlists": f"{PACKAGE}.ingest.playlist_rows",
    "metadata": f"{PACKAGE}.ingest.metadata_rows",
    "overrides": f"{PACKAGE}.ingest.override_rows",
    "catalog": f"{PACKAGE}.ingest.catalog_rows",
    "exports": f"{PACKAGE}.ingest.library_rows",
}
# Code that assigns rows to windows. Every partitioned table depends on it.
WINDOW_CODE = tuple(
    (f"{PACKAGE}.windows", name) for name in ("TimeWindow", "windows_of", "span_of", "window_predicate")
)
WINDOW_SETTINGS = frozenset({"plays_start", "plays_grain"})
# Upstream table and column, by column.
CopiedColumns = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class TableCode:
    """What is known of a table from its source.

    Attributes:
        upstreams: Tables that its transform reads, in the order of its parameters.
        keywords: Keyword-only parameters of its transform.
        settings: Fields of `Settings` that its rows depend on.
        version: Code version; a new value means that the rows could differ.
        file: File of its transform, or of the module that builds its rows.
        line: Line of its transform in the file; 1 where there is none.
        copied: Upstream table and column of each column that its transform certainly copies unchanged.
    """

    upstreams: tuple[str, ...]
    keywords: frozenset[str]
    settings: frozenset[str]
    version: str
    file: Path
    line: int
    copied: CopiedColumns


class Lineage:
    """Upstream tables and code versions, by the source of this package or of a copy of it.

    The source is parsed on first use.

    Args:
        folder: A copy of the package's folder. What the package itself says is kept between processes.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def computed_tables(self) -> tuple[str, ...]:
        """Tables that have a transform, upstream before downstream."""
        return self._computed

    def captured_tables(self) -> tuple[str, ...]:
        """Raw tables that mirror landed responses or overrides; they are refreshed like computed tables."""
        return self._captured

    def refreshed_tables(self) -> tuple[str, ...]:
        """All tables except those of the landed history, upstream before downstream."""
        return self._captured + self._computed

    def upstreams(self, table: str) -> tuple[str, ...]:
        """The tables that the table's transform reads, in the order of its parameters; none for a raw table."""
        return self._tables[table].upstreams

    def source(self, table: str) -> tuple[Path, int]:
        """File and line of the code that makes the table's rows: its transform, or the module that builds them."""
        return self._tables[table].file, self._tables[table].line

    def copied_columns(self, table: str) -> CopiedColumns:
        """Upstream table and column of each column that the table's transform copies unchanged.

        Only what is plain from the source: the strings, and the renamed columns, of a `select`, or the keys of a
        `groupBy`, of an input itself. Of other columns nothing is known.
        """
        return self._tables[table].copied

    def takes(self, table: str, keyword: str) -> bool:
        """Whether the table's transform has this keyword-only parameter."""
        return keyword in self._tables[table].keywords

    def code_version(self, table: str) -> str:
        """Code version of a table; a new value means that its rows could differ.

        It covers the table's transform, or the module that builds the rows of a raw table, everything in this package
        that these refer to, and the columns and types of the model. Settings are not included: see `row_settings`.
        """
        return self._tables[table].version

    def row_settings(self, table: str, settings: Settings) -> str:
        """The settings that the table's rows depend on, as JSON; empty if there are none."""
        names = self._tables[table].settings
        return json.dumps(settings.model_dump(mode="json", include=set(names)), sort_keys=True) if names else ""

    @cached_property
    def _tables(self) -> dict[str, TableCode]:
        if self._folder is not None:
            return _parse(self._folder)
        known = kept("lineage", lambda: {name: _to_json(one) for name, one in _parse(PACKAGE_FOLDER).items()})
        return {name: _from_json(one) for name, one in known.items()}

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


def _parse(folder: Path) -> dict[str, TableCode]:
    """What is known of each table from the source in a folder."""
    with gc_disabled():
        code = SourceCode(folder)
        transforms = _transforms(code)
        return {name: _table_code(code, table, transforms.get(name)) for name, table in TABLES.items()}


def _to_json(code: TableCode) -> dict[str, Any]:
    return {
        **asdict(code),
        "keywords": sorted(code.keywords),
        "settings": sorted(code.settings),
        "file": str(code.file),
    }


def _from_json(known: Mapping[str, Any]) -> TableCode:
    return TableCode(
        upstreams=tuple(known["upstreams"]),
        keywords=frozenset(known["keywords"]),
        settings=frozenset(known["settings"]),
        version=known["version"],
        file=Path(known["file"]),
        line=known["line"],
        copied={column: (table, source) for column, (table, source) in known["copied"].items()},
    )


def _transforms(code: SourceCode) -> dict[str, Key]:
    """Module and name of each computed table's transform."""
    defined = {name: (module, name) for module in code.modules_of(TRANSFORMS) for name in code.names_in(module)}
    computed = [name for name, table in TABLES.items() if table.landed_folder is None]
    if missing := [name for name in computed if name not in defined]:
        raise LookupError(f"{TRANSFORMS} has no function {missing[0]}, and the table of that name needs one")
    return {name: defined[name] for name in computed}


def _table_code(code: SourceCode, table: LakeTable, transform: Key | None) -> TableCode:
    root = transform or (RAW_ROW_MODULES[str(table.landed_folder).partition("/")[0]], "")
    function = code.function(*root)
    arguments = function.args if function else ast.arguments([], [], None, [], [], None, [])
    keywords = frozenset(one.arg for one in arguments.kwonlyargs)
    own_closure = code.closure([root])
    closure = code.closure([root, *WINDOW_CODE]) if table.is_partitioned else own_closure
    models = [_row_model(TABLES[name], closure) for name in sorted({table.name, *closure.tables(TABLES)})]
    return TableCode(
        tuple(one.arg for one in [*arguments.posonlyargs, *arguments.args]),
        keywords,
        frozenset(code.settings_read(own_closure.settings, Settings.model_fields))
        | (WINDOW_SETTINGS if "window" in keywords else frozenset()),
        hashlib.sha256("\n".join([*closure.texts, *models]).encode()).hexdigest()[:12],
        code.file_of(root[0]),
        function.lineno if function else 1,
        dict(_copied_columns(function, table)) if function else {},
    )


def _copied_columns(function: ast.FunctionDef, table: LakeTable) -> Iterator[tuple[str, tuple[str, str]]]:
    """Columns that a transform of one `return` copies from an input; see `Lineage.copied_columns`."""
    returned = [node for node in _own_nodes(function) if isinstance(node, ast.Return)]
    match returned:
        case [
            ast.Return(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=upstream), attr="select"), args=selected)
                | ast.Call(
                    func=ast.Attribute(
                        value=ast.Call(func=ast.Attribute(value=ast.Name(id=upstream), attr="groupBy"), args=selected),
                        attr="agg",
                    )
                )
            )
        ]:
            pass
        case _:
            return
    inputs = {one.arg for one in [*function.args.posonlyargs, *function.args.args]}
    assigned = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    if upstream not in inputs - assigned or upstream not in TABLES:
        return
    for one in selected:
        if (pair := _copied_column(one)) and pair[0] in table.columns and pair[1] in TABLES[upstream].columns:
            yield pair[0], (upstream, pair[1])


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a function's body, without those of functions in it."""
    for node in ast.iter_child_nodes(function):
        yield node
        if not isinstance(node, (*DEFINITIONS, ast.Lambda)):
            yield from _own_nodes(node)


def _copied_column(selected: ast.expr) -> tuple[str, str] | None:
    """Name and source of a selected column: a text, or `F.col(text).alias(text)`; None for another expression."""
    match selected:
        case ast.Constant(value=str(name)):
            return name, name
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id="F"), attr="col"), args=[ast.Constant(value=str(source))]
                ),
                attr="alias",
            ),
            args=[ast.Constant(value=str(name))],
        ):
            return name, source
    return None


def _row_model(table: LakeTable, closure: Closure) -> str:
    """The part of a table's model that its rows depend on: not its comments or foreign keys."""
    parts = [table.name, table.spark_types, table.primary_key, table.window_column]
    nullable = [column.name for column in table.declared.columns.values() if column.nullable]
    return repr([*parts, nullable] if "nullable" in closure.attributes else parts)


_PACKAGE_LINEAGE = Lineage()
computed_tables = _PACKAGE_LINEAGE.computed_tables
captured_tables = _PACKAGE_LINEAGE.captured_tables
refreshed_tables = _PACKAGE_LINEAGE.refreshed_tables
upstreams = _PACKAGE_LINEAGE.upstreams
takes = _PACKAGE_LINEAGE.takes
code_version = _PACKAGE_LINEAGE.code_version
source = _PACKAGE_LINEAGE.source
copied_columns = _PACKAGE_LINEAGE.copied_columns
row_settings = _PACKAGE_LINEAGE.row_settings
