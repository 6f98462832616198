"""Two implementations of S3 over HTTP, each in its own process: moto's, and localbucket, which keeps files on disk.

Both are installed by `pip install -e '.[dev]'`.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from spotify_assets.sandbox.ports import free_port, wait_for

SERVERS = ("moto", "localbucket")
# Environment variables of a client: credentials that both servers take, and no other source of them.
AWS = {
    "AWS_ACCESS_KEY_ID": "a-key",
    "AWS_SECRET_ACCESS_KEY": "a-secret-key",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running_s3(server: str, latency: float = 0, requests: Path | None = None) -> Iterator[str]:
    """Context that runs a server and gives its URL.

    Args:
        server: One of `SERVERS`. What follows is for localbucket only.
        latency: Delay of each answer (seconds).
        requests: File to which a line is added for each request: its method, and its path with the query.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, server, str(port), folder, str(latency), str(requests or os.devnull)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _serve_moto(port: int) -> None:
    from moto.server import ThreadedMotoServer

    ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False).start()
    while True:
        time.sleep(3600)


def _serve_localbucket(port: int, folder: str, latency: float, requests: str) -> None:
    from http import HTTPStatus
    from http.server import ThreadingHTTPServer

    import localbucket

    log = open(requests, "a", buffering=1)  # noqa: SIM115  (until the process ends)

    class Handler(localbucket.S3Handler):
        """Adds the one call that localbucket lacks, DeleteObjects, and lists without reading the whole bucket."""

        data_root = Path(folder)
        # Headers and body are written one after another: with Nagle's algorithm the client's delayed ACK costs 40 ms.
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def _dispatch(self, action: Any) -> None:
            log.write(f"{self.command} {self.path}\n")
            time.sleep(latency)
            super()._dispatch(action)

        def _list_entries(
            self, bucket_dir: Path, prefix: str, delimiter: str, marker: str, *page: Any
        ) -> tuple[list[tuple[str, Path]], list[str], bool, str]:
            folder = prefix[: prefix.rfind("/") + 1]
            if folder.startswith("/") or ".." in folder or (marker and not marker.startswith(folder)):
                folder = ""
            contents, prefixes, is_truncated, last = super()._list_entries(
                bucket_dir / folder, prefix.removeprefix(folder), delimiter, marker.removeprefix(folder), *page
            )
            return (
                [(folder + key, path) for key, path in contents],
                [folder + common for common in prefixes],
                is_truncated,
                last[:2] + folder + last[2:] if last else "",
            )

        def _post_request(self, bucket: str, key: str) -> None:
            if key or "delete" not in self.query:
                super()._post_request(bucket, key)
                return
            body = self._read_body()
            answer = ElementTree.Element("DeleteResult")
            for name in re.findall(rb"<Key>(.*?)</Key>", body):
                text = ElementTree.fromstring(b"<k>" + name + b"</k>").text or ""
                self._object_path(bucket, text).unlink(missing_ok=True)
                ElementTree.SubElement(ElementTree.SubElement(answer, "Deleted"), "Key").text = text
            self._send(
                HTTPStatus.OK, ElementTree.tostring(answer, xml_declaration=True), {"Content-Type": "application/xml"}
            )

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main(server: str, port: str, folder: str, latency: str, requests: str = os.devnull) -> None:
    """Serve until killed."""
    if server == "moto":
        _serve_moto(int(port))
    else:
        _serve_localbucket(int(port), folder, float(latency), requests)


if __name__ == "__main__":
    main(*sys.argv[1:])
