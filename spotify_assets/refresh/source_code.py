"""What a function depends on: names followed through our own source, without importing any of it.

The text of a definition is its syntax tree less docstrings, annotations and positions, with each global name as what
it stands for, so that comments, formatting, import aliases and the file that it is in don't count. A class counts as a
whole, a module that is passed as an object with all that it defines, and a registry with every function that a
decorator puts into it. Constants of `spotify_assets.model` count by value; the model of a table is not followed but
named (`Closure.tables`).
"""

import ast
import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType

from spotify_assets.refresh.syntax import (
    DEFINITIONS,
    PACKAGE,
    Definition,
    Key,
    Module,
    Normalizer,
    as_text,
    hash_of,
    parse_module,
)

MODEL = f"{PACKAGE}.model."
SETTINGS = f"{PACKAGE}.settings"
# They move rows without shaping them: names in these packages and modules count as names.
MACHINERY = frozenset(
    "cli dagster_storage defs definitions engine lake landing refresh retry sandbox settings spotify storage "
    "targets".split()
)


@dataclass(frozen=True)
class Closure:
    """Definitions that some roots depend on, the roots included."""

    definitions: Mapping[Key, Definition]

    @cached_property
    def texts(self) -> list[str]:
        """A line for each definition: its text, and those of what it names."""
        return sorted(
            " ".join([one.text, *(self.definitions[key].text for key in one.references if key in self.definitions)])
            for one in self.definitions.values()
        )

    @cached_property
    def settings(self) -> set[str]:
        """Attributes that are read of `Settings`."""
        return {name for one in self.definitions.values() for name in one.settings}

    @cached_property
    def attributes(self) -> set[str]:
        """All attributes that are read of anything."""
        return {name for one in self.definitions.values() for name in one.attributes}

    def tables(self, known: Iterable[str]) -> set[str]:
        """Tables whose model is looked up; where the name is known at run time only, all that the code names."""
        tables = {name for one in self.definitions.values() for name in one.tables}
        if any(one.looks_up_tables for one in self.definitions.values()):
            tables |= {name for one in self.definitions.values() for name in one.strings} & set(known)
        return tables


class SourceCode:
    """The source of this package, or of a copy of it.

    Args:
        folder: The package's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, Module | None] = {}
        self._definitions: dict[Key, Definition] = {}
        self._meanings: dict[Key, Key | None] = {}
        self._decorated: dict[str, list[tuple[Key, Key, bool]]] = {}

    def modules_of(self, package: str) -> list[str]:
        """Names of the modules in a package of ours, the package itself included."""
        names = sorted(path.stem for path in self._path(package).glob("*.py"))
        return [package if name == "__init__" else f"{package}.{name}" for name in names]

    def names_in(self, module: str) -> list[str]:
        """Names that the module defines."""
        return list(self._loaded(module).statements)

    def function(self, module: str, name: str) -> ast.FunctionDef | None:
        """The function that the module defines by this name, if any."""
        statements = self._loaded(module).statements.get(name, [])
        return next((one for one in statements if isinstance(one, ast.FunctionDef)), None)

    def closure(self, roots: Iterable[Key]) -> Closure:
        """Everything of ours that these definitions (of whole modules, where the name is empty) depend on.

        Raises:
            LookupError: where a root is defined nowhere.
        """
        found: dict[Key, Definition] = {}
        waiting = [key for root in roots for key in self._expanded(root)]
        while waiting:
            while waiting:
                key = waiting.pop()
                if key not in found:
                    found[key] = self._definition(key)
                    waiting += [one for name in found[key].references for one in self._expanded(name)]
            waiting = [key for key in self._registered(found) if key not in found]
        return Closure(found)

    def settings_read(self, names: Iterable[str], fields: Iterable[str]) -> set[str]:
        """The fields behind attributes of `Settings`: of a property or method, those that it reads.

        Raises:
            LookupError: where one is neither; what rows depend on can't be told then.
        """
        known = set(fields)
        read: set[str] = set()
        waiting, seen = list(names), set()
        while waiting:
            name = waiting.pop()
            if name in known:
                read.add(name)
            elif name not in seen:
                seen.add(name)
                waiting += _read_of_self(self._method_of_settings(name))
        return read

    def stands_for(self, module: str, name: str) -> Key | None:
        """The definition or module of ours that an import names; None for machinery and what is unknown."""
        key = (module, name)
        if key not in self._meanings:
            self._meanings[key] = self._meaning(module, name)
        return self._meanings[key]

    def _meaning(self, module: str, name: str) -> Key | None:
        if not f"{module}.".startswith(f"{PACKAGE}.") or _is_machinery(module):
            return None
        if _is_of_model(module) and name and not callable(value := getattr(import_module(module), name)):
            return (value.__name__, "") if isinstance(value, ModuleType) else (module, name)
        loaded = self._module(module)
        if loaded is None or not name:
            return (module, "") if loaded else None
        if name in loaded.statements:
            return module, name
        # `from package import module` in the package itself names what the file system has.
        if loaded.imports.get(name, (module, name)) != (module, name):
            return self.stands_for(*loaded.imports[name])
        submodule = f"{module}.{name}"
        return (submodule, "") if not _is_machinery(submodule) and self._module(submodule) else None

    def _expanded(self, key: Key) -> list[Key]:
        """A definition, or all of a module."""
        return [key] if key[1] else [(key[0], name) for name in self._loaded(key[0]).statements]

    def _registered(self, found: Mapping[Key, Definition]) -> Iterator[Key]:
        """Functions that a decorator puts into a registry which is found, or which extend a function that is."""
        for name in [name for name, module in self._modules.items() if module]:
            for decorated, decorator, extends in self._decorated_in(name):
                if extends:
                    if decorator in found:
                        yield decorated
                elif any(key in found and self._is_constant(key) for key in self._definition(decorator).references):
                    yield decorated

    def _decorated_in(self, name: str) -> list[tuple[Key, Key, bool]]:
        """Definitions of a module that are decorated by something of ours; whether by a method of it."""
        if name not in self._decorated:
            module = self._loaded(name)
            found = []
            for decorated, node in module.decorators:
                called = node.func if isinstance(node, ast.Call) else node
                extended = called.value if isinstance(called, ast.Attribute) else None
                normalizer = Normalizer(self, module)
                if (own := normalizer.own(called)) and own[1]:
                    found.append(((name, decorated), own, False))
                elif extended and (own := normalizer.own(extended)) and own[1]:
                    found.append(((name, decorated), own, True))
            self._decorated[name] = found
        return self._decorated[name]

    def _is_constant(self, key: Key) -> bool:
        return not any(isinstance(one, DEFINITIONS) for one in self._loaded(key[0]).statements.get(key[1], []))

    def _definition(self, key: Key) -> Definition:
        if key not in self._definitions:
            self._definitions[key] = self._read(key)
        return self._definitions[key]

    def _read(self, key: Key) -> Definition:
        module, name = key
        if _is_of_model(module) and not callable(value := getattr(import_module(module), name)):
            return Definition(key, hash_of([name, as_text(value)]))
        loaded = self._loaded(module)
        if name not in loaded.statements:
            raise LookupError(f"{module} defines no {name}")
        return Normalizer(self, loaded).definition(key, loaded.statements[name])

    def _method_of_settings(self, name: str) -> ast.AST:
        for statement in self._loaded(SETTINGS).statements.get("Settings", []):
            for member in getattr(statement, "body", []):
                if isinstance(member, DEFINITIONS) and member.name == name:
                    return member
        raise LookupError(f"settings.{name}: which settings this reads can't be told; read them as settings.<field>")

    def _loaded(self, name: str) -> Module:
        module = self._module(name)
        if module is None:
            raise LookupError(f"there is no module {name}")
        return module

    def _module(self, name: str) -> Module | None:
        """The module of that name; None where there is no such file."""
        if name not in self._modules:
            path = self._path(name)
            source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            self._modules[name] = parse_module(name, source) if source.exists() else None
        return self._modules[name]

    def _path(self, module: str) -> Path:
        return self._folder.joinpath(*module.split(".")[1:])


def _is_of_model(module: str) -> bool:
    return f"{module}.".startswith(MODEL)


def _is_machinery(module: str) -> bool:
    return module.removeprefix(f"{PACKAGE}.").partition(".")[0] in MACHINERY


def _read_of_self(function: ast.AST) -> list[str]:
    return [
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    ]


@contextmanager
def garbage_uncollected() -> Iterator[None]:
    """Collecting garbage among 25,000 syntax nodes, of which none is, doubles the time to parse them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
