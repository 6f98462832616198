"""Questions that a transform asks while it builds its query, to leave out what no row needs.

What the engine then reads could be a later version of the inputs than the answer: `refresh.frames` marks a table whose
transform asked as outdated if an input changed before it was written. Dagster calls a transform and the writer apart
from each other: `noting_questions` tells the one what the other did.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

_questions: ContextVar[list[DataFrame] | None] = ContextVar("questions", default=None)
_has_asked: ContextVar[bool] = ContextVar("has_asked", default=False)


def ask(question: DataFrame) -> list[Row]:
    """Compute these rows now. To be used by transforms instead of `collect`."""
    _note(question)
    return question.collect()


def ask_table(question: DataFrame) -> pa.Table:
    """Compute these rows now, as an Arrow table: for many of them."""
    _note(question)
    return question.toArrow()


def _note(question: DataFrame) -> None:
    questions = _questions.get()
    if questions is not None:
        questions.append(question)


def has_rows(rows: DataFrame) -> bool:
    """Whether there is a row; asked now, in about 20 ms for a table of a lake."""
    return bool(ask(rows.select(F.lit(1).alias("one")).limit(1)))


@contextmanager
def noted_questions() -> Iterator[list[DataFrame]]:
    """Within it, each question is added to the list."""
    questions: list[DataFrame] = []
    token = _questions.set(questions)
    try:
        yield questions
    finally:
        _questions.reset(token)


def noting_questions(compute: Callable[..., Any]) -> Callable[..., Any]:
    """The function, of which `has_asked` then says whether its last call in this context asked."""

    @functools.wraps(compute)
    def noting(*args: Any, **options: Any) -> Any:
        with noted_questions() as questions:
            computed = compute(*args, **options)
        _has_asked.set(bool(questions))
        return computed

    return noting


def has_asked() -> bool:
    """Whether the last call of a function of `noting_questions` asked."""
    return _has_asked.get()
