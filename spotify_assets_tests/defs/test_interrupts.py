import os
import signal

import pytest

from spotify_assets.defs.interrupts import noted_signal, raise_if_stopped, raising_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_although_somebody_else_handles_it(number):
    with raising_signals():
        former = signal.signal(number, lambda *_: None)  # as Dagster does during a run
        os.kill(os.getpid(), number)
        signal.signal(number, former)
        assert noted_signal() == number
        with pytest.raises(KeyboardInterrupt):
            raise_if_stopped()
    assert noted_signal() is None
    raise_if_stopped()


def test_signals_that_a_script_ignores_for_its_background_processes_stop_a_command():
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with raising_signals(), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)
