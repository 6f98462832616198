"""What is asked of the Web API, and landed as it comes: playlists, recent plays, and metadata.

Whatever was landed is not asked for again, so that a run that was stopped goes on where it was.
"""

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from spotify_assets.ingest.metadata_rows import latest_responses
from spotify_assets.ingest.responses import KINDS, MEGABYTE
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import HISTORY, PLAYLISTS, LandingZone
from spotify_assets.readers.metadata import object_fields, response_line
from spotify_assets.readers.responses import Fields, as_time, remove_people
from spotify_assets.readers.scratch import duckdb_cursor
from spotify_assets.settings import Settings
from spotify_assets.spotify import Answer, Budget, SpotifyClient, SpotifyError, UnavailableError
from spotify_assets.spotify.reads import Kind

Note = Callable[[str], None]

MINE = "me"
# Polls of recent plays are followed until nothing is new; Spotify tells the last 50 only.
MAX_POLLS = 4
FULL_PAGE = 50
MAX_VERSIONS = 4
# So many ids are asked for before it is looked again what is wanted most: a track tells its album and artists.
ROUND = 200
METADATA = "metadata"


def _silent(_: str) -> None:
    """Notes nothing."""


@dataclass
class Captured:
    """Playlists by id: landed now, landed before, and what went wrong with the others."""

    landed: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def capture_playlists(
    client: SpotifyClient,
    landing: LandingZone,
    settings: Settings,
    day: date,
    *,
    refresh: bool = False,
    note: Note = _silent,
) -> Captured:
    """Land each playlist of the settings, with all its items, unless it is landed for the day already.

    Args:
        client: The Web API.
        landing: Where to.
        settings: Which playlists.
        day: Today (UTC).
        refresh: Capture again what is landed already, beside it.
        note: Told of each playlist.

    Raises:
        SpotifyError: where even the list of one's own playlists can't be read.
    """
    landed_names = {capture.path.rpartition("/")[2].partition(".")[0] for capture in landing.captures_on(day)}
    wanted = _wanted_playlists(client, settings)
    captured = Captured(present=[one for one in wanted if one in landed_names and not refresh])
    to_ask = [one for one in wanted if one not in captured.present]

    def capture(playlist_id: str) -> str:
        playlist, pages = _as_at_one_moment(client, playlist_id)
        captured_at = datetime.now(UTC)
        about = {name: value for name, value in playlist.items() if name not in ("items", "tracks")}
        document = {"captured_at": captured_at.isoformat(), "playlist": about, "pages": pages}
        later = f".{captured_at:%H%M%S}" if playlist_id in landed_names else ""
        landing.land(
            f"{PLAYLISTS}/{day}/{playlist_id}{later}.json",
            json.dumps(remove_people(document), ensure_ascii=False).encode("utf-8", "replace"),
        )
        return f"{playlist.get('name')}: {sum(len(page['items']) for page in pages):,} items"

    for playlist_id, outcome in client.each(capture, to_ask):
        if isinstance(outcome, SpotifyError):
            captured.failed[playlist_id] = str(outcome)
        else:
            captured.landed.append(playlist_id)
            note(f"Captured {outcome}")
    return captured


def _as_at_one_moment(client: SpotifyClient, playlist_id: str) -> tuple[Fields, list[Fields]]:
    """The playlist and its pages, of one and the same version.

    A track that moves while pages are read would else be there twice, or not at all, and nothing would tell.
    """
    playlist = client.playlist(playlist_id)
    for _ in range(MAX_VERSIONS):
        pages = client.playlist_pages(playlist_id)
        after = playlist if len(pages) <= 1 else client.playlist(playlist_id)
        if after.get("snapshot_id") == playlist.get("snapshot_id"):
            return playlist, pages
        playlist = after
    raise UnavailableError(f"playlist {playlist_id} changed each time while it was read; try again later")


def _wanted_playlists(client: SpotifyClient, settings: Settings) -> list[str]:
    """Ids of the playlists that the settings name, each once."""
    wanted: dict[str, None] = {}
    for playlist_id in settings.playlists:
        if playlist_id != MINE:
            wanted[playlist_id] = None
            continue
        me = client.me().get("id")
        for playlist in client.my_playlists():
            if playlist.get("collaborative") or (playlist.get("owner") or {}).get("id") == me:
                wanted[playlist["id"]] = None
    return list(wanted)


@dataclass
class Polled:
    """What a poll of recent plays brought."""

    plays: int = 0
    files: list[str] = field(default_factory=list)
    may_have_missed: bool = False

    def __str__(self) -> str:
        return f"{self.plays:,} plays since the last poll" if self.plays else "No play since the last poll"


def poll_recent_plays(client: SpotifyClient, landing: LandingZone, settings: Settings) -> Polled:
    """Land the plays since the last poll. The files themselves tell since when: each bears its latest play's time.

    Raises:
        SpotifyError: saying what to do.
    """
    folder = f"{HISTORY}/{settings.listener}/recent"
    polled = Polled()
    after = max((_time_in(capture.path) for capture in landing.captures(folder)), default=None)
    for _ in range(MAX_POLLS):
        page = client.recently_played(after)
        items = page.get("items")
        if not isinstance(items, list):
            raise UnavailableError("Spotify answered with no list of recent plays; try again later")
        times = [_milliseconds(at) for item in items if (at := as_time((item or {}).get("played_at")))]
        latest = max((at for at in times if after is None or at > after), default=None)
        if latest is None:
            break
        polled.may_have_missed |= after is not None and len(items) >= FULL_PAGE
        at = datetime.fromtimestamp(latest / 1000, UTC)
        path = f"{folder}/{at:%Y-%m}/{at:%Y%m%dT%H%M%S}{latest % 1000:03d}Z.json"
        landing.land(path, json.dumps(remove_people(page), ensure_ascii=False).encode("utf-8", "replace"))
        polled.plays += len(items)
        polled.files.append(path)
        after = latest
    return polled


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _time_in(path: str) -> int:
    """The time (ms since 1970, UTC) that a file of recent plays is named by; 0 for any other file."""
    stem = path.rpartition("/")[2].removesuffix("Z.json")
    try:
        at = datetime.strptime(stem[:-3], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return _milliseconds(at) + int(stem[-3:])
    except ValueError:
        return 0


@dataclass
class Fetched:
    """What a run asked for: answers by kind, ids that are still unknown, calls, and why it stopped early."""

    answers: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    stopped: str = ""

    def __str__(self) -> str:
        found = ", ".join(f"{self.answers[kind]:,} {kind}" for kind in KINDS if self.answers[kind]) or "nothing new"
        left = ", ".join(f"{self.left[kind]:,} {kind}" for kind in KINDS if self.left[kind]) or "nothing"
        return f"{found} in {self.calls:,} calls; still unknown: {left}"


def fetch_metadata(
    client: SpotifyClient,
    landing: LandingZone,
    lake: Lake,
    settings: Settings,
    *,
    prefix: str = "",
    note: Note = _silent,
) -> Fetched:
    """Land what Spotify knows of tracks, albums and artists that plays and playlists mention, most played first.

    Every answer is landed as it comes, those too that say that there is nothing. It ends when nothing is unknown,
    when the budget is used up, or when Spotify refuses to say more; what came is kept.

    Args:
        client: The Web API.
        landing: Where to.
        lake: What plays and playlists mention.
        settings: The budget.
        prefix: Of the names of files that are landed.
        note: Told of the progress.
    """
    wanted = Wanted(lake, landing, settings)
    budget = Budget(settings.api_budget)
    fetched = Fetched()
    now = datetime.now(UTC)
    name = f"{now:%Y-%m-%d}/{prefix}{now:%H%M%S}-{uuid4().hex[:6]}.ndjson"
    with ExitStack() as landed:
        land = {kind: landed.enter_context(landing.lines(f"{METADATA}/{kind}/{name}")) for kind in KINDS}
        try:
            while budget.left > 0 and (next_ids := wanted.next(ROUND)):
                for kind, ids in next_ids.items():
                    for answer in client.metadata(kind, ids, budget):
                        land[kind](response_line(answer.id, answer.status, answer.body, datetime.now(UTC).isoformat()))
                        wanted.answered(answer)
                        fetched.answers[kind] += 1
                note(f"{sum(fetched.answers.values()):,} answers in {budget.used:,} of {settings.api_budget:,} calls")
        except SpotifyError as error:
            fetched.stopped = str(error)
    fetched.calls = budget.used
    fetched.left = wanted.left()
    return fetched


class Wanted:
    """Ids that plays and playlists mention, directly or through a track, and of which nothing is landed.

    What stands on a playlist with its cover or its ISRC is known: the playlist's response told it all.
    """

    def __init__(self, lake: Lake, landing: LandingZone, settings: Settings) -> None:
        self._plays = Counter(dict(_played_tracks(lake)))
        self._weights: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self._known: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for kind in KINDS:
            landed = landing.fetch(landing.captures(f"{METADATA}/{kind}"))
            responses = latest_responses(landed, kind, settings.max_json_mb * MEGABYTE, {})
            self._known[kind].update(responses)
            if kind == "tracks":
                for track_id, fields in responses.items():
                    self._mention(track_id, fields)
        for track_id, fields, is_told in _playlist_tracks(lake):
            self._mention(track_id, fields)
            if is_told:
                self._known["tracks"].add(track_id)
            else:
                self._weights["tracks"][track_id] += 0
        self._weights["tracks"].update(self._plays)

    def _mention(self, track_id: str, fields: Fields) -> None:
        """A track tells its album and artists: they are wanted as much as it was played."""
        plays = self._plays[track_id]
        for album_id in filter(None, [fields.get("album_id")]):
            self._weights["albums"][album_id] += plays
        for artist_id in filter(None, fields.get("artist_ids") or []):
            self._weights["artists"][artist_id] += plays

    def answered(self, answer: Answer) -> None:
        """An answer came: it is known now, and what it mentions is wanted."""
        self._known[answer.kind].add(answer.id)
        if answer.kind == "tracks" and answer.body is not None:
            self._mention(answer.id, object_fields("tracks", answer.body))

    def next(self, count: int) -> dict[Kind, list[str]]:
        """The most played of what is unknown, by kind."""
        ids: dict[Kind, list[str]] = {}
        for _, kind, unknown in heapq.nsmallest(count, self._unknown()):
            ids.setdefault(kind, []).append(unknown)
        return ids

    def left(self) -> Counter[str]:
        """How many are unknown, by kind."""
        return Counter(kind for _, kind, _ in self._unknown())

    def _unknown(self) -> Iterator[tuple[int, Kind, str]]:
        for kind in KINDS:
            known = self._known[kind]
            yield from ((-plays, kind, one) for one, plays in self._weights[kind].items() if one not in known)


def _played_tracks(lake: Lake) -> Iterable[tuple[str, int]]:
    """Ids of tracks with their plays, of all listeners."""
    return _query(
        lake,
        "monthly_content",
        ["content_type", "content_key", "plays"],
        """SELECT content_key, CAST(sum(plays) AS BIGINT) FROM rows
        WHERE content_type = 'track' AND NOT starts_with(content_key, 'name:') GROUP BY ALL""",
    )


def _playlist_tracks(lake: Lake) -> Iterable[tuple[str, Fields, bool]]:
    """Tracks of all snapshots with the ids of their album and artists, and whether the response told it all."""
    rows = _query(
        lake,
        "playlist_tracks",
        ["content_type", "track_key", "album_id", "artist_ids", "image_url", "isrc"],
        """SELECT track_key, any_value(album_id), any_value(artist_ids), bool_or(coalesce(image_url, isrc) IS NOT NULL)
        FROM rows WHERE content_type = 'track' AND NOT starts_with(track_key, 'name:') GROUP BY ALL""",
    )
    return ((track, {"album_id": album, "artist_ids": artists}, told) for track, album, artists, told in rows)


def _query(lake: Lake, table: str, columns: list[str], sql: str) -> list[Any]:
    """Rows of a query over some columns of a table, named `rows`; none where it was never written."""
    delta = lake.open(table)
    if delta is None:
        return []
    connection = duckdb_cursor()
    connection.register("rows", delta.to_pyarrow_dataset().scanner(columns=columns))
    return connection.sql(sql).fetchall()
