import random
from itertools import pairwise

import pytest

from spotify_assets.landing.corrections import merge_row
from spotify_assets.transforms import identity
from spotify_assets_tests.conftest import utc
from spotify_assets_tests.transforms.test_metrics import partials, played

__all__ = ["partials"]  # a fixture

NO_MEMBERS = (-1, -2)


@pytest.fixture
def content(partials):
    return lambda rows: partials(rows)["monthly_content"]


@pytest.fixture
def canonical(computed):
    """Canonical key and `merged_by` of each key of a dimension, less the members for unknown and not applicable."""

    def collect(table, **inputs):
        key = f"{table.removeprefix('dim_')}_key"
        rows = computed(table, **inputs).collect()
        return {row[key]: (row[f"canonical_{key}"], row["merged_by"]) for row in rows if row[key] not in NO_MEMBERS}

    return collect


def in_catalogue(track, recording, isrc=None, artist="Band", artist_id=None, **more):
    """A row of `track_catalogue`."""
    return {
        "track_key": track,
        "spelling_key": recording,
        "recording_key": recording,
        "track_name": track,
        "artist_name": artist,
        "artist_ids": [artist_id or ""],
        "artist_names": [artist],
        "isrc": isrc,
        "seen_at": utc("2024-01-01 00:00:00"),
    } | more


def test_recordings_that_share_an_id_are_one_under_the_name_played_last(content, computed):
    rows = [
        played("2020-05-01 10:00:00", "a", recording_key=1, track_name="Hit"),
        played("2024-05-01 10:00:00", "a", recording_key=2, track_name="Hit (Remastered)"),
        played("2024-05-02 10:00:00", "b", recording_key=1, track_name="Hit", ms=1_000),
        played("2022-05-01 10:00:00", "c", recording_key=3, track_name="Other"),
    ]
    found = (
        computed("dim_recording", monthly_content=content(rows)).where("recording_key > 0").orderBy("recording_key")
    )
    columns = ("recording_key", "canonical_recording_key", "canonical_track_key", "merged_by", "track_name")
    assert [tuple(row[name] for name in columns) for row in found.collect()] == [
        (1, 1, "a", "id", "Hit"),
        (2, 1, "a", "id", "Hit"),
        (3, 3, "c", "none", "Other"),
    ]


@pytest.mark.parametrize("most", [identity.MAX_LINKS, 0])
def test_a_chain_of_recordings_is_one(content, canonical, monkeypatch, most):
    monkeypatch.setattr(identity, "MAX_LINKS", most)
    # Keys in no order, all different: 2 generates the residues of 101.
    keys = [pow(2, step, 101) for step in range(50)]
    rows = [
        played(f"2024-01-01 10:{step:02d}:{place:02d}", f"id{step}", recording_key=key)
        for step, pair in enumerate(pairwise(keys))
        for place, key in enumerate(pair)
    ]
    found = canonical("dim_recording", monthly_content=content(rows))
    assert found == dict.fromkeys(keys, (keys[-1], "id"))


@pytest.mark.parametrize("seed", range(3))
def test_components_are_the_same_here_as_by_the_engine(spark, seed):
    random_ = random.Random(seed)
    links = [(random_.randrange(60), random_.randrange(60), random_.randrange(3)) for _ in range(25)]
    frame = spark.createDataFrame(links, "key bigint, linked bigint, evidence int")
    found = identity.components_of(links)
    assert sorted(found) == sorted(map(tuple, identity._components(frame).collect()))
    assert len({component for _, component, _ in found}) > 1


def test_recordings_that_share_an_isrc_are_one(content, canonical, frame):
    catalogue = [
        in_catalogue("a", 1, "SE-ABC-24-00001"),
        in_catalogue("b", 2, "seabc2400001"),
        in_catalogue("c", 3, "SEABC2400002"),
        in_catalogue("d", 4, "garbage"),
        in_catalogue("e", 5, "garbage"),
    ]
    rows = [played("2024-01-01 10:00:00", "b", recording_key=2)]
    found = canonical(
        "dim_recording", monthly_content=content(rows), track_catalogue=frame("track_catalogue", catalogue)
    )
    assert found == {1: (2, "isrc"), 2: (2, "isrc"), 3: (3, "none"), 4: (4, "none"), 5: (5, "none")}


def test_isrcs_of_catalogue_files_link_recordings_where_responses_tell_none(content, canonical, frame):
    rows = [played("2024-01-01 10:00:00", track, recording_key=key) for key, track in enumerate("abcd", 1)]
    rows += [played("2024-01-01 10:00:00", "name:x", recording_key=key, content_uri=None) for key in (5, 6)]
    codes = {"a": "SEABC2400001", "b": "SE-ABC-24-00001", "c": "SEABC2400001", "d": "?", "name:x": "SEABC2400009"}
    found = canonical(
        "dim_recording",
        monthly_content=content(rows),
        track_catalogue=frame("track_catalogue", [in_catalogue("c", 3, "SEABC2400002")]),
        catalog_track_metadata=frame(
            "catalog_track_metadata", [{"catalog_track_key": key, "isrc": isrc} for key, isrc in codes.items()]
        ),
    )
    assert {key: merged_by for key, (_, merged_by) in found.items()} == {
        1: "isrc",
        2: "isrc",
        3: "none",  # a response tells another one
        4: "none",
        5: "none",  # a name is no id
        6: "none",
    }
    assert found[1][0] == found[2][0]


def test_names_without_an_id_are_not_linked_by_their_hash(content, canonical):
    rows = [
        played("2024-01-01 10:00:00", "name:x", recording_key=1, content_uri=None),
        played("2024-01-02 10:00:00", "name:x", recording_key=2, content_uri=None),
    ]
    assert canonical("dim_recording", monthly_content=content(rows)) == {1: (1, "none"), 2: (2, "none")}


def test_a_name_is_preferred_to_none(content, computed):
    rows = [
        played("2024-01-01 10:00:00", "a", recording_key=1),
        played("2024-01-02 10:00:00", "a", None, recording_key=2, track_name=None),
    ]
    found = computed("dim_recording", monthly_content=content(rows)).where("recording_key > 0").collect()
    assert {(row["canonical_recording_key"], row["track_name"], row["artist_name"]) for row in found} == {
        (1, "a", "Band")
    }


def artists_by_name(computed, **inputs):
    """Name of the canonical artist, and `merged_by`, by name."""
    rows = [row for row in computed("dim_artist", **inputs).collect() if row["artist_key"] not in NO_MEMBERS]
    names = {row["artist_key"]: row["artist_name"] for row in rows}
    return {row["artist_name"]: (names[row["canonical_artist_key"]], row["merged_by"]) for row in rows}


def test_an_artist_who_is_renamed_stays_one(content, computed):
    rows = [
        played("2020-05-01 10:00:00", "a", "Old"),
        played("2020-06-01 10:00:00", "b", "Old"),
        played("2024-05-01 10:00:00", "a", "New"),
        played("2024-05-02 10:00:00", "c", "Other"),
    ]
    assert artists_by_name(computed, monthly_content=content(rows)) == {
        "Old": ("New", "id"),
        "New": ("New", "id"),
        "Other": ("Other", "none"),
    }


@pytest.mark.parametrize(
    "rows",
    [
        # The former is heard again after the other's first play.
        [("2020-05-01", "a", "One"), ("2021-05-01", "a", "Two"), ("2022-05-01", "b", "One")],
        # Nothing was played under both names.
        [("2020-05-01", "a", "One"), ("2021-05-01", "b", "Two")],
        # Names without an id.
        [("2020-05-01", "name:x", "One"), ("2021-05-01", "name:x", "Two")],
    ],
)
def test_artists_who_share_a_recording_stay_two(content, computed, rows):
    monthly = content([played(f"{day} 10:00:00", track, artist) for day, track, artist in rows])
    assert {found for _, found in artists_by_name(computed, monthly_content=monthly).values()} == {"none"}


def test_two_artists_who_follow_a_third_stay_two(content, computed):
    rows = [
        played("2020-05-01 10:00:00", "a", "Duo"),
        played("2020-05-01 10:00:00", "b", "Duo"),
        played("2021-05-01 10:00:00", "a", "She"),
        played("2021-05-02 10:00:00", "b", "He"),
        played("2021-06-01 10:00:00", "c", "She"),
    ]
    assert artists_by_name(computed, monthly_content=content(rows)) == {
        "Duo": ("She", "id"),
        "She": ("She", "id"),
        "He": ("He", "none"),
    }


def test_names_of_one_artist_id_are_one(computed, frame):
    catalogue = frame(
        "track_catalogue",
        [
            in_catalogue("a", 1, artist="Old", artist_id="x"),
            in_catalogue("b", 2, artist="New", artist_id="x", seen_at=utc("2024-02-01 00:00:00")),
            in_catalogue("c", 3, artist="Other", artist_id=None),
            in_catalogue("d", 4, artist="Another", artist_id=None),
        ],
    )
    assert artists_by_name(computed, track_catalogue=catalogue) == {
        "Old": ("New", "id"),
        "New": ("New", "id"),
        "Other": ("Other", "none"),
        "Another": ("Another", "none"),
    }


def test_albums_of_one_name_by_names_of_one_artist_are_one(content, computed):
    rows = [
        played("2020-05-01 10:00:00", "a", "Old", album_name="First"),
        played("2024-05-01 10:00:00", "a", "New", album_name="first "),
        played("2024-05-01 11:00:00", "b", "New", album_name="Second"),
        played("2024-05-01 11:00:00", "c", "Other", album_name="First"),
    ]
    monthly = content(rows)
    albums = computed("dim_album", monthly_content=monthly).where("album_key NOT IN (-1, -2)").collect()
    names = {row["album_key"]: (row["artist_name"], row["album_name"]) for row in albums}
    found = {names[row["album_key"]]: (names[row["canonical_album_key"]], row["merged_by"]) for row in albums}
    new, second, other = ("New", "first "), ("New", "Second"), ("Other", "First")
    assert found == {
        ("Old", "First"): (new, "artist"),
        new: (new, "artist"),
        second: (second, "none"),
        other: (other, "none"),
    }


@pytest.mark.integration
def test_metrics_count_by_canonical_keys(partials, computed):
    rows = [
        played("2020-05-01 10:00:00", "a", "Old", recording_key=1, track_name="Hit"),
        played("2024-05-02 10:00:00", "a", "New", recording_key=2, track_name="Hit"),
        played("2024-05-02 10:05:00", "a", "New", recording_key=3, track_name="Hit (Remastered)"),
    ]
    of = partials(rows)
    [track] = computed("track_metrics", **of).collect()
    assert (track["recording_key"], track["track_key"], track["total_plays"]) == (3, "a", 3)
    assert (track["track_name"], track["artist_name"]) == ("Hit (Remastered)", "New")
    for table in ("artist_metrics", "album_metrics"):
        [row] = computed(table, **of).collect()
        assert (row["artist_name"], row["total_plays"]) == ("New", 3), table
    [_, day] = computed("daily_listening", **of).orderBy("date").collect()
    assert (day["plays"], day["tracks"], day["artists"]) == (2, 1, 1)


def merges(frame, *lines):
    rows = [merge_row(dict(zip(("kind", "from", "into"), line, strict=True))) for line in lines]
    return frame("raw_merges", rows)


def test_a_person_merges_recordings_by_name_or_id(content, canonical, frame):
    track = "4uLU6hMCjMI75M1A2tKUQC"
    rows = [
        played("2024-05-01 10:00:00", track, recording_key=1),
        played("2024-05-02 10:00:00", "b", recording_key=2, track_name="Hit - Live"),
        played("2024-05-03 10:00:00", "c", recording_key=3, track_name="Other"),
        played("2024-05-04 10:00:00", "d", recording_key=4, track_name="Last"),
    ]
    lines = [
        ("recording", "band - hit - live", f"spotify:track:{track}"),
        ("recording", "Band - Other", "Band - Hit - Live"),
        ("recording", "Band - Last", "Band - unheard of"),
        ("artist", "Band - Last", "Band - Other"),
    ]
    found = canonical("dim_recording", monthly_content=content(rows), raw_merges=merges(frame, *lines))
    # What nothing is merged into from is counted under, though it wasn't played last.
    assert found == dict.fromkeys((1, 2, 3), (1, "override")) | {4: (4, "none")}


@pytest.mark.integration
def test_a_person_merges_artists_and_their_albums(partials, computed, frame):
    rows = [
        played("2024-05-01 10:00:00", "a", "The Band"),
        played("2024-05-02 10:00:00", "b", "Band"),
        played("2024-05-03 10:00:00", "c", "Band", album_name="Album (Deluxe)"),
    ]
    lines = [("artist", "BAND", "The Band"), ("album", "Band - Album (Deluxe)", "Band - Album")]
    inputs = partials(rows) | {"raw_merges": merges(frame, *lines)}
    assert set(artists_by_name(computed, **inputs).values()) == {("The Band", "override")}
    [album] = computed("album_metrics", **inputs).collect()
    assert (album["album_name"], album["artist_name"], album["total_plays"]) == ("Album", "Band", 3)
