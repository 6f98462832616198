"""Recent plays, asked of the Web API and landed; there only where credentials are set."""

import dagster as dg

from spotify_assets import fetch
from spotify_assets.assets.declare import OWNERS
from spotify_assets.resources import LandingResource, SpotifyResource
from spotify_assets.settings import Settings


@dg.asset(
    group_name="raw",
    kinds={"spotify", "json"},
    owners=OWNERS,
    tags={"layer": "raw", "domain": "listening"},
    description="Plays since the last poll, landed below history/<SPOTIFY_ASSETS_LISTENER>/recent; read from there.",
)
def recent_plays(
    context: dg.AssetExecutionContext,
    landing: LandingResource,
    spotify: SpotifyResource,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    polled = fetch.poll_recent_plays(spotify.client, landing, settings)
    context.log.info(str(polled))
    if polled.may_have_missed:
        context.log.warning("Spotify tells the last 50 plays only, and all of them are new: poll more often.")
    return dg.MaterializeResult(metadata={"plays": polled.plays, "files": len(polled.files)})
