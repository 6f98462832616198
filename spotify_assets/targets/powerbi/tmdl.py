"""Text of TMDL, the Tabular Model Definition Language: objects, properties and expressions, indented by tabs.

Grammar: https://learn.microsoft.com/analysis-services/tmdl/tmdl-overview
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

# Names and tags of objects are hashes of what they name, so that writing them again changes nothing.
NAMESPACE = UUID("7e6d1f0c-6f0e-5a5e-9a3c-2f1f6b9f7a11")
QUOTED = re.compile(r"[.=:'\s]")
BROKEN = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def tag(*path: str) -> str:
    """The UUID of an object, by the names that lead to it; the same each time."""
    # A name can't hold the separator: `quote_name` refuses it.
    return str(uuid5(NAMESPACE, "\n".join(path)))


def quote_name(name: str) -> str:
    """The name of an object, in single quotes where TMDL needs them.

    Raises:
        ValueError: It is empty or has a control character or line break, which TMDL can't express.
    """
    if not name or BROKEN.search(name):
        raise ValueError(f"{name!r} can't be a name in TMDL: it is empty, or has control characters")
    return "'" + name.replace("'", "''") + "'" if QUOTED.search(name) else name


def quote_text(text: str) -> str:
    """The text of a property, in double quotes where it would be read as another one.

    Raises:
        ValueError: It has more than one line.
    """
    if BROKEN.search(text):
        raise ValueError(f"{text!r} can't be a property in TMDL: it has control characters or several lines")
    if text != text.strip() or '"' in text or not text:
        return '"' + text.replace('"', '""') + '"'
    return text


@dataclass(frozen=True)
class Expression:
    """DAX or M, which is written verbatim after `=`, from the next line on if it has several lines."""

    text: str


@dataclass(frozen=True)
class Reference:
    """Names of a referenced object, from the outermost: `table.column`."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(map(quote_name, self.names))


# Text, a switch, a reference, or an expression; None leaves the property out.
Value = str | int | bool | Reference | Expression | None


@dataclass(frozen=True)
class Node:
    """An object of TMDL.

    Attributes:
        kind: Type of the object, as `table`.
        name: Its name; None for an object that has none.
        default: What is assigned to it in its declaration: an expression, or the text of an annotation.
        properties: Values by property, in order.
        children: Objects in it.
        description: Written above it as `///`.
    """

    kind: str
    name: str | None = None
    default: Expression | str | None = None
    properties: dict[str, Value] = field(default_factory=dict)
    children: Sequence["Node"] = ()
    description: str = ""


def render(nodes: Sequence[Node]) -> str:
    """A document of these objects at its top level; references of one kind stand in lines below each other."""
    parts = []
    for before, node in zip([None, *nodes], nodes, strict=False):
        is_next = before is not None and node.kind.startswith("ref ") and before.kind == node.kind
        parts.append(("" if before is None else "\n" if is_next else "\n\n") + "\n".join(_lines(node, 0)))
    return "".join(parts) + "\n"


def _lines(node: Node, level: int) -> Iterator[str]:
    indent = "\t" * level
    for line in node.description.splitlines():
        yield f"{indent}/// {line.strip()}".rstrip()
    declaration = node.kind if node.name is None else f"{node.kind} {quote_name(node.name)}"
    if node.default is None:
        yield indent + declaration
    else:
        yield from _assignment(declaration, node.default, level)
    for name, value in node.properties.items():
        yield from _property(name, value, level + 1)
    for child in node.children:
        yield ""
        yield from _lines(child, level + 1)


def _property(name: str, value: Value, level: int) -> Iterator[str]:
    indent = "\t" * level
    if value is None:
        return
    if value is True:
        yield indent + name
    elif value is False:
        yield f"{indent}{name}: false"
    elif isinstance(value, Expression):
        yield from _assignment(name, value, level)
    elif isinstance(value, str):
        yield f"{indent}{name}: {quote_text(value)}"
    else:
        yield f"{indent}{name}: {value}"


def _assignment(left: str, value: Expression | str, level: int) -> Iterator[str]:
    text = value.text if isinstance(value, Expression) else value
    indent = "\t" * level
    lines = text.strip().splitlines()
    if len(lines) == 1:
        yield f"{indent}{left} = {lines[0]}"
        return
    yield f"{indent}{left} ="
    # Deeper than the properties of the object.
    yield from (f"{indent}\t\t{line}".rstrip() if line.strip() else "" for line in lines)
