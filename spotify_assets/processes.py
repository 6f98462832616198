"""Whether a process of this machine still runs."""

import socket

import psutil

# Seconds by which the clock may be adjusted meanwhile: psutil computes start times from the current clock.
CLOCK_STEP = 60


def is_alive(process: str, since: float | None) -> bool | None:
    """Whether a process runs; None where it can't be known: the process is another machine's, or none at all.

    Args:
        process: `host:pid`.
        since: Unix time at which it ran. A process that started later is another one, as ids are reused.
    """
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return None
    try:
        found = psutil.Process(int(pid))
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        return since is None or found.create_time() <= since + CLOCK_STEP
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False
