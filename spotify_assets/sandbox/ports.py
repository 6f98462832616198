"""Ports of stand-in servers: find a free one, wait until a server listens."""

import socket
import subprocess
import time

STARTS_WITHIN_SECONDS = 30


def free_port() -> int:
    """A free port of loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen) -> None:
    """Wait until a process listens on a port.

    Raises:
        RuntimeError: The process has exited, or doesn't listen within 30 seconds.
    """
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server on port {port} did not start")
