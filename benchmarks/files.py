"""`python -m benchmarks.files`: measure syncs of many small files; write FILES.md.

Polls: twenty thousand files of recent plays of one listener, one an hour, each with the few plays since the one
before. Playlists: a hundred playlists of a hundred tracks, captured daily for half a year, in each of which a track
changes each day. Each is synced for the first time, then with the next file or day, and with nothing to do, by
`spotify-assets sync`, which publishes to the DuckDB file. Compared with the same syncs of as many plays in one file,
and of one capture of each playlist.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks import measure
from spotify_assets.sandbox.answers import remove_fields
from spotify_assets.sandbox.catalogue import Catalogue, Document, id_of
from spotify_assets.sandbox.web_api import GONE_IN_DEVELOPMENT

POLLS = 20_000
PLAYS_PER_POLL = 6
PLAYLISTS = 100
TRACKS = 100
DAYS = 180
CATALOGUE_PLAYS = 150_000
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
LISTENER = "poller"
PAGE = 50
REPORT = Path(__file__).parent / "FILES.md"


@dataclass(frozen=True)
class Case:
    """Files to sync: `make` writes the first ones below `landing`, and the next below `more`."""

    name: str
    make: Callable[[Path, Path], None]


def main() -> None:
    options = _options()
    catalogue = DevelopmentCatalogue(CATALOGUE_PLAYS)
    cases = {
        "polls": [
            Case(f"{options.polls:,} polls", partial(land_polls, catalogue, options.polls, in_one_file=False)),
            Case("The same plays in one file", partial(land_polls, catalogue, options.polls, in_one_file=True)),
        ],
        "playlists": [
            Case(f"{PLAYLISTS} playlists on {options.days} days", partial(land_playlists, catalogue, options.days)),
            Case("On one day", partial(land_playlists, catalogue, 1)),
        ],
    }
    lines = ["# Syncs of many small files", "", str(__doc__).split("\n\n", 1)[1].strip(), ""]
    lines += ["| | First, s | First, GB | One more, s | Of first | One more, GB | Nothing to do, s | `status`, s |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for case in (case for part in options.parts for case in cases[part]):
        with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=options.folder) as folder:
            lines.append(_row(case, Path(folder)))
        print(f"{time.strftime('%H:%M:%S')} {lines[-1]}", flush=True)
        options.report.write_text("\n".join([*lines, ""]))


def _row(case: Case, folder: Path) -> str:
    places = measure.published(folder)
    case.make(folder / "landing", folder / "more")
    first = measure.require(["-m", "spotify_assets", "sync"], folder, **places)
    shutil.copytree(folder / "more", folder / "landing", dirs_exist_ok=True)
    more = measure.require(["-m", "spotify_assets", "sync"], folder, **places)
    nothing = measure.require(["-m", "spotify_assets", "sync"], folder, **places)
    status = measure.require(["-m", "spotify_assets", "status"], folder, **places)
    cells = [
        f"{first.seconds:.1f}",
        f"{first.peak_bytes / 1e9:.1f}",
        f"{more.seconds:.1f}",
        f"{more.seconds / first.seconds:.2f}",
        f"{more.peak_bytes / 1e9:.1f}",
        f"{nothing.seconds:.1f}",
        f"{status.seconds:.1f}",
    ]
    return f"| {case.name} | {' | '.join(cells)} |"


class DevelopmentCatalogue(Catalogue):
    """A catalogue of which each track is read once, and then without the fields that development mode lacks."""

    def _track(self, track_id: str) -> Document:
        return remove_fields(super()._track(track_id), set(GONE_IN_DEVELOPMENT))


def land_polls(catalogue: Catalogue, polls: int, landing: Path, more: Path, *, in_one_file: bool) -> None:
    """Write polls of recent plays, one an hour, and one more; or a file with the plays of the first ones.

    All files are as `poll_recent_plays` lands them.
    """
    ids = list(catalogue.tracks)
    pages = []
    for poll in range(polls + 1):
        at = FIRST + timedelta(hours=poll)
        times = [at - timedelta(minutes=9 * number, milliseconds=137 * number) for number in range(PLAYS_PER_POLL)]
        items = [
            {
                "track": catalogue.tracks[ids[(poll * PLAYS_PER_POLL + number) * 7919 % len(ids)]],
                "played_at": f"{played:%Y-%m-%dT%H:%M:%S}.{played.microsecond // 1000:03}Z",
                "context": None,
            }
            for number, played in enumerate(times)
        ]
        pages.append((at, items))
    *first, last = pages
    if in_one_file:
        first = [(first[-1][0], [item for _, items in reversed(first) for item in items])]
    for folder, group in ((landing, first), (more, [last])):
        for at, items in group:
            path = folder / "history" / LISTENER / "recent" / f"{at:%Y-%m}" / f"{at:%Y%m%dT%H%M%S}000Z.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"items": items, "limit": PAGE, "next": None}, ensure_ascii=False))


def land_playlists(catalogue: Catalogue, days: int, landing: Path, more: Path) -> None:
    """Write captures of the playlists of each of the days, and of the day after, as `capture_playlists` lands them."""
    ids = list(catalogue.tracks)
    for day in range(days + 1):
        at = FIRST + timedelta(days=day, hours=6)
        folder = (landing if day < days else more) / "playlists" / f"{at:%Y-%m-%d}"
        folder.mkdir(parents=True)
        for number in range(PLAYLISTS):
            playlist = id_of("playlist", str(number))
            items = [
                {
                    "added_at": f"{FIRST + timedelta(days=day - place):%Y-%m-%dT%H:%M:%SZ}",
                    "is_local": False,
                    "primary_color": None,
                    "item": catalogue.tracks[ids[(number * 104_729 + day - place) % len(ids)]]
                    | {"episode": False, "track": True},
                    "video_thumbnail": {"url": None},
                }
                for place in range(TRACKS)
            ]
            about = {
                "collaborative": False,
                "description": "",
                "href": f"https://api.spotify.com/v1/playlists/{playlist}",
                "id": playlist,
                "images": [],
                "name": f"Playlist {number}",
                "public": True,
                "snapshot_id": f"{number}-{day}",
                "type": "playlist",
                "uri": f"spotify:playlist:{playlist}",
            }
            pages = [
                {"items": items[start : start + PAGE], "limit": PAGE, "offset": start, "total": TRACKS}
                for start in range(0, TRACKS, PAGE)
            ]
            document = {"captured_at": at.isoformat(), "playlist": about, "pages": pages}
            (folder / f"{playlist}.json").write_text(json.dumps(document, ensure_ascii=False))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=__doc__)
    parser.add_argument("--polls", type=int, default=POLLS, help=f"files of recent plays (default {POLLS:,})")
    parser.add_argument("--days", type=int, default=DAYS, help=f"days of captures (default {DAYS})")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=["polls", "playlists"])
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--folder", type=Path, help="folder for about 4 GB of temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
