"""Kinds of damage to a Delta table on disk."""

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable

KINDS: dict[str, Callable[[Path], None]] = {}


def kind(damage: Callable[[Path], None]) -> Callable[[Path], None]:
    KINDS[damage.__name__] = damage
    return damage


def entries(table: Path) -> list[Path]:
    """Entries of the table's log, in order of their version."""
    return sorted((table / "_delta_log").glob("*.json"))


def data_file(table: Path) -> Path:
    return table / unquote(DeltaTable(str(table)).get_add_actions()["path"][0].as_py())


def checkpoint(table: Path) -> Path:
    DeltaTable(str(table)).create_checkpoint()
    return next((table / "_delta_log").glob("*.checkpoint.parquet"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@kind
def file_gone(table: Path) -> None:
    data_file(table).unlink()


@kind
def file_cut(table: Path) -> None:
    cut(data_file(table))


@kind
def file_empty(table: Path) -> None:
    data_file(table).write_bytes(b"")


@kind
def first_entry_gone(table: Path) -> None:
    entries(table)[0].unlink()


@kind
def first_entry_of_many_gone(table: Path) -> None:
    for _ in range(3):
        DeltaTable(str(table)).alter.set_table_properties({"delta.logRetentionDuration": "interval 3650 days"})
    entries(table)[0].unlink()


@kind
def entry_cut(table: Path) -> None:
    cut(entries(table)[-1])


@kind
def entry_zeroed(table: Path) -> None:
    entry = entries(table)[-1]
    entry.write_bytes(b"\0" * entry.stat().st_size)


@kind
def entry_empty(table: Path) -> None:
    entries(table)[-1].write_bytes(b"")


@kind
def entry_between_gone(table: Path) -> None:
    for _ in range(2):
        DeltaTable(str(table)).alter.set_table_properties({"delta.logRetentionDuration": "interval 3650 days"})
    entries(table)[-2].unlink()


@kind
def checkpoint_cut(table: Path) -> None:
    cut(checkpoint(table))


@kind
def checkpoint_gone(table: Path) -> None:
    checkpoint(table).unlink()


@kind
def file_instead_of_folder(table: Path) -> None:
    shutil.rmtree(table)
    table.write_text("no table")


@kind
def file_instead_of_log(table: Path) -> None:
    shutil.rmtree(table / "_delta_log")
    (table / "_delta_log").write_text("no log")
