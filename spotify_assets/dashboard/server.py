"""Serve the dashboard until Ctrl-C, SIGTERM or SIGHUP."""

import socket
import threading
import time
from collections.abc import Callable

import uvicorn

from spotify_assets.dashboard.app import create_app
from spotify_assets.dashboard.security import LOOPBACK_NAMES, is_loopback
from spotify_assets.dashboard.warehouse import WarehouseFile
from spotify_assets.settings import Settings

GRACE_SECONDS = 2


class PortTakenError(Exception):
    """Another program listens there. The message says what to do."""


def serve_dashboard(
    settings: Settings, host: str, port: int, say: Callable[[str], None], open_address: Callable[[str], object] | None
) -> None:
    """Serve until a signal ends it; uvicorn handles SIGINT and SIGTERM.

    Args:
        settings: Where the warehouse is.
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.
        say: Prints a line.
        open_address: Opens the address, as in a browser; None for not at all.

    Raises:
        PortTakenError: The port is in use, or the address isn't this machine's.
    """
    with _listening(host, port) as listener:
        port = listener.getsockname()[1]
        name = "localhost" if is_loopback(host) and host != "::1" else f"[{host}]" if ":" in host else host
        address = f"http://{name}:{port}"
        if not is_loopback(host):
            say(
                f"Warning: {host} is reachable by others, and the dashboard has no access control: whoever opens "
                f"{address} sees all of this listening history."
            )
        app = create_app(settings, hosts=LOOPBACK_NAMES if is_loopback(host) else ())
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = uvicorn.Server(config)

        def announce() -> None:
            while not server.started and not server.should_exit:
                time.sleep(0.02)
            WarehouseFile.warm_up()
            if server.started:
                say(f"The dashboard is at {address}; Ctrl-C stops it.")
                if open_address:
                    open_address(address)

        threading.Thread(target=announce, daemon=True).start()
        server.run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    # As web servers do, to treat a port in TIME_WAIT as free.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"{host}:{port} can't be listened on ({error.strerror}); choose another port: "
            f"spotify-assets dashboard --port {port + 1 if port < 65535 else 8000}"
        ) from None
    return listener
