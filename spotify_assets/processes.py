"""Whether a process of this machine still runs."""

import os
import socket
from pathlib import Path

# Seconds by which the clock may be adjusted meanwhile: psutil computes start times from the current clock.
CLOCK_STEP = 60


def this_process() -> str:
    """The current process as `is_alive` takes it: `host:pid:start`, without `:start` where that isn't known."""
    return ":".join(filter(None, (socket.gethostname(), str(os.getpid()), start_mark(os.getpid()))))


def start_mark(pid: int) -> str:
    """Which boot of the machine a process started in, and when, by a clock that can't be set; empty if not known.

    Linux tells it (proc(5): `boot_id`, and `starttime` in `stat`).
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # The name before it is in brackets, and may hold any.
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return f"{boot[:8]}-{after_name[19]}"
    except (OSError, IndexError):
        return ""


def is_alive(process: str, since: float | None) -> bool | None:
    """Whether a process runs; None where it can't be known: the process is another machine's, or none at all.

    Args:
        process: `host:pid`, or `host:pid:start`.
        since: Unix time at which it ran. A process that started later is another one, as ids are reused. Without
            effect where `start` is known, which a clock that is set doesn't change.
    """
    host, pid, start, *_ = [*process.split(":"), "", ""]
    if host != socket.gethostname() or not pid.isdigit():
        return None
    import psutil  # takes 20 ms

    try:
        found = psutil.Process(int(pid))
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        if start:
            return start == start_mark(int(pid))
        return since is None or found.create_time() <= since + CLOCK_STEP
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False
