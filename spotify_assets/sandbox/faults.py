"""Faults that the stand-in can simulate."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """An error status, with Spotify's JSON body or plain text.

    Attributes:
        code: HTTP status.
        retry_after: Value of the header `Retry-After` (seconds); None for no header.
        text: Plain text body; None for JSON.
        message: Message in the JSON body; None for the standard one of the status.
        reason: Spotify's reason in the JSON body, as `QUOTA_EXCEEDED`.
    """

    code: int
    retry_after: int | None = None
    text: str | None = None
    message: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Cut:
    """The connection closes in the middle of the body."""


@dataclass(frozen=True)
class Garbage:
    """Status 200 with a body that is not JSON."""

    body: str = "<html><body>upstream connect error</body></html>"


@dataclass(frozen=True)
class Slow:
    """The correct answer after a delay."""

    seconds: float


@dataclass(frozen=True)
class Close:
    """The connection closes without an answer."""


Fault = Status | Cut | Garbage | Slow | Close
