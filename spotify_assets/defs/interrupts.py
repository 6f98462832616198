"""Signals that stop a sync: SIGINT, as Ctrl-C sends it, and SIGTERM.

During a run, Dagster replaces the handlers of both, raises an error of its own, and drops a signal that arrives while
a run ends. Python's wakeup descriptor notes every signal, whoever handles it.
"""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STOP_SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

_noted: list[socket.socket] = []


class CommandStoppedError(Exception):
    """A signal stopped the command; the message says what was done until then."""


@contextmanager
def noting_signals() -> Iterator[None]:
    """Context in which both signals are noted, by the main thread. Who handles them stays as it is."""
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        former = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        _noted.append(reader)
        try:
            yield
        finally:
            _noted.pop()
            signal.set_wakeup_fd(former)


@contextmanager
def raising_signals() -> Iterator[None]:
    """Context in which both signals raise KeyboardInterrupt, and are noted.

    Background processes of a script ignore SIGINT, and Dagster hands that on to SIGTERM: so SIGINT gets a handler too.
    """
    with noting_signals():
        handlers = {number: signal.signal(number, signal.default_int_handler) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def noted_signal() -> signal.Signals | None:
    """The first of both signals that arrived; None if none did."""
    for reader in _noted[-1:]:
        with suppress(BlockingIOError):
            for number in reader.recv(4096, socket.MSG_PEEK):
                if number in STOP_SIGNALS:
                    return signal.Signals(number)
    return None


def raise_if_stopped() -> None:
    """Raise KeyboardInterrupt if one of both signals arrived."""
    if noted_signal():
        raise KeyboardInterrupt


def ignore_signals() -> None:
    """Ignore both signals, so that another Ctrl-C doesn't interrupt what is said about the first."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
