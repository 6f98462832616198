"""Spotify's Web API as a Dagster resource."""

from threading import Lock

import dagster as dg
from pydantic import PrivateAttr

from spotify_assets.settings import Settings
from spotify_assets.spotify import SpotifyClient

_client_lock = Lock()


class SpotifyResource(dg.ConfigurableResource):
    """Access to the Web API with the credentials in the settings."""

    settings: dg.ResourceDependency[Settings]
    _client: SpotifyClient | None = PrivateAttr(None)

    @property
    def client(self) -> SpotifyClient:
        """The client, created on first use."""
        with _client_lock:
            if self._client is None:
                self._client = SpotifyClient(self.settings)
            return self._client

    @property
    def is_configured(self) -> bool:
        """Whether credentials are set."""
        return bool(self.settings.apps)
