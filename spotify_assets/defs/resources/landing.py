"""The landing zone as a Dagster resource."""

import dagster as dg

from spotify_assets.landing.zone import LandingZone


class LandingResource(dg.ConfigurableResource):
    """The landing zone.

    Attributes:
        uri: A folder, or `s3://bucket/prefix`.
    """

    uri: str

    @property
    def zone(self) -> LandingZone:
        """Access to its files."""
        return LandingZone(self.uri)
