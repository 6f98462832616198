"""A landing zone with everything in it that is landed anywhere: formats, sources, faults, and hostile values."""

import csv
import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from spotify_assets.landing.zone import LandingZone
from spotify_assets.sandbox.exports import format_export
from spotify_assets.sandbox.history import Listening, extended_history
from spotify_assets.sandbox.sample_catalog import sample_catalog
from spotify_assets_tests.conftest import account, extended
from spotify_assets_tests.readers import test_recently_played as recent
from spotify_assets_tests.readers.test_metadata import album, features, full_artist, line
from spotify_assets_tests.readers.test_playlists import HOSTILE, about, capture, entry, episode, local, page, track
from spotify_assets_tests.readers.test_readers import MAVEN_HEADER, MAVEN_ROW
from spotify_assets_tests.transforms.popularity_rows import popularity_csv

PLAYS = 2_000
COARSE, FINE = "history/ben/StreamingHistory_music_0.json", "history/emma/plays.parquet"
# Cases, scripts and white space of which engines may think differently.
NAMES = (
    "ΟΔΥΣΣΕΥΣ", "ΑΣ ΒΣ", "İstanbul", "ẞtraße", "Ǆ", "ﬁ", "e\u0301tude", "étude", "ÉTUDE", "日本語", "😀", "\U00010400",
    "\u00a0Song\u2003", "\tsong\n", "\u200bSong", "a\u0000b", "a\u001fb", "\u202eevil", "", "  ", "x" * 3_000,
    "100%", "it's", '"quoted"', "back\\slash", "$1", "name:song", "unknown", "NULL",
)  # fmt: skip
ID = "0123456789abcdefghijAB"
URIS = (
    f"spotify:track:{ID}", f"spotify:track:{ID}:x", f"spotify:episode:{ID}", "spotify:track:", "spotify:track:short",
    ID, f"{ID}\n", f" {ID}", f"https://open.spotify.com/track/{ID}?si=1", f"https://open.spotify.com/intl-de/track/{ID}",
)  # fmt: skip
DURATIONS = (
    "60000", "60000.0", "60000.", "60000.0\n", "\u000060000", " 60000 ", "\t60000\u001f", "+60000", "6e4", "60000d",
    "60_000", "٦٠٠٠٠", "0x10", "NaN", "9223372036854775808", "-1", "86400000", "86400001", "499", "500", "29999",
)  # fmt: skip
TIMES = (
    "2024-03-31T00:59:59Z", "2024-03-31T01:00:00Z", "2024-10-27T00:30:00Z", "2024-12-31T23:59:59.999999Z",
    "2024-02-29 23:59", "29-02-2024 13:37", "2023-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "yesterday", "now", "2024",
)  # fmt: skip


def land_everything(landing: LandingZone) -> None:
    """Land it all: five months of plays, and playlists of three days."""
    for path, content in (*_history(), *_hostile_history(), *_playlists(), *_metadata(), *_overrides()):
        landing.land(path, content if isinstance(content, bytes) else json.dumps(content).encode("utf-8", "replace"))


def land_catalogue_and_library(landing: LandingZone) -> None:
    """Land catalogue files, genres that a person wrote, and the library of a listener's account data."""
    for path, content in _catalog():
        landing.land(path, content)
    saved = [
        {"artist": "Band", "album": "Album", "track": name, "uri": uri} for name, uri in zip(NAMES, URIS, strict=False)
    ]
    library = {"tracks": saved, "albums": saved, "artists": [{"name": "Band", "uri": ""}], "shows": [], "episodes": []}
    landing.land("overrides/genres.csv", b"artist,genre\nBand,polka; pop\n")
    landing.land("history/ben/YourLibrary.json", json.dumps(library).encode())


def land_one_more_day(landing: LandingZone) -> None:
    """Land another day of a playlist."""
    snapshot = capture(track("New"), track("A"), name="Evening")
    landing.land("playlists/2024-01-05/p.json", json.dumps(snapshot).encode())


def land_one_more_month(landing: LandingZone) -> None:
    """Land a month of plays, with one that repeats an earlier one."""
    june, july = datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)
    plays = extended_history(Listening(300, june, july, seed=5)).to_pylist()
    landing.land("history/anna/june.json", format_export([*plays, plays[0], extended("2024-01-31T13:37:00Z")]))


def _history() -> Iterator[tuple[str, Any]]:
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
    annas = extended_history(Listening(PLAYS, start, end, seed=1)).to_pylist()
    yield "history/anna/my_spotify_data.zip", _zipped("Streaming_History_Audio_2024_0.json", format_export(annas))
    bens = extended_history(Listening(PLAYS // 2, start, end, seed=2, podcast_share=0.3)).to_pylist()
    yield "history/ben/endsong_0.json", format_export([record for record in bens if record["ts"] < "2024-04"])
    yield COARSE, format_export([_as_account_data(record) for record in bens if _is_music_since_march(record)])
    yield from _csvs()
    emmas = [extended(f"2024-04-{day:02}T12:00:00Z", track=f"Song {day % 5}") for day in range(1, 31)]
    yield "history/emma/plays.ndjson", "\n".join(map(json.dumps, emmas)).encode()
    yield FINE, _parquet([*emmas[10:], extended("2024-04-30T12:00:00Z", 90_000, "Other")])
    polls = [recent.play(f"2024-05-02T13:{minute}:00.{minute}Z", "AB"[minute % 2]) for minute in range(10, 60)]
    yield "history/emma/recent/1.json", recent.page(*polls[:30])
    yield "history/emma/recent/2.json", recent.page(*polls[20:])


def _is_music_since_march(record: dict[str, Any]) -> bool:
    return record["ts"] >= "2024-03" and bool(record["master_metadata_track_name"])


def _as_account_data(record: dict[str, Any]) -> dict[str, Any]:
    """What account data tells of an extended history's record."""
    names = (record[f"master_metadata_{name}"] for name in ("track_name", "album_artist_name"))
    return account(record["ts"][:16].replace("T", " "), record["ms_played"], *names)


def _csvs() -> Iterator[tuple[str, Any]]:
    rows = [MAVEN_ROW.replace("2013-07-08 02:44", f"2024-02-{day:02} 02:44") for day in range(1, 29)]
    yield "history/cleo/spotify_history.csv", "\n".join([MAVEN_HEADER, *rows, rows[0], "torn,row", MAVEN_ROW]).encode()
    excel = [
        MAVEN_ROW.replace("2013-07-08 02:44:34", f"{day:02}-03-2024 02:44").replace(
            '"Say It, Just Say It"', f"Say {day}"
        )
        for day in range(1, 9)
    ]
    yield "history/cleo/excel.csv", "\r\n".join([MAVEN_HEADER, *excel]).replace(",", ";").encode("utf-8-sig")


def _hostile_history() -> Iterator[tuple[str, Any]]:
    moment = "2024-01-31T13:{:02}:{:02}Z"
    fields = [name for name in extended("") if name not in ("ts", "ip_addr")]
    records: list[Any] = [
        extended(moment.format(number, second)) | {name: value}
        for number, name in enumerate(fields)
        for second, value in enumerate(HOSTILE)
    ]
    records += [extended("2024-02-10T12:00:00Z", track=name, artist="Band") for name in NAMES]
    records += [extended("2024-02-11T12:00:00Z", track="Song", artist=name) for name in NAMES]
    records += [extended("2024-02-12T12:00:00Z", master_metadata_album_album_name=name) for name in NAMES]
    spoken = [{"episode_name": name, "episode_show_name": name} for name in NAMES]
    records += [extended("2024-02-13T12:00:00Z", track=None, **names) for names in spoken]
    records += [extended("2024-02-14T12:00:00Z", platform=name, reason_start=name) for name in NAMES]
    records += [extended(f"2024-02-15T12:00:{second:02}Z", spotify_track_uri=uri) for second, uri in enumerate(URIS)]
    records += [extended(f"2024-02-16T12:00:{second:02}Z", text) for second, text in enumerate(DURATIONS)]
    records += [extended(text) for text in TIMES] + [extended("2024-02-17T12:00:00Z")] * 3
    book: dict[str, Any] = {"track": None, "audiobook_title": "Book", "audiobook_chapter_title": "1"}
    chapters = [uri.replace("track", "chapter") for uri in URIS]
    records += [
        extended(f"2024-02-18T12:00:{second:02}Z", audiobook_chapter_uri=uri, **book)
        for second, uri in enumerate(chapters)
    ]
    yield "history/dora/Streaming_History_Audio_2024.json", [*records, 5, "text", None, {}, []]
    yield "history/dora/cut.json", b"[{"
    yield "history/dora/latin.csv", f"{MAVEN_HEADER}\n{MAVEN_ROW}".replace("Say", "S\u00e5y").encode("latin-1")
    yield "history/dora/notes.txt", b"not mine"


def _playlists() -> Iterator[tuple[str, Any]]:
    items = [entry(track(f"T{number}") | {name: value}) for number, value in enumerate(HOSTILE) for name in track()]
    items += [entry(track("T", album=track()["album"] | {name: value})) for value in HOSTILE for name in album()]
    items += [entry(track(name, name)) for name in NAMES]
    items += [entry(local()), entry(local("Demo", "One", "Two")), entry(episode()), entry(None), entry(track("T1"))]
    yield "playlists/2024-01-01/hostile.json", {"playlist": about("h" * 22), "pages": [page(*items)]}
    yield "playlists/2024-01-01/p.json", capture(track("A"), track("B", "Band", "Guest"), track("C"), name="Morning")
    yield "playlists/2024-01-01/p.120000.json", capture(track("A"), track("B", "Band", "Guest"), track("B"), episode())
    for number, value in enumerate(HOSTILE):
        described = about(f"{number:022}") | {"description": value, "owner": {"id": value}, "public": value}
        yield f"playlists/2024-01-02/{number}.json", described | {"tracks": page(*items[:2])}
    yield "playlists/2024-01-02/p.json", capture(track("B"), track("A"), track("D", on="Other"), name="Evening")
    yield "playlists/2024-01-02/cut.json", b"[{"
    yield "playlists/2024-01-04/p.json", capture(name="Evening")
    yield "playlists/2024-01-04/items.json", [entry(track("A")), entry(track("B"))]


def _metadata() -> Iterator[tuple[str, Any]]:
    bodies = {"tracks": track("T1"), "albums": album(), "artists": full_artist(), "audio_features": features("T1")}
    for kind, body in bodies.items():
        lines = [line(body["id"], body | {name: value}) for value in HOSTILE for name in body]
        lines += [line(f"{number:022}", body | {"name": name}) for number, name in enumerate(NAMES)]
        lines += [
            line(body["id"], body, moment) for moment in ("2024-05-01T00:00:00Z", "0001-01-01T00:00:00Z", "soon")
        ]
        yield f"metadata/{kind}/a.ndjson", "".join([*lines, line("0" * 22, None)]).encode("utf-8", "replace")


def _overrides() -> Iterator[tuple[str, Any]]:
    yield "overrides/merges.csv", b"kind,from,into\nartist,\xce\x91\xce\xa3 \xce\x92\xce\xa3,Band\nbroken\n"
    exclusions = "listener,what,value,from,until,note\n*,artist,100%,,,\nemma,period,,2024-04-10,2024-04-12,away\n"
    yield "overrides/exclusions.csv", exclusions.encode()


def _catalog() -> Iterator[tuple[str, Any]]:
    """A file of each kind for the sample history, enough tracks for the popularity model, and names and values that
    engines may read otherwise.
    """
    for name, content in sample_catalog(PLAYS):
        if not name.startswith("exportify/"):
            yield f"catalog/{name}", content
    rows = [
        {"track_name": name, "artist_name": "Band", "popularity": value, "release_date": time, "duration_ms": value,
         "explicit": value, "energy": value, "danceability": "0.5", "genres": name, "album_name": name}
        for name, value, time in zip(NAMES, itertools.cycle(DURATIONS), itertools.cycle(TIMES), strict=False)
    ]  # fmt: skip
    hostile = io.StringIO()
    writer = csv.DictWriter(hostile, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    yield "catalog/hostile.csv", hostile.getvalue().encode()
    yield "catalog/popular.csv", popularity_csv()
    artists = "id,name,followers,genres,artist_popularity\n" + f'{ID},Band,12.0,"[\'a\', "b\'s"]",7\n'
    yield "catalog/artists_of_one.csv", artists.encode()


def _zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _parquet(records: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(records), buffer)
    return buffer.getvalue()
