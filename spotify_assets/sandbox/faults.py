"""What can go wrong between the stand-in and whoever calls it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """An answer with another status than 200, in Spotify's shape, or in plain text.

    Attributes:
        retry_after: Seconds, in the header `Retry-After`.
        text: A plain body instead of a JSON one.
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
    """Status 200, and a body that is no JSON."""

    body: str = "<html><body>upstream connect error</body></html>"


@dataclass(frozen=True)
class Slow:
    """The right answer, late."""

    seconds: float


@dataclass(frozen=True)
class Close:
    """The connection closes with no answer."""


Fault = Status | Cut | Garbage | Slow | Close
