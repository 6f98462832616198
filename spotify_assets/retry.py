"""Retry what may succeed a little later, after random waits that grow exponentially.

Waits are random so that two writers that met once don't meet again, and grow so that a server that restarts is not
asked more often than it can answer.
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
    """How often something is attempted, and how long each wait may be.

    The n-th wait is random, from half of `first_wait` up to `first_wait` * 2**(n - 1), and at most `longest_wait`.

    Attributes:
        attempts: All of them, the first included.
        first_wait: Seconds.
        longest_wait: Seconds.
    """

    attempts: int
    first_wait: float
    longest_wait: float


# Of four processes that write one Delta table, every other attempt meets a commit that was first. Waits add up to some
# 12 s; the one who waited longest is then nearly alone.
COMMIT_CONFLICT = Backoff(attempts=12, first_wait=0.4, longest_wait=2.5)
# To compact a table takes seconds, in which a sync commits to it more than once.
COMPACTION_CONFLICT = Backoff(attempts=8, first_wait=1, longest_wait=6)
# A database server that restarts is back within some seconds; a deadlock is over at once.
DATABASE = Backoff(attempts=4, first_wait=1, longest_wait=8)
# boto3 retries requests itself. What is left is over at once: a connection that broke within an answer, a catalogue's
# table that somebody else made or dropped in between.
AWS = Backoff(attempts=4, first_wait=0.4, longest_wait=2)
# The Web API answers 502 and 503 for some seconds at a time.
WEB_API = Backoff(attempts=5, first_wait=0.75, longest_wait=30)


def retry(
    work: Callable[[], T],
    backoff: Backoff,
    when: type[Exception] | Callable[[Exception], bool],
    *,
    sleep: Callable[[float], Any] = time.sleep,
) -> T:
    """Call `work` until it succeeds, and return what it returns.

    Args:
        work: Is called anew for each attempt, and so has to begin anew: what it needs it reads again.
        backoff: How often, and after which waits.
        when: Which errors may pass: a class of them, or a function that judges one.
        sleep: Waits so many seconds; as `Event.wait`, where the wait may be cut short.

    Raises:
        Exception: what `work` raised, where that can't pass, or at the last attempt.
    """

    def may_pass(error: BaseException) -> bool:
        if isinstance(when, type):
            return isinstance(error, when)
        return isinstance(error, Exception) and when(error)

    attempts = Retrying(
        stop=stop_after_attempt(backoff.attempts),
        wait=wait_random_exponential(backoff.first_wait, backoff.longest_wait, min=backoff.first_wait / 2),
        retry=retry_if_exception(may_pass),
        before_sleep=_log,
        reraise=True,
        sleep=sleep,
    )
    return attempts(work)


def _log(state: RetryCallState) -> None:
    """The error's class alone: the message of a database's error quotes rows."""
    assert state.outcome is not None
    assert state.next_action is not None
    log.debug(
        "%s, attempt %d: %s, next in %.1f s",
        getattr(state.fn, "__qualname__", state.fn),
        state.attempt_number,
        type(state.outcome.exception()).__name__,
        state.next_action.sleep,
    )
