"""Many conditions of which any is enough."""

from collections.abc import Sequence
from typing import Any, TypeVar

Condition = TypeVar("Condition", bound=Any)


def any_of(conditions: Sequence[Condition]) -> Condition:
    """One or more conditions, of Spark or of Arrow, joined by `|`.

    Halves are joined, and their halves: a chain of fifty is nested deeper than a message of Spark Connect may be.
    """
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return any_of(conditions[:middle]) | any_of(conditions[middle:])
