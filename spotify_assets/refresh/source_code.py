"""Find the definitions in this package that a function depends on, by following names through the source.

The text of a definition is its syntax tree without docstrings, annotations and positions, and with imported names
resolved. So comments, formatting, import aliases and the file that a definition is in make no difference.

- A class is one definition.
- A module used as an object stands for everything that it defines.
- A registry includes every function that a decorator registers in it.
- Constants of `spotify_assets.model` are compared by value. Models of tables are not followed; `Closure.tables` lists
  them.
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
    parse_module,
    short_hash,
    stable_repr,
)

MODEL = f"{PACKAGE}.model."
SETTINGS = f"{PACKAGE}.settings"
# Packages and modules that store or move rows without changing them. Names in them are not followed.
MACHINERY = frozenset(
    "cli dagster_storage defs definitions engine lake landing refresh retry sandbox settings spotify storage "
    "targets".split()
)


@dataclass(frozen=True)
class Closure:
    """Definitions that some roots depend on, including the roots."""

    definitions: Mapping[Key, Definition]

    @cached_property
    def texts(self) -> list[str]:
        """A line per definition: its text, followed by the texts of the definitions that it refers to."""
        return sorted(
            " ".join([one.text, *(self.definitions[key].text for key in one.references if key in self.definitions)])
            for one in self.definitions.values()
        )

    @cached_property
    def settings(self) -> set[str]:
        """Attributes of `Settings` that are read."""
        return {name for one in self.definitions.values() for name in one.settings}

    @cached_property
    def attributes(self) -> set[str]:
        """All attributes that are read, of any object."""
        return {name for one in self.definitions.values() for name in one.attributes}

    def tables(self, known: Iterable[str]) -> set[str]:
        """Tables whose model is looked up; if any name is known at run time only, all tables that literals name."""
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
        self._resolved: dict[Key, Key | None] = {}
        self._decorated: dict[str, list[tuple[Key, Key, bool]]] = {}

    def modules_of(self, package: str) -> list[str]:
        """Names of the modules in one of this project's packages, including the package itself."""
        names = sorted(path.stem for path in self._path(package).glob("*.py"))
        return [package if name == "__init__" else f"{package}.{name}" for name in names]

    def file_of(self, module: str) -> Path:
        """The file that a module is in."""
        path = self._path(module)
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def names_in(self, module: str) -> list[str]:
        """Names that the module defines."""
        return list(self._require_module(module).statements)

    def function(self, module: str, name: str) -> ast.FunctionDef | None:
        """The function of this name in a module; None if there is none."""
        statements = self._require_module(module).statements.get(name, [])
        return next((one for one in statements if isinstance(one, ast.FunctionDef)), None)

    def closure(self, roots: Iterable[Key]) -> Closure:
        """Find all definitions in this package that the roots depend on.

        Args:
            roots: Module and name of each; an empty name stands for the whole module.

        Raises:
            LookupError: A root is not defined.
        """
        found: dict[Key, Definition] = {}
        waiting = [key for root in roots for key in self._expand_module(root)]
        while waiting:
            while waiting:
                key = waiting.pop()
                if key not in found:
                    found[key] = self._definition(key)
                    waiting += [one for name in found[key].references for one in self._expand_module(name)]
            waiting = [key for key in self._registered_functions(found) if key not in found]
        return Closure(found)

    def settings_read(self, names: Iterable[str], fields: Iterable[str]) -> set[str]:
        """Resolve attributes of `Settings` to fields: a property or method to the fields that it reads.

        Args:
            names: Attributes.
            fields: All fields of `Settings`.

        Raises:
            LookupError: An attribute is neither a field, a property nor a method, so the fields can't be determined.
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
                waiting += _attributes_of_self(self._method_of_settings(name))
        return read

    def resolve(self, module: str, name: str) -> Key | None:
        """Find the definition or module of this package that an import refers to.

        None for `MACHINERY` and for names that are not defined.
        """
        key = (module, name)
        if key not in self._resolved:
            self._resolved[key] = self._resolve_uncached(module, name)
        return self._resolved[key]

    def _resolve_uncached(self, module: str, name: str) -> Key | None:
        if not f"{module}.".startswith(f"{PACKAGE}.") or _is_machinery(module):
            return None
        if _is_model(module) and name and not callable(value := getattr(import_module(module), name)):
            return (value.__name__, "") if isinstance(value, ModuleType) else (module, name)
        loaded = self._module(module)
        if loaded is None or not name:
            return (module, "") if loaded else None
        if name in loaded.statements:
            return module, name
        # In a package's own `__init__.py`, `from package import name` imports a submodule.
        if loaded.imports.get(name, (module, name)) != (module, name):
            return self.resolve(*loaded.imports[name])
        submodule = f"{module}.{name}"
        return (submodule, "") if not _is_machinery(submodule) and self._module(submodule) else None

    def _expand_module(self, key: Key) -> list[Key]:
        """Replace a module by all its definitions."""
        return [key] if key[1] else [(key[0], name) for name in self._require_module(key[0]).statements]

    def _registered_functions(self, found: Mapping[Key, Definition]) -> Iterator[Key]:
        """Find functions that are registered in a constant, or as overloads of a function, that was found."""
        for name in [name for name, module in self._modules.items() if module]:
            for decorated, decorator, overloads in self._decorated_definitions(name):
                if overloads:
                    if decorator in found:
                        yield decorated
                elif any(key in found and self._is_constant(key) for key in self._definition(decorator).references):
                    yield decorated

    def _decorated_definitions(self, name: str) -> list[tuple[Key, Key, bool]]:
        """Each decorated definition, its decorator, and whether a method of that decorates, as in `read.register`."""
        if name not in self._decorated:
            module = self._require_module(name)
            found = []
            for decorated, node in module.decorators:
                called = node.func if isinstance(node, ast.Call) else node
                overloaded = called.value if isinstance(called, ast.Attribute) else None
                normalizer = Normalizer(self, module)
                if (own := normalizer.own(called)) and own[1]:
                    found.append(((name, decorated), own, False))
                elif overloaded and (own := normalizer.own(overloaded)) and own[1]:
                    found.append(((name, decorated), own, True))
            self._decorated[name] = found
        return self._decorated[name]

    def _is_constant(self, key: Key) -> bool:
        return not any(isinstance(one, DEFINITIONS) for one in self._require_module(key[0]).statements.get(key[1], []))

    def _definition(self, key: Key) -> Definition:
        if key not in self._definitions:
            self._definitions[key] = self._read(key)
        return self._definitions[key]

    def _read(self, key: Key) -> Definition:
        module, name = key
        if _is_model(module) and not callable(value := getattr(import_module(module), name)):
            return Definition(key, short_hash([name, stable_repr(value)]))
        loaded = self._require_module(module)
        if name not in loaded.statements:
            raise LookupError(f"{module} does not define {name}")
        return Normalizer(self, loaded).definition(key, loaded.statements[name])

    def _method_of_settings(self, name: str) -> ast.AST:
        for statement in self._require_module(SETTINGS).statements.get("Settings", []):
            for member in getattr(statement, "body", []):
                if isinstance(member, DEFINITIONS) and member.name == name:
                    return member
        raise LookupError(f"settings.{name}: can't determine which fields this reads; read them as settings.<field>")

    def _require_module(self, name: str) -> Module:
        module = self._module(name)
        if module is None:
            raise LookupError(f"there is no module {name}")
        return module

    def _module(self, name: str) -> Module | None:
        """The parsed module; None if there is no such file."""
        if name not in self._modules:
            path = self._path(name)
            source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            self._modules[name] = parse_module(name, source) if source.exists() else None
        return self._modules[name]

    def _path(self, module: str) -> Path:
        return self._folder.joinpath(*module.split(".")[1:])


def _is_model(module: str) -> bool:
    return f"{module}.".startswith(MODEL)


def _is_machinery(module: str) -> bool:
    return module.removeprefix(f"{PACKAGE}.").partition(".")[0] in MACHINERY


def _attributes_of_self(function: ast.AST) -> list[str]:
    return [
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    ]


@contextmanager
def gc_disabled() -> Iterator[None]:
    """Disable garbage collection, which doubles the time to parse 25,000 syntax nodes and finds nothing to collect."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
