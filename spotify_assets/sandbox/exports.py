"""Sample exports in Spotify's formats: an extended history in a zip, one beside account data, account data alone."""

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.landing.zone import HISTORY, LandingZone
from spotify_assets.sandbox.catalogue import id_of, tracks_in
from spotify_assets.sandbox.history import Listening, extended_history
from spotify_assets.sandbox.sample_library import sample_account_data

RECORDS_A_FILE = 16_000
LISTENERS = ("demo-anna", "demo-ben", "demo-chloe")
LANDED_AT = datetime(2025, 1, 10, tzinfo=UTC)
EXTENDED_FOLDER = "Spotify Extended Streaming History"
ACCOUNT_FOLDER = "Spotify Account Data"
# A podcast of the histories, parts of which are exported as an audiobook: its name, and what is made of it.
READ_SHOW, BOOK, EPISODES_A_CHAPTER = "Half a Mystery", "A Winter at the Lighthouse", 6


def land_sample_exports(landing: LandingZone, plays: int) -> tuple[str, ...]:
    """Land the exports of three listeners. They are deterministic to the byte.

    Anna: a zip with her extended history, 2019 to 2024, with an audiobook in its last year. Ben: a folder with an
    extended history until mid-2024, and account data of the last year: history, most of which is superseded by the
    former, playlists and a library; half of what he plays most are tracks that Anna plays less. Chloe: account data of
    the last year, few plays, of music that is half Anna's and half her own, of podcasts and of the audiobook.

    Args:
        landing: The landing zone.
        plays: Total number of records.

    Returns:
        The listeners' names.
    """
    anna, ben, chloe = LISTENERS
    annas = Listening(plays * 6 // 10, datetime(2019, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC), seed=1)
    land_sample(landing, f"{HISTORY}/{anna}/my_spotify_data.zip", zip_files(_anna(annas)))
    chloes = Listening(
        plays * 3 // 100,
        datetime(2024, 1, 10, tzinfo=UTC),
        datetime(2025, 1, 1, tzinfo=UTC),
        seed=3,
        podcast_share=0.06,
        skip_share=0.2,
        own_from=tracks_in(annas.plays),
        late_share=0,  # account data doesn't tell them from plays at the same time
    )
    for name, content in _chloe(chloes):
        land_sample(landing, f"{HISTORY}/{chloe}/{name}", content)
    bens = Listening(
        plays - annas.plays - chloes.plays,
        datetime(2020, 3, 1, tzinfo=UTC),
        datetime(2025, 1, 1, tzinfo=UTC),
        seed=2,
        platform_weights=(0.05, 0.5, 0.1, 0.2, 0.1, 0.05),
        podcast_share=0.15,
        own_from=max(1, tracks_in(annas.plays) // 8),
    )
    for name, content in _ben(bens):
        land_sample(landing, f"{HISTORY}/{ben}/{name}", content)
    return LISTENERS


def _anna(listening: Listening) -> Iterator[tuple[str, bytes]]:
    records = extended_history(listening)
    for name, part in _split_files(records, "Streaming_History_Audio"):
        exported = [_as_audiobook(record) if _is_read(record) else record for record in part.to_pylist()]
        yield f"{EXTENDED_FOLDER}/{name}", format_export(_corrupt_records(exported))
    yield f"{EXTENDED_FOLDER}/ReadMeFirst_ExtendedStreamingHistory.pdf", b"%PDF-1.4 sample"
    yield f"__MACOSX/{EXTENDED_FOLDER}/._ReadMeFirst_ExtendedStreamingHistory.pdf", b"\x00\x05\x16\x07"


def _ben(listening: Listening) -> Iterator[tuple[str, bytes]]:
    records = extended_history(listening)
    until_summer = pc.less(records["ts"], "2024-07-01")
    for name, part in _split_files(records.filter(until_summer), "Streaming_History_Audio"):
        yield f"{EXTENDED_FOLDER}/{name}", format_export(part.to_pylist())
    last_year = records.filter(pc.greater_equal(records["ts"], "2024-01-10")).to_pylist()
    for kind, made in (("music", _music), ("podcast", _podcasts)):
        yield f"{ACCOUNT_FOLDER}/StreamingHistory_{kind}_0.json", format_export(list(made(last_year)))
    yield f"{ACCOUNT_FOLDER}/Userdata.json", format_export({"username": "ben", "country": "SE"})
    for name, document in sample_account_data(last_year):
        yield f"{ACCOUNT_FOLDER}/{name}", format_export(document)


def _chloe(listening: Listening) -> Iterator[tuple[str, bytes]]:
    records = extended_history(listening).to_pylist()
    heard = [record for record in records if not _is_read(record)]
    read = [_as_audiobook(record) for record in records if _is_read(record)]
    for kind, made in (("music", _music(heard)), ("podcast", _podcasts(heard)), ("audiobook", _audiobooks(read))):
        yield f"{ACCOUNT_FOLDER}/StreamingHistory_{kind}_0.json", format_export(list(made))
    yield f"{ACCOUNT_FOLDER}/Userdata.json", format_export({"username": "chloe", "country": "SE"})


def _is_read(record: dict[str, Any]) -> bool:
    return record["episode_show_name"] == READ_SHOW and record["ts"] >= "2024"


def _as_audiobook(record: dict[str, Any]) -> dict[str, Any]:
    """The play of an episode as one of a chapter, in the fields of an extended export."""
    chapter = f"Chapter {int(record['episode_name'].split()[0][1:]) // EPISODES_A_CHAPTER + 1}"
    return (
        record
        | dict.fromkeys(("episode_name", "episode_show_name", "spotify_episode_uri"))
        | {
            "audiobook_title": BOOK,
            "audiobook_uri": f"spotify:show:{id_of('audiobook', BOOK)}",
            "audiobook_chapter_uri": f"spotify:episode:{id_of('chapter', BOOK, chapter)}",
            "audiobook_chapter_title": chapter,
        }
    )


def _music(records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for record in records:
        if record["master_metadata_track_name"]:
            yield {
                "endTime": record["ts"][:16].replace("T", " "),
                "artistName": record["master_metadata_album_artist_name"],
                "trackName": record["master_metadata_track_name"],
                "msPlayed": record["ms_played"],
            }


def _podcasts(records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for record in records:
        if record["episode_name"]:
            yield {
                "endTime": record["ts"][:16].replace("T", " "),
                "podcastName": record["episode_show_name"],
                "episodeName": record["episode_name"],
                "msPlayed": record["ms_played"],
            }


def _audiobooks(records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for record in records:
        yield {
            "endTime": record["ts"][:16].replace("T", " "),
            "audiobookName": record["audiobook_title"],
            "chapterName": record["audiobook_chapter_title"],
            "msPlayed": record["ms_played"],
        }


def _split_files(records: pa.Table, name: str) -> Iterator[tuple[str, pa.Table]]:
    """Parts of a history with file names in Spotify's style, by years and number."""
    for number, start in enumerate(range(0, max(1, len(records)), RECORDS_A_FILE)):
        part = records.slice(start, RECORDS_A_FILE)
        years = sorted({text[:4] for text in (part["ts"][0].as_py(), part["ts"][-1].as_py())}) if len(part) else []
        yield f"{name}_{'-'.join(years)}_{number}.json", part


def _corrupt_records(records: list[Any]) -> list[Any]:
    """Corrupt about one record in 2,000, in six different ways."""
    rng = np.random.default_rng(len(records))
    broken = [
        {"ts": "soon"},
        {"ms_played": -1},
        {"ms_played": "long"},
        {"ts": None},
        {"ts": "1999-12-31T23:59:59Z"},
    ]
    for number, index in enumerate(rng.integers(0, max(1, len(records)), len(records) // 2000)):
        if number % 6 == 5:
            records[index] = "not a record"
        elif isinstance(records[index], dict):
            records[index] = records[index] | broken[number % 5]
    return records


def format_export(document: Any) -> bytes:
    """A JSON document, formatted as in Spotify's exports."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def zip_files(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip of files by name, with the modification time `LANDED_AT`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, LANDED_AT.timetuple()[:6]), data, zipfile.ZIP_DEFLATED, 1)
    return content.getvalue()


def land_sample(landing: LandingZone, path: str, content: bytes) -> None:
    """Land a file with the modification time `LANDED_AT`, unless it exists with the same content."""
    with suppress(FileNotFoundError), landing.open(path) as stream:
        if stream.read() == content:
            return
    with tempfile.NamedTemporaryFile() as written:
        written.write(content)
        written.flush()
        os.utime(written.name, (LANDED_AT.timestamp(), LANDED_AT.timestamp()))
        landing.copy_in(Path(written.name), path)
