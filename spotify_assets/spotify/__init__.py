"""The Web API's client, which keeps to quotas; the login; and the state kept of both."""

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
