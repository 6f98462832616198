"""Modules that load on first use, for processes that only declare what others run.

Dagster's code server loads all definitions and stays; runs are processes of their own. PyArrow, DuckDB, NumPy and what
runs need of PySpark would take 50 MB of it for good, and a second of each start.
"""

from importlib import import_module
from types import ModuleType
from typing import Any


class LazyModule(ModuleType):
    """Stands for a module, and imports it when an attribute is read."""

    def __getattr__(self, name: str) -> Any:
        module = import_module(self.__name__)
        found = getattr(module, name)
        setattr(self, name, found)  # the next time, this method isn't called
        return found


def lazy_module(name: str) -> LazyModule:
    """The module, which is imported when one of its attributes is read.

    For `else` after `if TYPE_CHECKING: import name`. Annotations that name it must not be evaluated when functions are
    defined: `from __future__ import annotations`, or quotes.
    """
    return LazyModule(name)
