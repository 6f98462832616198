"""Write a Power BI project into a folder, and write it again later without losing what a person made of it.

Beside the project, `NAME.written.json` keeps the hash of each file as it was written. A file that has another hash was
changed by a person, or by Power BI, which writes all files of a semantic model when it saves.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spotify_assets.model import TABLES
from spotify_assets.targets.powerbi.relationships import LeftOut, Relationship
from spotify_assets.targets.powerbi.report import report_files
from spotify_assets.targets.powerbi.semantic_model import SemanticModel, default_tables
from spotify_assets.targets.powerbi.sources import PowerBISource
from spotify_assets.targets.powerbi.tmdl import tag

SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"
# Not in names of files on Windows, where Power BI runs.
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
MAX_NAME = 100


class ProjectError(Exception):
    """A project can't be written; nothing was. The message says why, and what to do."""


@dataclass(frozen=True)
class WrittenProject:
    """What was written.

    Attributes:
        path: The `.pbip` file, which Power BI opens.
        model: The semantic model.
        files: Number of files that were written or were already as they should be.
        kept: Files of the report that a person changed, and that stayed so.
    """

    path: Path
    model: SemanticModel
    files: int
    kept: tuple[str, ...]

    @property
    def relationships(self) -> list[Relationship]:
        """Relationships of the model."""
        return self.model.relationships

    @property
    def left_out(self) -> list[LeftOut]:
        """Foreign keys that are no relationships."""
        return self.model.left_out


def write_project(
    folder: Path, name: str, source: PowerBISource, tables: Sequence[str] = (), *, replace_changed: bool = False
) -> WrittenProject:
    """Write `NAME.pbip`, `NAME.SemanticModel/` and `NAME.Report/` into a folder, which is created.

    Files that were written before are replaced, or removed where the project has them no more. Files of the semantic
    model that were changed since are an error; of the report, they stay. Files that others added stay.

    Args:
        folder: Where the project is to be.
        name: Its name.
        source: Where Power BI reads the tables from.
        tables: Names of tables; `default_tables` if empty.
        replace_changed: Replace files of the semantic model that were changed since, too.

    Raises:
        ProjectError: The name or a table is none, files of that name are not this project's, or were changed since.
    """
    model = SemanticModel(check_name(name), _selected(tables), source)
    files = {path: text.encode() for path, text in _project_files(model).items()}
    written = _read_hashes(folder, name)
    present = {path: digest for path in {*files, *written} if (digest := _hash_of(folder / path))}
    if not written and (others := _others(folder, name)):
        raise ProjectError(
            f"{folder / others[0]} is there, and spotify-assets didn't write it (or {_manifest(name)} is gone); "
            "choose another --name or --into, or move it away"
        )
    new = {path: _hash(content) for path, content in files.items()}
    changed = sorted(
        path for path, digest in present.items() if digest not in written.get(path, ()) and digest != new.get(path)
    )
    kept = tuple(path for path in changed if _is_report(name, path))
    to_replace = [path for path in changed if path not in kept]
    if to_replace and not replace_changed:
        raise ProjectError(
            f"{len(to_replace)} files of {name} were changed since they were written, by Power BI or by you, as "
            f"{to_replace[0]}: --force replaces them, and what you added to these tables is lost; tables of your own, "
            "and the report, stay"
        )
    gone = [path for path in present if path not in files and path not in kept]
    # First what may be there from now on: a run that is killed is taken up by the next one.
    either = {path: [*written.get(path, ()), *([new[path]] if path in new else [])] for path in {*written, *new}}
    for path in to_replace:
        either[path].append(present[path])
    _write_whole(folder / _manifest(name), _as_json(either))
    for path in gone:
        (folder / path).unlink()
        _remove_empty_folders((folder / path).parent, folder)
    for path, content in files.items():
        if path not in kept and present.get(path) != new[path]:
            _write_whole(folder / path, content)
    # Of a kept file, what was written last: it stays changed.
    _write_whole(folder / _manifest(name), _as_json({path: [digest] for path, digest in new.items()}))
    return WrittenProject(folder / f"{name}.pbip", model, len(files) - len(kept), kept)


def check_name(name: str) -> str:
    """The project's name, if files can have it, also on Windows.

    Raises:
        ProjectError: They can't.
    """
    if (
        not name
        or len(name) > MAX_NAME
        or FORBIDDEN.search(name)
        or RESERVED.fullmatch(name)
        or name != name.strip(" .")
    ):
        raise ProjectError(
            f"{name!r} can't be the project's name: expected at most {MAX_NAME} characters, none of "
            '<>:"/\\|?*, no dot or blank at either end, and no name that Windows reserves'
        )
    return name


def _selected(tables: Sequence[str]) -> tuple[str, ...]:
    if unknown := [name for name in tables if name not in TABLES]:
        raise ProjectError(f"{unknown[0]!r} is no table; docs/data_model.md has them")
    if hidden := [name for name in tables if TABLES[name].layer not in ("dimensions", "facts", "metrics")]:
        raise ProjectError(f"{hidden[0]} is a {TABLES[hidden[0]].layer} table: expected dimensions, facts or metrics")
    # In the model's order, once each.
    return tuple(name for name in TABLES if name in (tables or default_tables()))


def _project_files(model: SemanticModel) -> dict[str, str]:
    """Text of each file by path."""
    name = model.name
    semantic_model, report = f"{name}.SemanticModel", f"{name}.Report"
    objects = {
        f"{name}.pbip": {
            "$schema": f"{SCHEMAS}/pbip/pbipProperties/1.0.0/schema.json",
            "version": "1.0",
            "artifacts": [{"report": {"path": report}}],
            "settings": {"enableAutoRecovery": True},
        },
        f"{semantic_model}/.platform": _platform(name, "SemanticModel"),
        f"{semantic_model}/definition.pbism": {
            "$schema": f"{SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json",
            # From 4.0 on, the definition may be TMDL.
            "version": "4.0",
            "settings": {},
        },
        f"{report}/.platform": _platform(name, "Report"),
        f"{report}/definition.pbir": {
            "$schema": f"{SCHEMAS}/item/report/definitionProperties/2.0.0/schema.json",
            # From 4.0 on, the definition may be PBIR.
            "version": "4.0",
            "datasetReference": {"byPath": {"path": f"../{semantic_model}"}},
        },
        **{f"{report}/definition/{path}": found for path, found in report_files(model.tables).items()},
    }
    return {f"{semantic_model}/definition/{path}": text for path, text in model.files().items()} | {
        path: json.dumps(found, indent=2, ensure_ascii=False) + "\n" for path, found in objects.items()
    }


def _platform(name: str, kind: str) -> dict[str, object]:
    return {
        "$schema": f"{SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
        "metadata": {"type": kind, "displayName": name},
        "config": {"version": "2.0", "logicalId": tag("item", kind, name)},
    }


def _manifest(name: str) -> str:
    return f"{name}.written.json"


def _is_report(name: str, path: str) -> bool:
    return path.startswith(f"{name}.Report/")


def _others(folder: Path, name: str) -> list[str]:
    """Files and folders of the project's names that are there."""
    return [one for one in (f"{name}.pbip", f"{name}.SemanticModel", f"{name}.Report") if (folder / one).exists()]


def _read_hashes(folder: Path, name: str) -> dict[str, list[str]]:
    """Hashes that each written file may have; none without a file of them."""
    path = folder / _manifest(name)
    if not path.exists():
        return {}
    try:
        hashes = json.loads(path.read_text("utf-8"))
        # Files are removed by it: it names none outside of the project.
        roots = (f"{name}.SemanticModel/", f"{name}.Report/")
        valid = all(
            (one == f"{name}.pbip" or one.startswith(roots)) and ".." not in one.split("/") and "\\" not in one
            for one in hashes
        ) and all(isinstance(digests, list) for digests in hashes.values())
    except (ValueError, AttributeError):
        valid = False
    if not valid:
        raise ProjectError(f"{path} is damaged; move the project away, or choose another --name")
    return dict(hashes)


def _hash_of(path: Path) -> str | None:
    try:
        return _hash(path.read_bytes())
    except FileNotFoundError:
        return None


def _hash(content: bytes) -> str:
    # Git may change the ends of lines.
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _as_json(hashes: Mapping[str, Sequence[str]]) -> bytes:
    return (json.dumps(hashes, indent=2, sort_keys=True) + "\n").encode()


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file whole: a killed run leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)


def _remove_empty_folders(path: Path, top: Path) -> None:
    while path != top and not any(path.iterdir()):
        path.rmdir()
        path = path.parent
