"""A bucket that keeps its objects as files, so that they can be damaged, and whose server can be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from spotify_assets.sandbox import s3_servers
from spotify_assets.sandbox.ports import free_port, wait_for


class BucketServer:
    """A server of S3 on a port of its own; each folder below `root` is a bucket, and each file an object."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of its clients."""
        return {**s3_servers.AWS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}"}

    def start(self) -> None:
        """Start it, or let it go on."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", s3_servers.__name__, "localbucket", f"{self._port}", str(self._root), "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._port, self._process)

    def kill(self) -> None:
        """Kill it: connections break, and further ones are refused."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """Stop it for a while: connections stay open, and nothing is answered."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGSTOP)
