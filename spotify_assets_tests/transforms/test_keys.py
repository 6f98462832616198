"""Keys: the same on every run, engine and machine, so their values are pinned here."""

import pytest
from pyspark.sql import functions as F

from spotify_assets.transforms import keys

ID = "2J3n32GeLmMjwuAzyhcSNe"
# All that a person sees as nothing: zero-width space and byte order mark among it.
BLANK = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"


@pytest.fixture
def evaluate(spark):
    """Values of an expression over columns `a`, `b`, ... of text, one a row."""

    def values(expression, *rows):
        names = "abc"[: len(rows[0])]
        frame = spark.createDataFrame(rows, ", ".join(f"{name} string" for name in names))
        return [row[0] for row in frame.select(expression(*map(F.col, names))).collect()]

    return values


@pytest.mark.parametrize("blank", BLANK)
def test_white_space_around_a_text_is_no_part_of_it(evaluate, blank):
    rows = [(f"{blank}A {blank}b{blank}",), (blank,), ("",), (None,)]
    assert evaluate(keys.trim_to_null, *rows) == [f"A {blank}b", None, None, None]
    assert evaluate(keys.normalize_name, *rows) == [f"a {blank}b", "", "", None]


def test_other_invisible_characters_are_part_of_it(evaluate):
    assert evaluate(keys.trim_to_null, ("\u200c",), ("\u200d",), ("\x00",)) == ["\u200c", "\u200d", "\x00"]


@pytest.mark.parametrize(
    ("uri", "kind", "expected"),
    [
        (f"spotify:track:{ID}", "track", ID),
        (f"spotify:track:{ID}", "episode", None),
        (f"https://open.spotify.com/track/{ID}?si=1", "track", ID),
        (f"https://open.spotify.com/intl-de/track/{ID}", "track", ID),
        (f"https://open.spotify.com/episode/{ID}", "track", None),
        (ID, "track", ID),
        (ID[:-1], "track", None),
        (f"{ID}0", "track", None),
        (f"spotify:track:{ID}\n", "track", None),
        ("spotify:local:Band:Album:Song:200", "track", None),
        ("", "track", None),
        (None, "track", None),
    ],
)
def test_ids(evaluate, uri, kind, expected):
    assert evaluate(lambda uri: keys.id_from_uri(uri, kind), (uri,)) == [expected]


@pytest.mark.parametrize(
    ("content_id", "whose", "name", "key"),
    [
        (ID, "Band", "Song", ID),
        (None, "Band", "Song", "name:5ada8406752975bbc06f6dd350d17b68"),
        (None, " BAND\u200b", "song ", "name:5ada8406752975bbc06f6dd350d17b68"),
        (None, None, "Song", "name:767250f50a5f1425b638058449378a89"),
        (None, "Song", None, "name:c25321dd4e13c5210f33e403ff837cba"),
    ],
)
def test_content_is_known_by_its_id_and_else_by_its_names(evaluate, content_id, whose, name, key):
    assert evaluate(keys.content_key, (content_id, whose, name)) == [key]


def test_keys_of_names(evaluate):
    def all_keys(artist, name):
        return F.array(
            keys.recording_key(artist, name, F.lit("key")),
            keys.album_key(artist, name),
            keys.artist_key(artist),
        )

    both, artist = 9102366118626284974, -2426698186278193653
    of_key = 7540006804610737327
    expected = {
        ("Band", "Song"): [both, both, artist],
        (" band", "SONG\u00a0"): [both, both, artist],
        ("BandSong", ""): [4622716546547104491, 4622716546547104491, -5124312050103877839],
        ("Band", None): [of_key, -1, artist],
        (None, "Song"): [of_key, -1, -1],
        (None, None): [of_key, -1, -1],
    }
    assert dict(zip(expected, evaluate(all_keys, *expected), strict=True)) == expected


def test_a_spelling_is_letter_by_letter_and_a_missing_name_is_none_of_the_others(evaluate):
    spellings = [("Band", "Song"), ("band", "Song"), ("Band", None), (None, "Band"), ("Band", ""), (None, None)]
    found = evaluate(keys.spelling_key, *spellings)
    assert found[0] == -3208247530443613477
    assert len(set(found)) == len(spellings)


def test_only_tracks_have_keys_of_tracks(evaluate):
    assert evaluate(lambda kind: keys.track_only_key(kind, F.lit(7)), ("track",), ("episode",)) == [7, -2]
