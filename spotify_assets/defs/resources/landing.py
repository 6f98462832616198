"""The landing zone as a Dagster resource."""

import dagster as dg

from spotify_assets.landing.zone import LandingZone


class LandingResource(dg.ConfigurableResource):
    """Where files are dropped: a folder, or `s3://bucket/prefix`."""

    uri: str

    @property
    def zone(self) -> LandingZone:
        """The landing zone itself."""
        return LandingZone(self.uri)
