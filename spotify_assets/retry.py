"""Retry with exponential backoff and jitter.

Jitter keeps two writers that collided once from colliding again; exponential backoff keeps requests from piling up on
a server that restarts.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Backoff:
    """Number of attempts, and the waits between them.

    The n-th wait is random, from half of `first_wait` up to `first_wait` * 2**(n - 1), and at most `longest_wait`.

    Attributes:
        attempts: Total number, including the first.
        first_wait: Seconds.
        longest_wait: Seconds.
    """

    attempts: int
    first_wait: float
    longest_wait: float


# With four processes that write one Delta table, every other attempt fails because another commit was first. All waits
# add up to some 12 s, by which time few writers are left.
COMMIT_CONFLICT = Backoff(attempts=12, first_wait=0.4, longest_wait=2.5)
# Compacting a table takes seconds, in which a sync commits to it more than once.
COMPACTION_CONFLICT = Backoff(attempts=8, first_wait=1, longest_wait=6)
# A database server restarts within some seconds; after a deadlock, the next attempt usually succeeds.
DATABASE = Backoff(attempts=4, first_wait=1, longest_wait=8)
# boto3 retries requests itself. What remains: a connection lost in the middle of a response, or a catalog table that
# another writer created or dropped in between.
AWS = Backoff(attempts=4, first_wait=0.4, longest_wait=2)
# The Web API responds with 502 and 503 for some seconds at a time.
WEB_API = Backoff(attempts=5, first_wait=0.75, longest_wait=30)


def retry(
    work: Callable[[], T],
    backoff: Backoff,
    when: type[Exception] | Callable[[Exception], bool],
    *,
    sleep: Callable[[float], Any] = time.sleep,
) -> T:
    """Call `work` until it succeeds, and return its result.

    Args:
        work: Called once per attempt. It has to read its inputs again each time.
        backoff: Number of attempts and waits.
        when: Errors to retry: an exception class, or a function that returns whether to retry an error.
        sleep: Waits a number of seconds; `Event.wait`, for example, makes waits interruptible.

    Raises:
        Exception: The error of `work`, if it is not to be retried or the last attempt failed.
    """

    def is_retried(error: BaseException) -> bool:
        if isinstance(when, type):
            return isinstance(error, when)
        return isinstance(error, Exception) and when(error)

    attempts = Retrying(
        stop=stop_after_attempt(backoff.attempts),
        wait=wait_random_exponential(backoff.first_wait, backoff.longest_wait, min=backoff.first_wait / 2),
        retry=retry_if_exception(is_retried),
        before_sleep=_log_retry,
        reraise=True,
        sleep=sleep,
    )
    return attempts(work)


def _log_retry(state: RetryCallState) -> None:
    """Log the error's class only: messages of database errors quote rows."""
    assert state.outcome is not None
    assert state.next_action is not None
    log.debug(
        "%s, attempt %d: %s, next in %.1f s",
        getattr(state.fn, "__qualname__", state.fn),
        state.attempt_number,
        type(state.outcome.exception()).__name__,
        state.next_action.sleep,
    )
