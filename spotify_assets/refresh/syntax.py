"""Parse a module into definitions: the normalized text of each, and the names that it refers to."""

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
# Fields of statements that hold further statements.
NESTED_STATEMENTS = ("body", "orelse", "finalbody", "handlers", "cases")
TARGETS = ("target", "targets")
# Functions that read attributes whose names the source need not contain.
DYNAMIC_READS = ("getattr", "vars", "dict")

# Module and name; an empty name stands for the whole module.
Key = tuple[str, str]
Scope = dict[str, Key | None]


@dataclass
class Definition:
    """A top-level function, class or constant of this package, and what it refers to.

    Attributes:
        key: Its module and name.
        text: Hash of its normalized syntax tree.
        references: Definitions of this package that it refers to, in order; a module stands for all its definitions.
        settings: Attributes of `Settings` that it reads.
        tables: Tables whose model it looks up.
        looks_up_tables: Whether it looks up tables whose names are known at run time only.
        strings: Its string literals.
        attributes: Attributes of any object that it reads.
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
    """A parsed module.

    Attributes:
        name: Its dotted name.
        imports: Module and name that each imported name refers to.
        statements: Statements that define each top-level name.
        decorators: Each decorated definition with a decorator.
    """

    name: str
    imports: dict[str, Key] = field(default_factory=dict)
    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    decorators: list[tuple[str, ast.expr]] = field(default_factory=list)


class Resolver(Protocol):
    """Resolves imports."""

    def resolve(self, module: str, name: str) -> Key | None:
        """Find the definition or module that an import refers to; see `SourceCode.resolve`."""


def parse_module(name: str, source: Path) -> Module:
    """Parse the definitions and imports at the top level of a module."""
    module = Module(name)
    loose: list[ast.stmt] = []
    package = name if source.name == "__init__.py" else name.rpartition(".")[0]
    for statement in ast.parse(source.read_bytes()).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            module.imports |= _imported_names(statement, package)
        elif isinstance(statement, DEFINITIONS):
            module.statements.setdefault(statement.name, []).append(statement)
            module.decorators += [(statement.name, decorator) for decorator in statement.decorator_list]
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and (names := _assigned_names(statement)):
            for target in names:
                module.statements.setdefault(target, []).append(statement)
        elif not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
            loose.append(statement)
    # Any other statement, as a loop that fills a dictionary, is part of every definition that it refers to.
    for statement in loose:
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module.imports |= _imported_names(node, package)
        named = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        named |= {node.name for node in ast.walk(statement) if isinstance(node, DEFINITIONS)}
        for target in sorted(named & {*module.statements, *_local_names([statement])}):
            module.statements.setdefault(target, []).append(statement)
    return module


class Normalizer:
    """Normalize statements into a `Definition`, with global names resolved."""

    def __init__(self, resolver: Resolver, module: Module) -> None:
        self._resolver = resolver
        self._module = module
        # Innermost last, each with whether it is a class's scope, which methods don't see.
        self._scopes: list[tuple[Scope, bool]] = []
        self._settings_names = {"settings"}
        self._tokens: list[str] = []
        self._special: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.NamedExpr: self._named_expression,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.Call: self._call,
            ast.Expr: self._expression,
            ast.AnnAssign: self._annotated_assignment,
            ast.ClassDef: self._class,
            ast.Import: lambda node: None,
            ast.ImportFrom: lambda node: None,
            **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda), self._function),
            **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), self._comprehension),
        }

    def definition(self, key: Key, statements: Iterable[ast.stmt]) -> Definition:
        """Normalize the statements that define a name."""
        self._found = Definition(key)
        for statement in statements:
            self._visit(statement)
        self._found.text = short_hash(self._tokens)
        return self._found

    def own(self, node: ast.AST) -> Key | None:
        """The definition or module of this package that an expression refers to; None if it is none."""
        if isinstance(node, ast.Name):
            return self._resolve_name(node.id)[0]
        if isinstance(node, ast.Attribute):
            of = self.own(node.value)
            return self._resolver.resolve(of[0], node.attr) if of and not of[1] else None
        return None

    def _resolve_name(self, name: str) -> tuple[Key | None, Key | None]:
        """The definition of this package that a name refers to, and the import behind it; None for local names."""
        for scope, _ in reversed(self._scopes):
            if name in scope:
                imported = scope[name]
                break
        else:
            if name in self._module.statements:
                return (self._module.name, name), None
            imported = self._module.imports.get(name)
        return (self._resolver.resolve(*imported) if imported else None), imported

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
            # Which empty fields exist differs between versions of Python.
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
        # Docstrings make no difference.
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self._fields(node)

    def _name(self, node: ast.Name) -> None:
        own, imported = self._resolve_name(node.id)
        if own:
            self._refer(own)
        elif imported and not f"{imported[0]}.".startswith(f"{PACKAGE}."):
            self._tokens.append(".".join(filter(None, imported)))
        else:
            self._tokens.append(imported[1] if imported else node.id)

    def _refer(self, own: Key) -> None:
        """Record a reference; its token is the bare name, whichever module defines it."""
        if own == TABLES:
            self._found.looks_up_tables = True
        else:
            self._found.references.append(own)
        self._tokens.append(own[1] or own[0].rpartition(".")[2])

    def _named_expression(self, node: ast.NamedExpr) -> None:
        if self._scopes:
            self._scopes[-1][0][node.target.id] = None
        self._fields(node)

    def _attribute(self, node: ast.Attribute) -> None:
        self._found.attributes.add(node.attr)
        if self._is_settings(node.value):
            self._found.settings.add(node.attr)
        if own := self.own(node):
            self._refer(own)
        else:
            self._fields(node)

    def _is_settings(self, node: ast.AST) -> bool:
        """Whether an expression is the settings: a known name, an attribute `settings`, or a call of `settings()`."""
        if isinstance(node, ast.Call):
            node = node.func
        if isinstance(node, ast.Attribute):
            return node.attr == "settings"
        return isinstance(node, ast.Name) and node.id in self._settings_names

    def _subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.Constant) and self.own(node.value) == TABLES:
            self._found.tables.add(str(node.slice.value))
            self._tokens += ["TABLES", repr(node.slice.value)]
        else:
            self._fields(node)

    def _call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        if called in DYNAMIC_READS and node.args and self._is_settings(node.args[0]):
            self._found.settings.add(called)
        self._fields(node)

    def _annotated_assignment(self, node: ast.AnnAssign) -> None:
        if self._scopes and self._scopes[-1][1]:
            # In a class, the annotation makes this a field of a dataclass.
            self._fields(node)
        elif node.value:
            self._visit(ast.Assign([node.target], node.value))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        # Decorators and defaults are evaluated in the enclosing scope.
        self._list([*arguments.defaults, *filter(None, arguments.kw_defaults)])
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += filter(None, [arguments.vararg, arguments.kwarg])
        names: Scope = {one.arg: None for one in every}
        outside = self._scopes
        if not isinstance(node, ast.Lambda):
            self._list(node.decorator_list)
            self._settings_names |= {one.arg for one in every if _is_settings_type(one.annotation)}
            names |= _local_names(node.body)
        self._scopes = [*(scope for scope in outside if not scope[1]), (names, False)]
        self._fields(node, without="decorator_list")
        self._scopes = outside

    def _class(self, node: ast.ClassDef) -> None:
        self._tokens += ["ClassDef", node.name]
        self._list([*node.decorator_list, *node.bases, *node.keywords])
        self._scopes.append((_local_names(node.body), True))
        self._list(node.body)
        self._scopes.pop()

    def _comprehension(self, node: Any) -> None:
        # The first iterable is evaluated in the enclosing scope.
        self._visit(node.generators[0].iter)
        self._scopes.append((dict.fromkeys(_target_names(one.target for one in node.generators)), False))
        self._fields(node)
        self._scopes.pop()


def short_hash(tokens: Iterable[str]) -> str:
    """Hash tokens into 16 hexadecimal digits."""
    return hashlib.sha256("\0".join(tokens).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _assigned_names(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    """Names that an assignment defines; empty if it sets an attribute or an item instead."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    flat = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
    names = [one.id for one in flat if isinstance(one, ast.Name)]
    return names if len(names) == len(flat) else []


def _imported_names(statement: ast.Import | ast.ImportFrom, package: str = "") -> dict[str, Key]:
    """Module and name behind each name that the statement imports."""
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


def _local_names(statements: Iterable[ast.AST]) -> Scope:
    """Names that these statements bind in their scope, and the import behind each, if any.

    Names bound by `:=` are left out; the normalizer adds them when it visits the expression.
    """
    bound: Scope = {}
    outer: set[str] = set()
    waiting = list(statements)
    while waiting:
        node = waiting.pop()
        if isinstance(node, DEFINITIONS):
            bound[node.name] = None
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= _imported_names(node)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            outer |= set(node.names)
        else:
            if isinstance(node, ast.ExceptHandler) and node.name:
                bound[node.name] = None
            for name in TARGETS:
                target = getattr(node, name, None)
                bound |= dict.fromkeys(_target_names(target if isinstance(target, list) else filter(None, [target])))
            if isinstance(node, ast.With | ast.AsyncWith):
                bound |= dict.fromkeys(_target_names(item.optional_vars for item in node.items if item.optional_vars))
            if isinstance(node, ast.match_case):
                bound |= dict.fromkeys(_pattern_names(node.pattern))
            for name in NESTED_STATEMENTS:
                waiting += getattr(node, name, [])
    return {name: imported for name, imported in bound.items() if name not in outer}


def _target_names(targets: Iterable[ast.AST]) -> Iterator[str]:
    """Names that the targets of an assignment bind."""
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Tuple | ast.List):
            yield from _target_names(target.elts)
        elif isinstance(target, ast.Starred):
            yield from _target_names([target.value])


def _pattern_names(pattern: ast.pattern) -> Iterator[str]:
    """Names that the pattern of a `case` binds."""
    for node in ast.walk(pattern):
        name = getattr(node, "rest" if isinstance(node, ast.MatchMapping) else "name", None)
        if name:
            yield name


def _is_settings_type(annotation: ast.AST | None) -> bool:
    return annotation is not None and any(
        getattr(node, "id", getattr(node, "value", None)) == "Settings" for node in ast.walk(annotation)
    )


def stable_repr(value: Any) -> str:
    """Repr of a constant that is the same in every process: members of sets are sorted."""
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(stable_repr, value)))}}}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{stable_repr(name)}: {stable_repr(one)}' for name, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(stable_repr, value))})"
    return repr(value)
