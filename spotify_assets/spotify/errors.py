"""Errors of the Web API. Messages state what to do, and never hold a secret, a token or a name."""

from datetime import datetime

from spotify_assets.settings import variable

DASHBOARD = "https://developer.spotify.com/dashboard"
LOGIN = "run `spotify-assets login`"


class SpotifyError(Exception):
    """A call failed. The message states what to do.

    Attributes:
        concerns_endpoint: Whether Spotify refuses the endpoint to the app, so that other ids would be refused, too.
    """

    concerns_endpoint = False


class LoginNeededError(SpotifyError):
    """A user's login is missing, has expired (after six months), or was revoked."""


class CredentialsError(SpotifyError):
    """No app is configured, or Spotify rejects its id and secret."""

    @classmethod
    def none_set(cls) -> "CredentialsError":
        """No app is configured."""
        names = f"{variable('client_id')} and {variable('client_secret')}"
        return cls(f"no app at Spotify is set: create one at {DASHBOARD}, and set {names}")

    @classmethod
    def unknown(cls, client_id: str) -> "CredentialsError":
        """Spotify rejects an app's id and secret."""
        names = f"{variable('client_id')} and {variable('client_secret')}"
        return cls(
            f"Spotify does not know the app {client_id!r} by its secret: "
            f"check {names}, or {variable('credentials')} where it is set there"
        )


class RefusedError(SpotifyError):
    """Spotify refuses the call. The message includes Spotify's."""


class NotFoundError(SpotifyError):
    """There is no object with that id, or Spotify does not show it to apps."""


class MalformedIdError(NotFoundError):
    """Spotify takes an id of the call for none."""


class QuotaExhaustedError(SpotifyError):
    """The app's quota is used up; no call may be made before `until` (UTC)."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until

    def __str__(self) -> str:
        return f"Spotify's quota is used up; it takes calls again from {self.until:%Y-%m-%d %H:%M} UTC"


class UnavailableError(SpotifyError):
    """Spotify is down or its answers can't be parsed, after retries."""
