"""What can go wrong with Spotify, in words for the person who can act; never with a secret, a token or a name."""

from datetime import datetime

from spotify_assets.settings import variable

DASHBOARD = "https://developer.spotify.com/dashboard"
LOGIN = "run `spotify-assets login`"


class SpotifyError(Exception):
    """Something that Spotify, or the way to it, did not give; the message says what to do."""


class LoginNeededError(SpotifyError):
    """A user's login is needed and there is none, or it has ended: six months after it was made, or revoked."""


class CredentialsError(SpotifyError):
    """No app is set, or Spotify does not know the one that is."""

    @classmethod
    def none_set(cls) -> "CredentialsError":
        """Nothing names an app."""
        names = f"{variable('client_id')} and {variable('client_secret')}"
        return cls(f"no app at Spotify is set: make one at {DASHBOARD}, and set {names}")

    @classmethod
    def unknown(cls, client_id: str) -> "CredentialsError":
        """Spotify does not accept an app's id and secret."""
        names = f"{variable('client_id')} and {variable('client_secret')}"
        return cls(
            f"Spotify does not know the app {client_id!r} by its secret: "
            f"check {names}, or {variable('credentials')} where it is set there"
        )


class RefusedError(SpotifyError):
    """Spotify refuses the call, whoever asks; the message holds what it says."""


class NotFoundError(SpotifyError):
    """Spotify knows nothing under that id, or does not show it to apps."""


class QuotaExhaustedError(SpotifyError):
    """No call may be made before `until` (UTC)."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until

    def __str__(self) -> str:
        return f"Spotify's quota is used up; it takes calls again from {self.until:%Y-%m-%d %H:%M} UTC"


class UnavailableError(SpotifyError):
    """Spotify is down, or what it answers can't be read, and trying again did not help."""
