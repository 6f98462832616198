"""A strict parser of the part of TMDL that projects use, from its documented grammar.

https://learn.microsoft.com/analysis-services/tmdl/tmdl-overview

- Structure is indentation by single tabs: an object's properties and children are one level deeper.
- A name with a dot, equals sign, colon, quote or blank is in single quotes, which are doubled in it.
- `name: value` is a property; a name alone is a true one; `=` assigns expressions and defaults.
- An expression of several lines starts in the line after `=`, deeper than the object's properties.
- `///` describes the object that follows in the next line.
"""

import re
from dataclasses import dataclass, field

NAME = re.compile(r"'(?:[^']|'')+'|[^.=:'\s]+")
TEXT, FLAG, EXPRESSION, REFERENCE = "text", "flag", "expression", "reference"

# By kind of object: its properties with their types, its children, and whether a default is "must", "may" or "no".
KINDS: dict[str, tuple[dict[str, str], set[str], str]] = {
    "database": ({"compatibilityLevel": TEXT}, set(), "no"),
    "model": (
        {"culture": TEXT, "defaultPowerBIDataSourceVersion": TEXT, "sourceQueryCulture": TEXT},
        {"annotation"},
        "no",
    ),
    "ref table": ({}, set(), "no"),
    "annotation": ({}, set(), "must"),
    "expression": ({"lineageTag": TEXT}, {"annotation"}, "must"),
    "relationship": ({"isActive": FLAG, "fromColumn": REFERENCE, "toColumn": REFERENCE}, set(), "no"),
    "table": ({"lineageTag": TEXT, "dataCategory": TEXT}, {"measure", "column", "partition"}, "no"),
    "measure": ({"formatString": TEXT, "displayFolder": TEXT, "lineageTag": TEXT}, set(), "must"),
    "column": (
        {
            "dataType": TEXT,
            "isHidden": FLAG,
            "isKey": FLAG,
            "formatString": TEXT,
            "lineageTag": TEXT,
            "summarizeBy": TEXT,
            "sourceColumn": TEXT,
            "sortByColumn": REFERENCE,
        },
        {"annotation"},
        "may",
    ),
    "partition": ({"mode": TEXT, "source": EXPRESSION}, set(), "must"),
}
TOP_LEVEL = {"database", "model", "ref table", "annotation", "expression", "relationship", "table"}
VALUES = {
    "dataType": {"string", "int64", "double", "decimal", "dateTime", "boolean"},
    "summarizeBy": {"none", "sum", "min", "max", "count", "average", "distinctCount"},
    "mode": {"import", "directQuery"},
    "dataCategory": {"Time"},
}


class GrammarError(Exception):
    """A line isn't TMDL."""


@dataclass
class Parsed:
    """An object that was read."""

    kind: str
    name: str
    default: str | None = None
    description: str = ""
    properties: dict[str, object] = field(default_factory=dict)
    children: list["Parsed"] = field(default_factory=list)

    def of_kind(self, kind: str) -> dict[str, "Parsed"]:
        """Its children of a kind, by name."""
        return {child.name: child for child in self.children if child.kind == kind}


def parse(text: str) -> list[Parsed]:
    """The objects of a document."""
    return Parser(text).objects(0, TOP_LEVEL)


def unquote(name: str) -> str:
    """A name without its quotes."""
    if NAME.fullmatch(name) is None:
        raise GrammarError(f"{name!r} is no name")
    return name[1:-1].replace("''", "'") if name.startswith("'") else name


class Parser:
    """Reads one document."""

    def __init__(self, text: str) -> None:
        if not text.endswith("\n") or "\r" in text:
            raise GrammarError("expected lines that end with LF")
        self.lines = text[:-1].split("\n")
        self.at = 0

    def objects(self, level: int, kinds: set[str]) -> list[Parsed]:
        found: list[Parsed] = []
        while (line := self._next(level)) is not None:
            description = []
            while line.startswith("///"):
                description.append(line[3:].strip())
                self.at += 1
                # Nothing, not even a blank line, may come between.
                if self.at == len(self.lines) or self._level(self.lines[self.at]) != level:
                    raise GrammarError(f"line {self.at}: a description of nothing")
                line = self.lines[self.at][level:]
            found.append(self._object(line, level, kinds))
            found[-1].description = "\n".join(description)
        return found

    def _object(self, line: str, level: int, kinds: set[str]) -> Parsed:
        kind = next((kind for kind in KINDS if line == kind or line.startswith(f"{kind} ")), None)
        if kind not in kinds:
            raise GrammarError(f"line {self.at + 1}: {line!r} isn't allowed here")
        matched = NAME.match(line, len(kind) + 1)
        if matched is None:
            raise GrammarError(f"line {self.at + 1}: {line!r} has no name")
        types, children, default = KINDS[kind]
        rest = line[matched.end() :]
        read = Parsed(kind, unquote(matched[0]))
        self.at += 1
        if rest:
            if default == "no" or not rest.startswith(" ="):
                raise GrammarError(f"line {self.at}: {rest!r} after the name")
            read.default = self._value(rest[2:].strip(), level)
        elif default == "must":
            raise GrammarError(f"line {self.at}: {line!r} assigns nothing")
        while (following := self._following(level + 1)) is not None:
            self._read_property(read, following, types, level + 1)
        read.children = self.objects(level + 1, children)
        return read

    def _read_property(self, read: Parsed, line: str, types: dict[str, str], level: int) -> None:
        name = re.match(r"\w+", line)
        type_ = types.get(name[0]) if name else None
        if name is None or type_ is None or name[0] in read.properties:
            raise GrammarError(f"line {self.at + 1}: {line!r} is no property of a {read.kind}, or is there twice")
        rest = line[name.end() :]
        self.at += 1
        if type_ == EXPRESSION and rest.startswith(" ="):
            read.properties[name[0]] = self._value(rest[2:].strip(), level)
        elif type_ == FLAG and rest in ("", ": true", ": false"):
            read.properties[name[0]] = rest != ": false"
        elif type_ in (TEXT, REFERENCE) and rest.startswith(": "):
            read.properties[name[0]] = self._text(rest[2:], type_)
        else:
            raise GrammarError(f"line {self.at}: {line!r} has no value of its type")
        if name[0] in VALUES and read.properties[name[0]] not in VALUES[name[0]]:
            raise GrammarError(f"line {self.at}: {line!r} has no value of those that there are")

    def _text(self, value: str, type_: str) -> object:
        if type_ == REFERENCE:
            names = NAME.findall(value)
            if ".".join(names) != value:
                raise GrammarError(f"{value!r} is no reference")
            return tuple(map(unquote, names))
        if value != value.strip():
            raise GrammarError(f"{value!r} would lose blanks")
        if value.startswith('"'):
            if re.fullmatch(r'"(?:[^"]|"")*"', value) is None:
                raise GrammarError(f"{value!r} has a quote that isn't doubled")
            return value[1:-1].replace('""', '"')
        return value

    def _value(self, value: str, level: int) -> str:
        """The default or expression after `=`, of this line or of the deeper ones that follow."""
        if value:
            return value
        lines = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.strip() and self._level(line) < level + 2:
                break
            lines.append(line[level + 2 :])
            self.at += 1
        # Blank lines at the end aren't part of it.
        while lines and not lines[-1]:
            lines.pop()
        if not lines:
            raise GrammarError(f"line {self.at}: an expression of no line")
        return "\n".join(lines)

    def _following(self, level: int) -> str | None:
        """The next line, if it is a property at this level: these stand above all children."""
        if self.at == len(self.lines) or not self.lines[self.at] or self._level(self.lines[self.at]) != level:
            return None
        line = self.lines[self.at][level:]
        return None if line.startswith("///") else line

    def _next(self, level: int) -> str | None:
        """The next line that isn't blank, if it is at this level; an error if it is deeper."""
        while self.at < len(self.lines) and not self.lines[self.at]:
            self.at += 1
        if self.at == len(self.lines):
            return None
        found = self._level(self.lines[self.at])
        if found > level:
            raise GrammarError(f"line {self.at + 1}: {self.lines[self.at]!r} is too deep")
        return self.lines[self.at][level:] if found == level else None

    def _level(self, line: str) -> int:
        level = len(line) - len(line.lstrip("\t"))
        if line != line.rstrip() or (line[level : level + 1] == " " and not self._in_expression(level)):
            raise GrammarError(f"line {self.at + 1}: {line!r} is indented by blanks, or ends with one")
        return level

    def _in_expression(self, level: int) -> bool:
        """Whether blanks after the tabs may belong to M or DAX: deeper than any object or property."""
        return level >= 3
