"""Dagster's daemon, which loads unchanged definitions anew every five minutes, instead of every minute.

`python -m spotify_assets.cli.daemon run -w workspace.yaml`, as `python -m dagster._daemon`. To load them takes a
second of CPU in daemon and code server, most of what both take when idle. Definitions that changed are loaded at once:
the daemon watches the id of the code server.
"""

from dagster._daemon import controller
from dagster._daemon.cli import main as run_daemon

# Private, and no setting of Dagster's; test_daemon.py fails if it changes.
RELOAD_WORKSPACE = "RELOAD_WORKSPACE_INTERVAL"
RELOAD_SECONDS = 300


def main() -> None:
    setattr(controller, RELOAD_WORKSPACE, RELOAD_SECONDS)
    run_daemon()


if __name__ == "__main__":
    main()
