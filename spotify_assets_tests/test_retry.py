import logging
from collections.abc import Callable, Iterable

import pytest

from spotify_assets.retry import Backoff, retry

BACKOFF = Backoff(attempts=5, first_wait=1, longest_wait=3)


class PassingError(Exception):
    pass


def failing(*errors: BaseException) -> Callable[[], str]:
    """Work that raises each of these, and then succeeds."""
    left: Iterable[BaseException] = iter(errors)

    def work() -> str:
        for error in left:
            raise error
        return "done"

    return work


def test_what_passes_is_attempted_again_until_it_succeeds():
    waits = []
    assert retry(failing(PassingError(), PassingError()), BACKOFF, PassingError, sleep=waits.append) == "done"
    assert len(waits) == 2


def test_nothing_waits_after_success():
    waits = []
    assert retry(failing(), BACKOFF, PassingError, sleep=waits.append) == "done"
    assert waits == []


def test_the_last_attempt_raises_its_own_error():
    errors = [PassingError(str(number)) for number in range(1, 9)]
    waits = []
    with pytest.raises(PassingError, match="5"):
        retry(failing(*errors), BACKOFF, PassingError, sleep=waits.append)
    assert len(waits) == 4


def test_waits_are_random_and_double_up_to_the_longest():
    runs = []
    for _ in range(200):
        waits = []
        retry(failing(*[PassingError()] * 4), BACKOFF, PassingError, sleep=waits.append)
        runs.append(waits)
    for waits, longest in zip(zip(*runs, strict=True), (1, 2, 3, 3), strict=True):
        assert all(0.5 <= wait <= longest for wait in waits)
        assert max(waits) > longest * 0.9
        assert len(set(waits)) > 100


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit()])
def test_any_other_error_is_raised_at_once(error):
    waits = []
    with pytest.raises(type(error)):
        retry(failing(error), BACKOFF, PassingError, sleep=waits.append)
    assert waits == []


def test_a_function_may_judge_the_error_but_not_an_interrupt():
    waits = []
    assert retry(failing(OSError("later")), BACKOFF, lambda e: "later" in str(e), sleep=waits.append) == "done"
    with pytest.raises(OSError, match="never"):
        retry(failing(OSError("never")), BACKOFF, lambda e: "later" in str(e), sleep=waits.append)
    with pytest.raises(KeyboardInterrupt):
        retry(failing(KeyboardInterrupt()), BACKOFF, lambda _: True, sleep=waits.append)
    assert len(waits) == 1


def test_attempts_are_logged_without_the_errors_message(caplog):
    caplog.set_level(logging.DEBUG, "spotify_assets.retry")
    retry(failing(PassingError("anna heard Song")), BACKOFF, PassingError, sleep=lambda _: None)
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert "attempt 1: PassingError, next in" in record.getMessage()
    assert "anna" not in record.getMessage()
