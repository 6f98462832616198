"""Vega, Vega-Lite and Vega-Embed as one file of JavaScript, which the dashboard serves itself."""

import threading
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import platformdirs


class Bundle:
    """The JavaScript, made in the background: that takes some seconds. It is kept in the user's cache folder."""

    def __init__(self, folder: Path | None = None) -> None:
        name = f"vega-{version('vl-convert-python')}.js"
        self._path = (folder or platformdirs.user_cache_path("spotify-assets")) / name
        self._content = b""
        self._thread = threading.Thread(target=self._load, daemon=True)
        self._thread.start()

    def content(self) -> bytes:
        """The JavaScript, as soon as it is there; empty where it could not be made."""
        self._thread.join()
        return self._content

    def _load(self) -> None:
        with suppress(OSError):
            self._content = self._path.read_bytes()
        if self._content:
            return
        import vl_convert

        self._content = vl_convert.javascript_bundle().encode()  # type: ignore[call-arg]  # it has a default
        # Without the file, the next start takes as long again, and nothing else is lost.
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_name(f"{self._path.name}.{uuid4().hex[:8]}")
            part.write_bytes(self._content)
            part.replace(self._path)
