"""What the sections of a recap say."""

from dataclasses import replace

from spotify_assets.dashboard.recap.story import sections
from spotify_assets_tests.dashboard.warehouses import HOSTILE


def said(recap):
    return {section.name: section for section in sections(recap)}


def test_the_story_of_a_year(of_year):
    found = said(of_year(2024))
    assert [section.title.replace("\u202f", " ") for section in found.values()] == [
        "anna in 2024, 1 hour of listening so far",
        f"{HOSTILE} was your soundtrack",
        f"{HOSTILE} led 1 of 2 months",
        'You played =HYPERLINK("http://example.com") twice',
        f"{HOSTILE}'s album was the album you stayed with longest",
        "January was your loudest month, with 1.1 h",
        "Saturday, 6 January was your biggest day",
        "Every day from 5 January to 6 January",
        f"One week, it was all {HOSTILE}",
        "Saturday mornings were yours",
        "You met 1 new artist, and 1 stayed",
        "Your ears are of the class of 1973",
        "You sat down to listen 4 times",
        "Wrapped would show other artists, tracks and albums",
    ]
    assert "1 hour of sound, heard on 4 of 61 days, 4 400" in found["opening"].note.replace("\u202f", " ")
    assert "2 of 5 plays, so 60 % are left out" in found["wrapped"].note.replace("\u202f", " ")


def test_sections_fill_rows_of_twelve_columns(of_year, of_days):
    for recap in (
        of_year(2024),
        of_year(2023),
        of_days("2024-01-01", "2024-02-10"),
        of_days("2024-01-05", "2024-01-05"),
    ):
        at = 0
        for section in sections(recap):
            at += section.width
            assert at <= 12
            at %= 12
        assert at == 0


def test_what_is_not_known_is_left_out(of_year, of_days):
    assert {"wrapped", "age", "sprint", "obsession"} & said(of_days("2024-01-01", "2024-12-30")).keys() == set()
    assert "over-time" not in said(of_days("2024-01-05", "2024-01-05"))


def test_a_ranking_has_time_plays_and_bars(of_year):
    [first, second] = said(of_year(2024))["artists"].entries
    assert (first.name, first.value, first.note, first.percent) == (HOSTILE, "9:40", "2 plays", 100.0)
    assert (second.name, second.value, second.percent) == ("Band", "5:20", 55.2)


def test_numbers_after_names_from_the_right_stay_behind_them(of_year):
    recap = of_year(2024)
    names = {
        "ours_tracks": ["שיר"],
        "ours_tracks_by": ["שלמה"],
        "ours_tracks_plays": ["3"],
        "ours_tracks_ms_played": ["1"],
    }
    section = said(replace(recap, row=recap.row | names))["tracks"]
    assert section.title == "You played שיר\u200e 3 times"
    assert section.entries[0].by == "שלמה\u200e"


def test_ours_and_wrapped_are_beside_each_other(of_year):
    artists = said(of_year(2024))["wrapped"].versus[0]
    assert (artists.label, artists.is_same) == ("Artists", False)
    assert [*artists.lines] == [(1, HOSTILE, "Band", False), (2, "Band", HOSTILE, False)]


def test_places_of_one_month_are_no_chart(long_names):
    def has_chart(*sprint):
        row = long_names.row | {"ours_artists": [*"ABCDE"], "sprint": [*sprint, "", "", ""]}
        return "sprint" in said(replace(long_names, row=row))

    assert not has_chart("1,,", "2,,")
    assert has_chart("1,2,", "2,1,")


def test_artists_whose_names_begin_alike_have_lines_of_their_own(long_names):
    names = ["The same long beginning, first", "The same long beginning, second", "A", "B", "C"]
    sprint = [f"{place},{place}" for place in range(1, 6)]
    recap = replace(long_names, row=long_names.row | {"ours_artists": names, "sprint": sprint})
    labels = {row["name"] for row in said(recap)["sprint"].chart["data"]["values"]}
    assert labels == {"The same long beginn\u2026 (1)", "The same long beginn\u2026 (2)", "A", "B", "C"}


def test_genres_are_named_as_people_write_them(of_year):
    genres = [
        {"genre": genre, "hours": hours, "share": hours / 4} for genre, hours in [("rnb_soul", 3.0), ("hip_hop", 1.0)]
    ]
    section = said(replace(of_year(2024), genres=genres))["genres"]
    assert section.title.startswith("R&B and soul above all: 75")
    assert [entry.name for entry in section.entries] == ["R&B and soul", "Hip hop"]
