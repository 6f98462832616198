"""Fetch playlists, recent plays and metadata from the Web API, and land each response as it arrives.

What is landed already is not requested again, so a run continues where an interrupted one stopped.
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
from spotify_assets.spotify.reads import RESTRICTED, Kind
from spotify_assets.spotify.state import REFUSED_DAYS

Note = Callable[[str], None]

OWN_PLAYLISTS = "me"
# Requests of one poll of recent plays; Spotify returns the last 50 plays at most.
MAX_POLLS = 4
FULL_PAGE = 50
MAX_READS = 4
# Ids requested before the most played ones are chosen again: responses on tracks add ids of albums and artists.
BATCH_IDS = 200
METADATA = "metadata"


def _ignore_note(_: str) -> None:
    """Default for `note`: discard the message."""


@dataclass
class CaptureResult:
    """Ids of playlists landed by this run, and landed before; and errors of the others, by id."""

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
    note: Note = _ignore_note,
) -> CaptureResult:
    """Land each configured playlist, with all its items, unless a capture of the day is landed already.

    Args:
        client: The Web API.
        landing: The landing zone.
        settings: Ids of the playlists.
        day: Today (UTC).
        refresh: Also capture playlists that have a capture of the day, into another file.
        note: Called with a message for each playlist.

    Raises:
        SpotifyError: where the list of the user's own playlists can't be read.
    """
    landed_names = {capture.path.rpartition("/")[2].partition(".")[0] for capture in landing.captures_on(day)}
    playlist_ids = _configured_playlists(client, settings)
    captured = CaptureResult(present=[one for one in playlist_ids if one in landed_names and not refresh])
    missing = [one for one in playlist_ids if one not in captured.present]

    def capture(playlist_id: str) -> str:
        playlist, pages = _read_one_version(client, playlist_id)
        captured_at = datetime.now(UTC)
        about = {name: value for name, value in playlist.items() if name not in ("items", "tracks")}
        document = {"captured_at": captured_at.isoformat(), "playlist": about, "pages": pages}
        later = f".{captured_at:%H%M%S}" if playlist_id in landed_names else ""
        landing.land(
            f"{PLAYLISTS}/{day}/{playlist_id}{later}.json",
            json.dumps(remove_people(document), ensure_ascii=False).encode("utf-8", "replace"),
        )
        return f"{playlist.get('name')}: {sum(len(page['items']) for page in pages):,} items"

    for playlist_id, outcome in client.each(capture, missing):
        if isinstance(outcome, SpotifyError):
            captured.failed[playlist_id] = str(outcome)
        else:
            captured.landed.append(playlist_id)
            note(f"Captured {outcome}")
    return captured


def _read_one_version(client: SpotifyClient, playlist_id: str) -> tuple[Fields, list[Fields]]:
    """The playlist and its pages of items, all of one `snapshot_id`.

    Otherwise, a track that moves while pages are read could be in the capture twice, or not at all.

    Raises:
        UnavailableError: where the playlist changes during each of `MAX_READS` attempts.
    """
    playlist = client.playlist(playlist_id)
    for _ in range(MAX_READS):
        pages = client.playlist_pages(playlist_id)
        after = playlist if len(pages) <= 1 else client.playlist(playlist_id)
        if after.get("snapshot_id") == playlist.get("snapshot_id"):
            return playlist, pages
        playlist = after
    raise UnavailableError(f"playlist {playlist_id} changed each time while it was read; try again later")


def _configured_playlists(client: SpotifyClient, settings: Settings) -> list[str]:
    """Ids of the configured playlists without duplicates; `me` stands for the user's own and collaborative ones."""
    playlist_ids: dict[str, None] = {}
    for playlist_id in settings.playlists:
        if playlist_id != OWN_PLAYLISTS:
            playlist_ids[playlist_id] = None
            continue
        me = client.me().get("id")
        for playlist in client.my_playlists():
            if playlist.get("collaborative") or (playlist.get("owner") or {}).get("id") == me:
                playlist_ids[playlist["id"]] = None
    return list(playlist_ids)


@dataclass
class PollResult:
    """Result of a poll of recent plays.

    Attributes:
        plays: Number of plays landed.
        files: Paths of the files landed.
        may_have_gaps: A page was full, so older plays since the last poll may no longer be available.
    """

    plays: int = 0
    files: list[str] = field(default_factory=list)
    may_have_gaps: bool = False

    def __str__(self) -> str:
        return f"{self.plays:,} plays since the last poll" if self.plays else "No play since the last poll"


def poll_recent_plays(client: SpotifyClient, landing: LandingZone, settings: Settings) -> PollResult:
    """Land the plays since the last poll.

    The watermark is in the names of the landed files: the time of the latest play in each.

    Raises:
        SpotifyError: where Spotify can't be reached or refuses; the message says what to do.
    """
    folder = f"{HISTORY}/{settings.listener}/recent"
    polled = PollResult()
    after = max((_latest_play_time(capture.path) for capture in landing.captures(folder)), default=None)
    for _ in range(MAX_POLLS):
        page = client.recently_played(after)
        items = page.get("items")
        if not isinstance(items, list):
            raise UnavailableError("Spotify answered with no list of recent plays; try again later")
        times = [_milliseconds(at) for item in items if (at := as_time((item or {}).get("played_at")))]
        latest = max((at for at in times if after is None or at > after), default=None)
        if latest is None:
            break
        polled.may_have_gaps |= after is not None and len(items) >= FULL_PAGE
        at = datetime.fromtimestamp(latest / 1000, UTC)
        path = f"{folder}/{at:%Y-%m}/{at:%Y%m%dT%H%M%S}{latest % 1000:03d}Z.json"
        landing.land(path, json.dumps(remove_people(page), ensure_ascii=False).encode("utf-8", "replace"))
        polled.plays += len(items)
        polled.files.append(path)
        after = latest
    return polled


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _latest_play_time(path: str) -> int:
    """Time of the latest play (ms since 1970, UTC) in the name of a file of recent plays; 0 for any other file."""
    stem = path.rpartition("/")[2].removesuffix("Z.json")
    try:
        at = datetime.strptime(stem[:-3], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return _milliseconds(at) + int(stem[-3:])
    except ValueError:
        return 0


@dataclass
class FetchResult:
    """Result of a run.

    Attributes:
        answers: Number of responses landed, by kind.
        left: Number of ids without a response, by kind; of kinds that an app may read.
        calls: Requests to the Web API.
        stopped: The error that ended the run early; else empty.
        refused: Kinds that Spotify refused in this run to every app; they are not requested again for some days.
    """

    answers: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    stopped: str = ""
    refused: list[Kind] = field(default_factory=list)

    def __str__(self) -> str:
        found = ", ".join(f"{self.answers[kind]:,} {_spoken(kind)}" for kind in KINDS if self.answers[kind])
        left = ", ".join(f"{self.left[kind]:,} {_spoken(kind)}" for kind in KINDS if self.left[kind])
        told = f"{found or 'nothing new'} in {self.calls:,} calls; still unknown: {left or 'nothing'}"
        return f"{told}; {self.refusal}" if self.refused else told

    @property
    def refusal(self) -> str:
        """What Spotify refused in this run; empty if nothing."""
        kinds = " and ".join(map(_spoken, self.refused))
        return kinds and f"Spotify refuses {kinds} to this app, and is asked again in {REFUSED_DAYS} days"


def _spoken(kind: Kind) -> str:
    return kind.replace("_", " ")


def fetch_metadata(
    client: SpotifyClient,
    landing: LandingZone,
    lake: Lake,
    settings: Settings,
    *,
    prefix: str = "",
    note: Note = _ignore_note,
) -> FetchResult:
    """Land responses on the tracks, albums and artists of plays and playlists, most played first; then audio features.

    Every response is landed as it arrives, also 'not found'. The run ends when every id has a response, when the
    budget is used up, or at the first error of the Web API (`FetchResult.stopped`).

    Args:
        client: The Web API.
        landing: The landing zone.
        lake: Lake with `monthly_content` and `playlist_tracks`.
        settings: The budget of calls.
        prefix: Prefix of the names of landed files.
        note: Called with messages on the progress.
    """
    unfetched = UnfetchedIds(lake, landing, settings)
    asked = [kind for kind in KINDS if client.may_read(kind)]
    budget = Budget(settings.api_budget)
    fetched = FetchResult()
    now = datetime.now(UTC)
    name = f"{now:%Y-%m-%d}/{prefix}{now:%H%M%S}-{uuid4().hex[:6]}.ndjson"
    with ExitStack() as landed:
        land = {kind: landed.enter_context(landing.lines(f"{METADATA}/{kind}/{name}")) for kind in KINDS}
        try:
            while budget.left > 0 and (next_ids := unfetched.next(BATCH_IDS, filter(client.may_read, asked))):
                for kind, ids in next_ids.items():
                    for answer in client.metadata(kind, ids, budget):
                        land[kind](response_line(answer.id, answer.status, answer.body, datetime.now(UTC).isoformat()))
                        unfetched.record_answer(answer)
                        fetched.answers[kind] += 1
                note(f"{sum(fetched.answers.values()):,} answers in {budget.used:,} of {settings.api_budget:,} calls")
        except SpotifyError as error:
            fetched.stopped = str(error)
    fetched.calls = budget.used
    fetched.refused = [kind for kind in asked if not client.may_read(kind)]
    fetched.left = unfetched.left(kind for kind in asked if kind not in fetched.refused)
    return fetched


class UnfetchedIds:
    """Ids without a landed response of the tracks in plays and playlists, and of their albums and artists.

    A playlist's item with an image or an ISRC holds the whole track object, and needs no request. Audio features are
    requested of tracks that Spotify is known to have.
    """

    def __init__(self, lake: Lake, landing: LandingZone, settings: Settings) -> None:
        self._plays = Counter(dict(_played_tracks(lake)))
        self._plays_by_id: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self._fetched_ids: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for kind in KINDS:
            landed = landing.fetch(landing.captures(f"{METADATA}/{kind}"))
            responses = latest_responses(landed, kind, settings.max_json_mb * MEGABYTE, {})
            self._fetched_ids[kind].update(responses)
            if kind == "tracks":
                for track_id, fields in responses.items():
                    self._add_mentions(track_id, fields)
                    self._add_features(track_id, fields["is_found"])
        for track_id, fields, is_complete in _playlist_tracks(lake):
            self._add_mentions(track_id, fields)
            self._add_features(track_id, is_complete)
            if is_complete:
                self._fetched_ids["tracks"].add(track_id)
            else:
                self._plays_by_id["tracks"][track_id] += 0
        self._plays_by_id["tracks"].update(self._plays)

    def _add_mentions(self, track_id: str, fields: Fields) -> None:
        """Add the track's plays to its album and artists, by which they are prioritized."""
        plays = self._plays[track_id]
        for album_id in filter(None, [fields.get("album_id")]):
            self._plays_by_id["albums"][album_id] += plays
        for artist_id in filter(None, fields.get("artist_ids") or []):
            self._plays_by_id["artists"][artist_id] += plays

    def _add_features(self, track_id: str, is_found: bool) -> None:
        if is_found:
            self._plays_by_id["audio_features"][track_id] = self._plays[track_id]

    def record_answer(self, answer: Answer) -> None:
        """Mark an id as fetched, and add the album and artists of a track."""
        self._fetched_ids[answer.kind].add(answer.id)
        if answer.kind == "tracks" and answer.body is not None:
            self._add_mentions(answer.id, object_fields("tracks", answer.body))
            self._add_features(answer.id, is_found=True)

    def next(self, count: int, kinds: Iterable[Kind]) -> dict[Kind, list[str]]:
        """The `count` most played ids of these kinds without a response, by kind; restricted kinds come last."""
        ids: dict[Kind, list[str]] = {}
        for *_, kind, one in heapq.nsmallest(count, self._unfetched(kinds)):
            ids.setdefault(kind, []).append(one)
        return ids

    def left(self, kinds: Iterable[Kind]) -> Counter[str]:
        """Number of ids without a response, for each of these kinds."""
        return Counter(kind for *_, kind, _ in self._unfetched(kinds))

    def _unfetched(self, kinds: Iterable[Kind]) -> Iterator[tuple[bool, int, Kind, str]]:
        for kind in kinds:
            fetched, is_restricted = self._fetched_ids[kind], kind in RESTRICTED
            for one, plays in self._plays_by_id[kind].items():
                if one not in fetched:
                    yield is_restricted, -plays, kind, one


def _played_tracks(lake: Lake) -> Iterable[tuple[str, int]]:
    """Ids of tracks and their number of plays, over all listeners."""
    return _query(
        lake,
        "monthly_content",
        ["content_type", "content_key", "plays"],
        """SELECT content_key, CAST(sum(plays) AS BIGINT) FROM rows
        WHERE content_type = 'track' AND NOT starts_with(content_key, 'name:') GROUP BY ALL""",
    )


def _playlist_tracks(lake: Lake) -> Iterable[tuple[str, Fields, bool]]:
    """Ids of tracks of all snapshots, ids of their album and artists, and whether an item holds the whole track."""
    rows = _query(
        lake,
        "playlist_tracks",
        ["content_type", "track_key", "album_id", "artist_ids", "image_url", "isrc"],
        """SELECT track_key, any_value(album_id), any_value(artist_ids), bool_or(coalesce(image_url, isrc) IS NOT NULL)
        FROM rows WHERE content_type = 'track' AND NOT starts_with(track_key, 'name:') GROUP BY ALL""",
    )
    return ((track, {"album_id": album, "artist_ids": artists}, complete) for track, album, artists, complete in rows)


def _query(lake: Lake, table: str, columns: list[str], sql: str) -> list[Any]:
    """Rows of a query on some columns of a table, which is named `rows` in the SQL; none where it doesn't exist."""
    delta = lake.open(table)
    if delta is None:
        return []
    connection = duckdb_cursor()
    connection.register("rows", delta.to_pyarrow_dataset().scanner(columns=columns))
    return connection.sql(sql).fetchall()
