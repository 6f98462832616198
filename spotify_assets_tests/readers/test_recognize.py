"""Catalogue files, told from listening history by what is in them."""

import gzip
import io
import json
import zipfile

import pytest

from spotify_assets.readers.recognize import no_catalog_reason
from spotify_assets.settings import load_settings
from spotify_assets_tests.conftest import extended

ARTISTS = b"id,name,followers\nA1,Band,7\n"
EXPORTIFY = b"Track URI,Track Name,Artist Name(s),Album Name,Explicit,Added By,Added At\n"
HISTORY = json.dumps([extended("2024-01-31T13:37:00Z")]).encode()
CUT = "it is no whole zip (File is not a zip file); was the download cut off?"
HISTORY_CSV = b"ts,ms_played,track_name\n"


def packed(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return content.getvalue()


CASES = [
    ("a.csv", ARTISTS, None),
    ("a.json", ARTISTS, None),
    ("playlist.csv", EXPORTIFY, None),
    ("a.csv.gz", gzip.compress(ARTISTS), None),
    ("archive.zip", packed(a__csv=ARTISTS, readme__txt=b"colour,size"), None),
    ("b.csv", b"colour,size\n", "its header is none of a catalogue: colour,size"),
    ("b.csv", HISTORY_CSV, "it is listening history"),
    ("b.json", HISTORY, "it is JSON, and only CSV is read here"),
    ("my_spotify_data.zip", packed(a__json=HISTORY, b__json=HISTORY), "nothing that it holds is a catalogue file"),
    ("mixed.zip", packed(a__csv=ARTISTS, b__json=HISTORY), "it holds listening history, too"),
    ("mixed.zip", packed(b__csv=HISTORY_CSV, a__csv=ARTISTS), "it holds listening history, too"),
    ("cut.zip", packed(a__csv=ARTISTS)[:40], CUT),
    ("image.png", b"\x89PNG\r\n\x1a\n\0\0", "it is no text, and no Parquet"),
    ("empty.csv", b"", "it is empty"),
]


# Archives hold times: as ids of tests, contents would differ between processes.
@pytest.mark.parametrize(("name", "content", "reason"), CASES, ids=[f"{case[0]}{n}" for n, case in enumerate(CASES)])
def test_what_is_in_a_file_decides(name, content, reason):
    assert no_catalog_reason(name, lambda: io.BytesIO(content), load_settings()) == reason


def test_a_file_that_cant_be_read_is_an_error():
    def fail():
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        no_catalog_reason("a.csv", fail, load_settings())
