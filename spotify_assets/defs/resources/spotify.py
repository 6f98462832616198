"""Spotify's Web API as a Dagster resource."""

from threading import Lock

import dagster as dg
from pydantic import PrivateAttr

from spotify_assets.settings import Settings
from spotify_assets.spotify import SpotifyClient

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
