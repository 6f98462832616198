"""The `spotify-assets` command, also as `python -m spotify_assets`.

Its modules take a fifth of a second to import, and those of some commands a second. This one imports nothing of ours
before it handles the signals that stop it.
"""

import os
import signal
from types import FrameType


def main() -> None:
    """Entry point; see `spotify_assets.cli.commands.main`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop_early)
    from spotify_assets.garbage import collect_rarely

    collect_rarely()
    from spotify_assets.cli.commands import main as run_command

    run_command()


def _stop_early(number: int, frame: FrameType | None) -> None:
    """End the process, of which no more than modules are loaded."""
    by = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    os.write(2, f"Stopped by {by}, before anything was done.\n".encode())
    os._exit(128 + number)


if __name__ == "__main__":
    main()
