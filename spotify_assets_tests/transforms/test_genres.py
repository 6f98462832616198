"""Families of genres. `named_genres.csv` has real names of genres, and the family in which a person places them."""

import csv
import re
from pathlib import Path

import pytest

from spotify_assets.landing.corrections import genre_row
from spotify_assets.model.genres import GENRE_FAMILIES, GENRE_RULES, OTHER_FAMILY, RULE_PLACES
from spotify_assets.transforms.genres import family_shares, genre_overrides, main_family, with_family

WORDS = [words for words, _, _ in GENRE_RULES]
PLAIN_WORDS = [words for words in WORDS if "*" not in words]
FAMILIES_OF = {"dance pop": "pop", "folk metal": "metal", "pop": "pop", "rock": "rock", "8d": "other", "jazz": "jazz"}


@pytest.fixture(scope="module")
def decided(spark):
    """Family and rule of each genre that the tests of this module name, and of the words of each rule."""
    names = {*named_genres(), *PLAIN_WORDS, *EXAMPLES, *SPELLINGS}
    genres = spark.createDataFrame([(name,) for name in sorted(names)], "genre string")
    return {row["genre"]: (row["genre_family"], row["rule"]) for row in with_family(genres).collect()}


@pytest.fixture
def families(frame):
    """Rows of `genre_families`."""
    return frame("genre_families", [{"genre": genre, "genre_family": of} for genre, of in FAMILIES_OF.items()])


def named_genres():
    with (Path(__file__).parent / "named_genres.csv").open(newline="") as file:
        return {row["genre"]: row["genre_family"] for row in csv.DictReader(file)}


# What decides: the strongest place, then the rule that ends last, then the longest.
EXAMPLES = {
    "christian metal": ("christian", "christian"),
    "folk metal": ("metal", "*metal"),
    "metal folk": ("folk", "*folk"),
    "latin pop": ("latin", "latin pop"),
    "finnish synthpop": ("pop", "*pop"),
    "thai": ("asian", "thai"),
    "thai rock": ("rock", "*rock"),
    "thai piano": ("classical", "piano"),
    "afroambient": ("african", "afro*"),
    "shoe": ("other", None),
    "metallic": ("other", None),
}
SPELLINGS = {
    "hip-hop/rap": "hip_hop",
    "drum 'n' bass": "dance",
    "drum & bass": "dance",
    "r&b": "rnb_soul",
    "forró": "latin",
    "forro\u0301": "latin",
    "children\u2019s music": "children",
    "neue deutsche härte": "metal",
    "?": "other",
}


@pytest.mark.parametrize("genre", EXAMPLES)
def test_the_strongest_last_and_longest_rule_decides(decided, genre):
    assert decided[genre] == EXAMPLES[genre]


@pytest.mark.parametrize("genre", SPELLINGS)
def test_spelling_makes_no_difference(decided, genre):
    assert decided[genre][0] == SPELLINGS[genre]


def test_genres_have_the_family_that_a_person_gives_them(decided):
    expected = named_genres()
    assert len(expected) >= 1500
    assert {name: decided[name][0] for name, family in expected.items() if decided[name][0] != family} == {}
    assert set(expected.values()) == set(GENRE_FAMILIES)


def test_rules_are_well_formed():
    assert [words for words in WORDS if WORDS.count(words) > 1] == []
    for words, place, family in GENRE_RULES:
        assert place in RULE_PLACES, words
        assert family in GENRE_FAMILIES.keys() - {OTHER_FAMILY}, words


def test_the_docs_say_what_a_family_holds():
    docs = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text().partition("## Genres")[2]
    assert [f"| `{family}` | {holds} |" for family, holds in GENRE_FAMILIES.items()] == re.findall(r"\| `.*", docs)[1:]


def test_no_rule_is_shadowed(decided):
    """The words of a rule, as a name, are decided by it: so they are written as names are compared, too."""
    by_words = {words: (family, words) for words, _, family in GENRE_RULES}
    assert {words: decided[words] for words in PLAIN_WORDS if decided[words] != by_words[words]} == {}


def test_every_open_rule_decides_a_real_genre(decided):
    used = {decided[name][1] for name in named_genres()}
    assert sorted(set(WORDS) - set(PLAIN_WORDS) - used) == []


def test_no_rule_is_needless():
    """Without the rule, its words would have another family, or have it by a weaker rule."""

    def bounded(words):
        return (words.lstrip("*") if words.startswith("*") else f" {words}").rstrip("*") + " " * (words[-1] != "*")

    rules = [(RULE_PLACES.index(place), bounded(words)[::-1], family, words) for words, place, family in GENRE_RULES]
    needless = []
    for place, _, family, words in rules:
        name = f" {words} "[::-1]
        others = [(p, name.find(text), -len(text), f) for p, text, f, w in rules if text in name and w != words]
        if others and min(others)[3] == family and min(others)[0] <= place:
            needless.append(words)
    assert needless == []


def test_genres_of_all_inputs_have_a_row_once(computed, frame):
    found = computed(
        "genre_families",
        raw_catalog_artists=frame("raw_catalog_artists", [{"genres": "['Dance Pop', 'rock']"}, {"genres": "set()"}]),
        raw_catalog_tracks=frame("raw_catalog_tracks", [{"genres": "rock; NaN"}, {"genres": None}, {"genres": "nan"}]),
        artist_metadata=frame("artist_metadata", [{"genres": ["Rock ", "x" * 256]}, {"genres": None}]),
        album_metadata=frame("album_metadata", [{"genres": ["samba"]}]),
        raw_genre_overrides=frame("raw_genre_overrides", [{"genres": ["8D", ""]}]),
    )
    assert sorted(tuple(row) for row in found.select("genre", "genre_family", "rule").collect()) == [
        ("8d", "other", None),
        ("dance pop", "pop", "*pop"),
        ("nan", "other", None),
        ("rock", "rock", "*rock"),
        ("samba", "latin", "samba"),
    ]


@pytest.fixture
def rows(spark):
    """Keys and lists of genres."""
    return lambda **lists: spark.createDataFrame([*lists.items()], "key string, genres array<string>")


def test_the_main_family_is_that_of_most_genres(rows, families):
    found = main_family(
        rows(
            most=["jazz", "pop", "rock", "Dance Pop "],
            first=["rock", "pop"],
            other_is_last=["8d", "unheard of", "jazz"],
            unknown=["8d"],
            none=[],
            null=None,
            repeated=["jazz", "pop", "pop"],
        ),
        families,
        "key",
    )
    assert dict(tuple(row) for row in found.collect()) == {
        "most": "pop",
        "first": "rock",
        "other_is_last": "jazz",
        "unknown": "other",
        "repeated": "jazz",
    }


def test_genres_count_in_equal_parts(rows, families):
    found = family_shares(rows(a=["pop", "rock", "unheard of", "folk metal"], b=["pop"], c=None), families, "key")
    assert sorted(tuple(row) for row in found.collect()) == [
        ("a", "metal", 0.25),
        ("a", "other", 0.25),
        ("a", "pop", 0.25),
        ("a", "rock", 0.25),
        ("b", "pop", 1.0),
    ]


ID = "4uLU6hMCjMI75M1A2tKUQC"


def test_lines_of_an_artist_by_name_and_id_count_together_in_their_order(spark, frame):
    lines = (("BAND", "Zouk; Rock"), (ID, "ambient"), ("band", "rock, Jazz"), ("Nobody", "pop"), ("Other", "pop"))
    overrides = [genre_row({"artist": artist, "genre": genre}) for artist, genre in lines]
    raw = frame("raw_genre_overrides", [row | {"position": place} for place, row in enumerate(overrides)])
    named = spark.createDataFrame([(1, "band"), (1, ID), (2, "other"), (2, None), (3, "third")], "k int, name string")
    found = genre_overrides(raw, named, "k")
    assert {row["k"]: row["genres"] for row in found.collect()} == {1: ["zouk", "rock", "ambient", "jazz"], 2: ["pop"]}


def test_without_lines_nothing_is_joined(frame, spark):
    assert (
        genre_overrides(frame("raw_genre_overrides", []), spark.createDataFrame([], "k int, name string"), "k") is None
    )
