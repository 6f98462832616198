"""One meaning per name: no two top-level classes or functions of the package share a name."""

import ast
from collections import defaultdict
from pathlib import Path

import spotify_assets
from spotify_assets.model import TABLES

PACKAGE = Path(spotify_assets.__file__).parent

# Names that several modules define on purpose, with the reason.
SHARED = {
    **dict.fromkeys(TABLES, "an asset and its transform are named after their table"),
    "main": "entry point of a module that is run as a program",
    "PersistentSqliteEventLogStorage": "dagster_storage is its address in the dagster.yaml of former versions",
}


def definitions(source):
    """Names of the top-level functions, classes and type aliases (`Item = TypeVar(...)`) of a module."""
    for statement in ast.parse(source).body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
            case ast.Assign(targets=[ast.Name(id=name)]) if not name.isupper() and name[0].isupper():
                yield name


def test_no_name_is_defined_twice():
    modules = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in set(definitions(path.read_text())):
            modules[name].append(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in modules.items() if len(paths) > 1 and name not in SHARED} == {}


def test_definitions_are_functions_classes_and_aliases():
    source = "import a\nA = 1\nItem = TypeVar('Item')\nx = y = 2\ndef f(): g = 1\nclass C:\n    def m(self): ...\n"
    assert list(definitions(source)) == ["Item", "f", "C"]
