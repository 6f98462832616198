"""Spotify's Web API as a resource: a client that keeps to quotas, the login, and what is remembered of both."""

from threading import Lock

import dagster as dg
from pydantic import PrivateAttr

from spotify_assets.resources.spotify.budget import Budget
from spotify_assets.resources.spotify.client import SpotifyClient
from spotify_assets.resources.spotify.errors import (
    CredentialsError,
    LoginNeededError,
    NotFoundError,
    QuotaExhaustedError,
    RefusedError,
    SpotifyError,
    UnavailableError,
)
from spotify_assets.resources.spotify.reads import Answer, Kind
from spotify_assets.settings import Settings

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
    "SpotifyResource",
    "UnavailableError",
]

_making = Lock()


class SpotifyResource(dg.ConfigurableResource):
    """The Web API, by the apps that the settings name."""

    settings: dg.ResourceDependency[Settings]
    _client: SpotifyClient | None = PrivateAttr(None)

    @property
    def client(self) -> SpotifyClient:
        """The client, made when it is first asked for."""
        with _making:
            if self._client is None:
                self._client = SpotifyClient(self.settings)
            return self._client

    @property
    def is_configured(self) -> bool:
        """Whether any app is set."""
        return bool(self.settings.apps)
