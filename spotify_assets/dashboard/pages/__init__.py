"""The pages by address: those of the navigation, and those of one entity, by its key."""

from collections.abc import Callable
from dataclasses import dataclass

from spotify_assets.dashboard.blocks import Page
from spotify_assets.dashboard.pages import (
    behaviour,
    clock,
    comparison,
    discovery,
    entities,
    finding,
    overview,
    people,
    playlists,
    popularity,
    recap,
    spoken,
    taste,
    tops,
    trust,
)

Make = Callable[..., Page]


@dataclass(frozen=True)
class Entry:
    """A page with a fixed address.

    Attributes:
        path: Its address.
        label: Its name in the navigation; empty where another page leads to it.
        make: Makes it from a view.
    """

    path: str
    label: str
    make: Make


NAVIGATION = (
    Entry("/", "Overview", overview.overview_page),
    Entry("/recap", "Recap", recap.recap_page),
    Entry("/time", "Time", clock.time_page),
    Entry("/charts", "Charts", tops.charts_page),
    Entry("/discovery", "Discovery", discovery.discovery_page),
    Entry("/taste", "Taste", taste.taste_page),
    Entry("/popularity", "Popularity", popularity.popularity_page),
    Entry("/behaviour", "Behaviour", behaviour.behaviour_page),
    Entry("/playlists", "Playlists", playlists.playlists_page),
    Entry("/spoken", "Spoken", spoken.spoken_page),
    Entry("/people", "People", people.people_page),
    Entry("/compare", "Compare", comparison.compare_page),
    Entry("/trust", "Trust", trust.trust_page),
    Entry("/search", "", finding.search_page),
    Entry("/day", "", clock.day_page),
    Entry("/rejected", "", trust.rejected_page),
)
ENTITIES: dict[str, Make] = {
    "/artist": entities.artist_page,
    "/track": entities.track_page,
    "/album": entities.album_page,
    "/show": spoken.show_page,
    "/playlist": playlists.playlist_page,
}
