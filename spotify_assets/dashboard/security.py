"""Headers of every response, and which hosts are answered."""

from collections.abc import Collection
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Neither inline scripts and styles nor eval. Images of others only from Spotify's server of covers, once switched on.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{covers}; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
COVERS_HOST = " https://i.scdn.co"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
}
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Middleware: security headers, and on loopback only hosts that name this machine.

    A page of somebody else's could otherwise point its own name at 127.0.0.1 and read the dashboard (DNS rebinding).

    Args:
        app: What answers.
        hosts: Names in the header Host that are answered; empty for all.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = LOOPBACK_NAMES) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        are_covers_on = b"covers=on" in scope["query_string"].split(b"&")

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY.format(covers=COVERS_HOST if are_covers_on else "")
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if self._hosts and _host(Headers(scope=scope).get("host", "")) not in self._hosts:
            refused = PlainTextResponse("This dashboard answers to localhost only.", status_code=421)
            await refused(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)


def _host(header: str) -> str:
    """The header Host without its port."""
    name, _, port = header.rpartition(":")
    return (name if name and port.isdigit() else header).lower()
