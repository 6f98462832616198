"""Client of Spotify's Web API that respects quotas; user login; stored state of both."""

from spotify_assets.spotify.budget import Budget
from spotify_assets.spotify.client import SpotifyClient
from spotify_assets.spotify.errors import (
    CredentialsError,
    LoginNeededError,
    NotFoundError,
    QuotaExhaustedError,
    RefusedError,
    SpotifyError,
    UnavailableError,
)
from spotify_assets.spotify.reads import Answer, Kind

__all__ = [
    "Answer",
    "Budget",
    "CredentialsError",
    "Kind",
    "LoginNeededError",
    "NotFoundError",
    "QuotaExhaustedError",
    "RefusedError",
    "SpotifyClient",
    "SpotifyError",
    "UnavailableError",
]
