"""Questions that a transform asks while it builds its query, to leave out what no row needs.

What the engine then reads could be a later version of the inputs than the answer: `refresh.frames` marks a table whose
transform asked as outdated if an input changed before it was written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

_questions: ContextVar[list[DataFrame] | None] = ContextVar("questions", default=None)


def ask(question: DataFrame) -> list[Row]:
    """Compute these rows now. To be used by transforms instead of `collect`."""
    questions = _questions.get()
    if questions is not None:
        questions.append(question)
    return question.collect()


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
