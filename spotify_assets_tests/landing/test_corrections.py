import pytest

from spotify_assets.landing.corrections import (
    BadLineError,
    correction_problems,
    correction_rows,
    exclusion_row,
    merge_row,
    unknown_overrides,
)
from spotify_assets.landing.zone import LandingZone
from spotify_assets_tests.conftest import utc

ID, OTHER = "4uLU6hMCjMI75M1A2tKUQC", "0" * 22


def land(tmp_path, name, content):
    landing = LandingZone(str(tmp_path))
    landing.land(f"overrides/{name}", content.encode())
    return landing


def test_a_merge_takes_names_ids_and_links():
    row = merge_row({"kind": "Recording", "from": f"spotify:track:{ID}", "into": "Band - So\u0308ng"})
    assert (row["kind"], row["merged_from"], row["merged_into"]) == ("recording", ID, "Band - Söng")
    row = merge_row({"kind": "artist", "from": "Old", "into": f"https://open.spotify.com/intl-de/artist/{OTHER}?si=1"})
    assert (row["merged_from"], row["merged_into"]) == ("Old", OTHER)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("genre", "a", "b"), "expected recording, artist or album as kind, got 'genre'"),
        (("artist", "", "b"), "has no from"),
        (("artist", "Band", "BAND"), "merges a name with itself"),
        (
            ("recording", "Song", f"spotify:track:{ID}"),
            "expected an id, a link or 'Artist - Title' as from, got 'Song'",
        ),
        (("artist", "Band", f"spotify:track:{ID}"), "expected the link of one artist as into, got that of one track"),
    ],
)
def test_a_merge_that_is_not_clear_is_refused(line, reason):
    with pytest.raises(BadLineError) as refused:
        merge_row(dict(zip(("kind", "from", "into"), line, strict=True)))
    assert str(refused.value) == reason


def test_days_of_an_exclusion_are_included():
    row = exclusion_row({"what": "period", "value": "", "from": "2024-01-01", "until": "2024-01-31"})
    assert (row["listener"], row["value"]) == ("*", "")
    assert (row["excluded_from"], row["excluded_until"]) == (utc("2024-01-01 00:00:00"), utc("2024-02-01 00:00:00"))
    row = exclusion_row({"what": "period", "value": "", "until": "2024-01-31T12:00:00+02:00"})
    assert (row["excluded_from"], row["excluded_until"]) == (None, utc("2024-01-31 10:00:00"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"what": "genre"}, "expected artist, album, track, show, device, source_file or period as what, got 'genre'"),
        ({"what": "artist"}, "has no value"),
        ({"what": "artist", "value": f"spotify:artist:{ID}"}, "an artist is excluded by name: plays have no id of it"),
        ({"what": "track", "value": f"spotify:artist:{ID}"},
         "expected the link of one track as value, got that of one artist"),
        ({"what": "period"}, "a period needs from or until"),
        ({"what": "period", "from": "May"}, "expected a day as 2024-12-31, or a time, as from, got 'May'"),
        ({"what": "period", "from": "2024-02-01", "until": "2024-01-01"},
         "from 2024-02-01 is not before until 2024-01-01"),
    ],
)  # fmt: skip
def test_an_exclusion_that_is_not_clear_is_refused(line, reason):
    with pytest.raises(BadLineError) as refused:
        exclusion_row({"value": ""} | line)
    assert str(refused.value) == reason


def test_notes_order_and_repeated_lines_change_nothing(tmp_path):
    landing = land(tmp_path, "exclusions.csv", "What,Value,Note\nartist,A,why\nartist,B,\n")
    before = correction_rows(landing, "raw_exclusions")
    land(tmp_path, "exclusions.csv", "\ufeffvalue;what;listener\r\nB;artist;*\r\n\r\nA;artist;\r\nA;artist;\r\n")
    assert correction_rows(landing, "raw_exclusions") == before
    assert len(before) == 2
    land(tmp_path, "exclusions.csv", "what,value\nartist,A\n")
    assert len(correction_rows(landing, "raw_exclusions")) == 1


def test_bad_lines_are_told_with_their_number(tmp_path):
    land(tmp_path, "exclusions.csv", "what,value\nartist,A\nfood,B\n")
    landing = land(tmp_path, "merges.csv", "from,into\na,b\n")
    assert [(problem.path, problem.reason) for problem in correction_problems(landing)] == [
        ("overrides/merges.csv", "its first line is not the header kind,from,into"),
        ("overrides/exclusions.csv",
         "line 3: expected artist, album, track, show, device, source_file or period as what, got 'food'"),
    ]  # fmt: skip


def test_a_file_of_an_unknown_name_is_told(tmp_path):
    for name in ("merges.csv", "genres.csv", "exclusion.csv", ".hidden", "merges.csv.tmp"):
        landing = land(tmp_path, name, "what,value\n")
    names = "date_order.csv, exclusions.csv, genres.csv, merges.csv"
    assert unknown_overrides(landing) == {"overrides/exclusion.csv": f"files of overrides are called {names}"}


def test_genres_of_an_artist_are_several_in_order(tmp_path):
    landing = land(tmp_path, "genres.csv", f'Artist,Genre,Note\n\nBand,"Rock; jazz,",x\nspotify:artist:{ID},zouk,\n')
    rows = correction_rows(landing, "raw_genre_overrides")
    assert [(row["artist"], row["genres"]) for row in rows] == [("Band", ["Rock", "jazz"]), (ID, ["zouk"])]
    land(tmp_path, "genres.csv", f"genre;artist\nzouk;{ID}\nRock, jazz;Band\n")
    assert correction_rows(landing, "raw_genre_overrides") == rows[::-1]


def test_genres_that_are_not_clear_are_refused(tmp_path):
    lines = f"artist,genre\nBand, ;\n,rock\nspotify:album:{ID},rock\nBand,{'x' * 256}\n"
    assert [problem.reason for problem in correction_problems(land(tmp_path, "genres.csv", lines))] == [
        "line 2: has no genre",
        "line 3: has no artist",
        "line 4: expected the link of one artist as artist, got that of one album",
        f"line 5: expected a genre of at most 255 characters, got '{'x' * 40}'...",
    ]
