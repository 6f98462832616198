"""A module's syntax tree as definitions: the text of each, normalized, and what it names."""

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

PACKAGE = "spotify_assets"
TABLES = (f"{PACKAGE}.model", "TABLES")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IGNORED = frozenset({"annotation", "returns", "type_comment", "type_params", "kind", "ctx"})
# Statements within a statement, and what holds them.
NESTED = ("body", "orelse", "finalbody", "handlers", "cases")
TARGETS = ("target", "targets")
# How attributes are read by name: which, is not known.
BY_NAME = ("getattr", "vars", "dict")

# Module and name; the name is empty for the module itself.
Key = tuple[str, str]
Scope = dict[str, Key | None]


@dataclass
class Definition:
    """A top-level function, class or constant of ours, and what it names.

    Attributes:
        key: Its module and name.
        text: Hash of its normalized syntax tree.
        references: Definitions of ours that it names, in order; a module stands for all that it defines.
        settings: Attributes that it reads of `Settings`.
        tables: Tables whose model it looks up.
        looks_up_tables: It looks tables up whose names are known at run time only.
        strings: Its string literals.
        attributes: All attributes that it reads.
    """

    key: Key
    text: str = ""
    references: list[Key] = field(default_factory=list)
    settings: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    looks_up_tables: bool = False
    strings: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)


@dataclass
class Module:
    """A parsed module: what its names stand for, and the statements that make each."""

    name: str
    imports: dict[str, Key] = field(default_factory=dict)
    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    decorators: list[tuple[str, ast.expr]] = field(default_factory=list)


class Resolver(Protocol):
    """Knows what an import stands for."""

    def stands_for(self, module: str, name: str) -> Key | None:
        """The definition or module of ours that an import names; None for machinery and what is unknown."""


def parse_module(name: str, source: Path) -> Module:
    """What the module's top level defines and imports."""
    module = Module(name)
    loose: list[ast.stmt] = []
    package = name if source.name == "__init__.py" else name.rpartition(".")[0]
    for statement in ast.parse(source.read_bytes()).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            module.imports |= _imports(statement, package)
        elif isinstance(statement, DEFINITIONS):
            module.statements.setdefault(statement.name, []).append(statement)
            module.decorators += [(statement.name, decorator) for decorator in statement.decorator_list]
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and (names := _assigned(statement)):
            for target in names:
                module.statements.setdefault(target, []).append(statement)
        elif not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
            loose.append(statement)
    # What runs besides, as filling a dictionary does, is part of all that it names.
    for statement in loose:
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module.imports |= _imports(node, package)
        named = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        named |= {node.name for node in ast.walk(statement) if isinstance(node, DEFINITIONS)}
        for target in sorted(named & {*module.statements, *_bound_in([statement])}):
            module.statements.setdefault(target, []).append(statement)
    return module


class Normalizer:
    """Makes a `Definition` of statements: each global name is what it stands for."""

    def __init__(self, resolver: Resolver, module: Module) -> None:
        self._resolver = resolver
        self._module = module
        # Innermost last, each with whether it is a class's: methods don't see that.
        self._scopes: list[tuple[Scope, bool]] = []
        self._of_settings = {"settings"}
        self._tokens: list[str] = []
        self._special: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.NamedExpr: self._named,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.Call: self._call,
            ast.Expr: self._expression,
            ast.AnnAssign: self._annotated,
            ast.ClassDef: self._class,
            ast.Import: lambda node: None,
            ast.ImportFrom: lambda node: None,
            **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda), self._function),
            **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), self._comprehension),
        }

    def definition(self, key: Key, statements: Iterable[ast.stmt]) -> Definition:
        """The definition that these statements make."""
        self._found = Definition(key)
        for statement in statements:
            self._visit(statement)
        self._found.text = hash_of(self._tokens)
        return self._found

    def own(self, node: ast.AST) -> Key | None:
        """The definition or module of ours that an expression names."""
        if isinstance(node, ast.Name):
            return self._meaning(node.id)[0]
        if isinstance(node, ast.Attribute):
            of = self.own(node.value)
            return self._resolver.stands_for(of[0], node.attr) if of and not of[1] else None
        return None

    def _meaning(self, name: str) -> tuple[Key | None, Key | None]:
        """What of ours a name stands for, and what was imported by it, ours or not; None for a local one."""
        for scope, _ in reversed(self._scopes):
            if name in scope:
                imported = scope[name]
                break
        else:
            if name in self._module.statements:
                return (self._module.name, name), None
            imported = self._module.imports.get(name)
        return (self._resolver.stands_for(*imported) if imported else None), imported

    def _visit(self, node: ast.AST) -> None:
        special = self._special.get(node.__class__)
        if special:
            special(node)
        else:
            self._fields(node)

    def _fields(self, node: ast.AST, without: str = "") -> None:
        tokens = self._tokens
        tokens.append(node.__class__.__name__)
        for name in node._fields:
            value = getattr(node, name, None)
            # Versions of Python differ in which empty fields there are.
            if value is None or name in IGNORED or name == without or value == []:
                continue
            tokens.append(name)
            if isinstance(value, ast.AST):
                self._visit(value)
            elif value.__class__ is list:
                self._list(value)
            else:
                tokens.append(repr(value))

    def _list(self, nodes: Iterable[Any]) -> None:
        self._tokens.append("[")
        for node in nodes:
            if isinstance(node, ast.AST):
                self._visit(node)
            else:
                self._tokens.append(repr(node))
        self._tokens.append("]")

    def _constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._found.strings.add(node.value)
        self._tokens.append(repr(node.value))

    def _expression(self, node: ast.Expr) -> None:
        # A docstring, or text that does nothing.
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self._fields(node)

    def _name(self, node: ast.Name) -> None:
        own, imported = self._meaning(node.id)
        if own:
            self._refer(own)
        elif imported and not f"{imported[0]}.".startswith(f"{PACKAGE}."):
            self._tokens.append(".".join(filter(None, imported)))
        else:
            self._tokens.append(imported[1] if imported else node.id)

    def _refer(self, own: Key) -> None:
        """Note a reference under the name that is the same wherever it is defined."""
        if own == TABLES:
            self._found.looks_up_tables = True
        else:
            self._found.references.append(own)
        self._tokens.append(own[1] or own[0].rpartition(".")[2])

    def _named(self, node: ast.NamedExpr) -> None:
        if self._scopes:
            self._scopes[-1][0][node.target.id] = None
        self._fields(node)

    def _attribute(self, node: ast.Attribute) -> None:
        self._found.attributes.add(node.attr)
        if self._are_settings(node.value):
            self._found.settings.add(node.attr)
        if own := self.own(node):
            self._refer(own)
        else:
            self._fields(node)

    def _are_settings(self, node: ast.AST) -> bool:
        """Whether an expression is the settings: by name, an attribute `settings`, or a call of `settings()`."""
        if isinstance(node, ast.Call):
            node = node.func
        if isinstance(node, ast.Attribute):
            return node.attr == "settings"
        return isinstance(node, ast.Name) and node.id in self._of_settings

    def _subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.Constant) and self.own(node.value) == TABLES:
            self._found.tables.add(str(node.slice.value))
            self._tokens += ["TABLES", repr(node.slice.value)]
        else:
            self._fields(node)

    def _call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        if called in BY_NAME and node.args and self._are_settings(node.args[0]):
            self._found.settings.add(called)
        self._fields(node)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if self._scopes and self._scopes[-1][1]:
            # A field of a dataclass; without the annotation it would be none.
            self._fields(node)
        elif node.value:
            self._visit(ast.Assign([node.target], node.value))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        # Decorators and defaults are of the scope around.
        self._list([*arguments.defaults, *filter(None, arguments.kw_defaults)])
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += filter(None, [arguments.vararg, arguments.kwarg])
        names: Scope = {one.arg: None for one in every}
        outside = self._scopes
        if not isinstance(node, ast.Lambda):
            self._list(node.decorator_list)
            self._of_settings |= {one.arg for one in every if _is_settings_type(one.annotation)}
            names |= _bound_in(node.body)
        self._scopes = [*(scope for scope in outside if not scope[1]), (names, False)]
        self._fields(node, without="decorator_list")
        self._scopes = outside

    def _class(self, node: ast.ClassDef) -> None:
        self._tokens += ["ClassDef", node.name]
        self._list([*node.decorator_list, *node.bases, *node.keywords])
        self._scopes.append((_bound_in(node.body), True))
        self._list(node.body)
        self._scopes.pop()

    def _comprehension(self, node: Any) -> None:
        # What is iterated over first is of the scope around.
        self._visit(node.generators[0].iter)
        self._scopes.append((dict.fromkeys(_names_in(one.target for one in node.generators)), False))
        self._fields(node)
        self._scopes.pop()


def hash_of(tokens: Iterable[str]) -> str:
    """A short hash of several texts."""
    return hashlib.sha256("\0".join(tokens).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _assigned(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    """Names that an assignment makes; none where it changes something that is there."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    flat = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
    names = [one.id for one in flat if isinstance(one, ast.Name)]
    return names if len(names) == len(flat) else []


def _imports(statement: ast.Import | ast.ImportFrom, package: str = "") -> dict[str, Key]:
    """What each name stands for that the statement makes."""
    if isinstance(statement, ast.Import):
        return {
            one.asname or one.name.partition(".")[0]: (one.name if one.asname else one.name.partition(".")[0], "")
            for one in statement.names
        }
    base = statement.module or ""
    if statement.level:
        parts = package.split(".")
        base = ".".join([*parts[: len(parts) - statement.level + 1], *filter(None, [base])])
    return {one.asname or one.name: (base, one.name) for one in statement.names}


def _bound_in(statements: Iterable[ast.AST]) -> Scope:
    """Names that are local where these statements run; of an import, what it stands for.

    Those of `:=` are left out: they are met before they are used.
    """
    bound: Scope = {}
    outer: set[str] = set()
    waiting = list(statements)
    while waiting:
        node = waiting.pop()
        if isinstance(node, DEFINITIONS):
            bound[node.name] = None
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= _imports(node)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            outer |= set(node.names)
        else:
            if isinstance(node, ast.ExceptHandler) and node.name:
                bound[node.name] = None
            for name in TARGETS:
                target = getattr(node, name, None)
                bound |= dict.fromkeys(_names_in(target if isinstance(target, list) else filter(None, [target])))
            if isinstance(node, ast.With | ast.AsyncWith):
                bound |= dict.fromkeys(_names_in(item.optional_vars for item in node.items if item.optional_vars))
            if isinstance(node, ast.match_case):
                bound |= dict.fromkeys(_captured_by(node.pattern))
            for name in NESTED:
                waiting += getattr(node, name, [])
    return {name: imported for name, imported in bound.items() if name not in outer}


def _names_in(targets: Iterable[ast.AST]) -> Iterator[str]:
    """Names that targets of an assignment bind."""
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Tuple | ast.List):
            yield from _names_in(target.elts)
        elif isinstance(target, ast.Starred):
            yield from _names_in([target.value])


def _captured_by(pattern: ast.pattern) -> Iterator[str]:
    """Names that a pattern of a `match` binds."""
    for node in ast.walk(pattern):
        name = getattr(node, "rest" if isinstance(node, ast.MatchMapping) else "name", None)
        if name:
            yield name


def _is_settings_type(annotation: ast.AST | None) -> bool:
    return annotation is not None and any(
        getattr(node, "id", getattr(node, "value", None)) == "Settings" for node in ast.walk(annotation)
    )


def as_text(value: Any) -> str:
    """The value of a constant, the same in every process."""
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(as_text, value)))}}}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{as_text(name)}: {as_text(one)}' for name, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(as_text, value))})"
    return repr(value)
