import hashlib
from datetime import date, datetime

import pytest

from spotify_assets import transforms
from spotify_assets.settings import load_settings
from spotify_assets_tests.transforms.test_judge import listed, record

ID = "2J3n32GeLmMjwuAzyhcSNe"


@pytest.fixture
def play(frame):
    """The one play that a record becomes."""

    def clean(settings=None, **fields):
        raw_plays, raw_files = frame("raw_plays", [record(**fields)]), frame("raw_files", [listed()])
        [row] = transforms.plays(raw_plays, raw_files, settings=settings or load_settings()).collect()
        return row

    return clean


@pytest.mark.parametrize(
    "uri",
    [
        f"spotify:track:{ID}",
        ID,
        f"https://open.spotify.com/track/{ID}?si=0123456789abcdef",
        f"https://open.spotify.com/intl-de/track/{ID}",
    ],
)
def test_a_track_id_in_any_spelling(play, uri):
    row = play(track_uri=uri)
    assert (row["content_type"], row["content_key"], row["track_key"]) == ("track", ID, ID)
    assert row["content_uri"] == f"spotify:track:{ID}"


@pytest.mark.parametrize(
    "uri", ["spotify:local:a:b:c:1", "spotify:track:short", "not an id but 22 long!", f"{ID}\n", None, ""]
)
def test_what_has_no_id_is_known_by_its_names(play, uri):
    names = hashlib.md5(b"band\x1fsong").hexdigest()
    row = play(track_uri=uri)
    assert (row["content_key"], row["content_uri"]) == (f"name:{names}", None)


def test_play_id_is_the_hash_of_what_makes_it_this_play(play):
    row = play()
    micros = int(datetime.fromisoformat("2024-01-31T12:00:00+00:00").timestamp()) * 1_000_000
    expected = hashlib.sha256(f"anna\x1f{micros}\x1f{ID}\x1f200000".encode()).hexdigest()
    assert row["play_id"] == expected[:32]


def test_a_recording_is_the_same_whatever_its_id_case_or_white_space(play):
    keys = {
        play(track_name=track, artist_name=artist, track_uri=uri)["recording_key"]
        for track, artist, uri in [("Söng", "Band", ID), (" söng\t", "BAND\u00a0", None), ("SÖNG", "band", ID[::-1])]
    }
    assert len(keys) == 1


def test_without_both_names_a_recording_is_its_id(play):
    one, other = play(artist_name=None), play(artist_name=None, track_uri=ID[::-1])
    assert one["recording_key"] != other["recording_key"]


def test_an_episode_has_no_track(play):
    row = play(track_uri=None, track_name=None, artist_name=None, episode_uri=f"spotify:episode:{ID}",
               episode_name="#1", show_name="Show")  # fmt: skip
    assert (row["content_type"], row["content_key"], row["content_uri"]) == ("episode", ID, f"spotify:episode:{ID}")
    assert (row["episode_name"], row["show_name"]) == ("#1", "Show")
    assert [row[name] for name in ("track_key", "recording_key", "track_name", "artist_name", "album_name")] == [
        None
    ] * 5


def test_an_audiobook_is_its_chapter(play):
    row = play(track_uri=None, track_name=None, artist_name=None, audiobook_title="Book", chapter_title="1",
               chapter_uri=f"spotify:episode:{ID}", audiobook_uri="spotify:show:3J3n32GeLmMjwuAzyhcSNe")  # fmt: skip
    assert (row["content_type"], row["content_key"]) == ("audiobook", ID)
    assert (row["episode_name"], row["show_name"]) == ("1", "Book")


def test_of_several_contents_the_track_is_played(play):
    assert play(episode_name="x", audiobook_title="y")["content_type"] == "track"
    both = {"track_uri": None, "track_name": None, "episode_name": "x", "audiobook_title": "y"}
    assert play(**both)["content_type"] == "audiobook"


def test_it_ends_at_played_at_and_starts_before(play):
    row = play(ms_played="90500")
    assert row["played_at"] == datetime(2024, 1, 31, 12)
    assert row["started_at"] == datetime(2024, 1, 31, 11, 58, 29, 500_000)


@pytest.mark.parametrize(("ms_played", "is_stream"), [("29999", False), ("30000", True)])
def test_a_stream_is_half_a_minute(play, ms_played, is_stream):
    assert play(ms_played=ms_played)["is_stream"] is is_stream


def test_local_dates_are_in_the_listeners_zone(play):
    settings = load_settings(timezone="UTC", timezones={"anna": "Pacific/Auckland"})
    row = play(settings)
    assert (row["local_date"], row["local_hour"]) == (date(2024, 2, 1), 1)
    assert (play()["local_date"], play()["local_hour"]) == (date(2024, 1, 31), 12)


def test_labels_are_cut(play):
    assert play(platform=" " + "P" * 300)["platform"] == "p" * 255


def test_labels_are_normalized_and_flags_know_when_they_do_not_know(play):
    row = play(platform=" iOS 17 ", reason_start="", reason_end=None, shuffle="TRUE", skipped="0", offline="maybe")
    assert [row[name] for name in ("platform", "reason_start", "reason_end")] == ["ios 17", "unknown", "unknown"]
    assert [row[name] for name in ("shuffle", "skipped", "offline", "incognito")] == [True, False, None, None]
