"""The page, its file and its pictures, as a browser gets them."""

import re
import struct

import pytest

from spotify_assets.dashboard.recap.cards import CARDS, SIZES
from spotify_assets_tests.dashboard.warehouses import HOSTILE, RECAP_OF_2024


def test_the_page_has_the_numbers_of_the_table(full):
    words = full.words("/recap?year=2024")
    for name in ("plays", "artists", "tracks", "albums"):
        assert f"{name} {RECAP_OF_2024[name]} " in words
    assert "1 hour of sound, heard on 4 of 61 days, 4 400 % more than in 2023" in words
    for said in (
        f"1 {HOSTILE} 9:40 2 plays",
        "2 Band 5:20 2 plays",
        "Saturday, 6 January was your biggest day 60 minutes",
        "Every day from 5 January to 6 January 2 days in a row",
        "3 plays in a week By",
        "51 listening age Your music leans to 1990 to 1994",
        "You sat down to listen 4 times A session ends after half an hour of silence. on average 19 minutes a session",
        "2 of 5 plays, so 60 % are left out",
    ):
        assert said in words, said


def test_the_year_that_is_shown_first_is_over(full):
    # The last day is in March 2024.
    assert "<h1>Recap of 2023</h1>" in full.text("/recap")
    assert '<a href="/recap?year=2024">2024</a>' in full.text("/recap")


def test_any_days_can_be_told_of(full):
    words = full.words("/recap?from=2024-01-05&to=2024-01-06&min=30")
    assert "Recap of 5 Jan 2024 to 6 Jan 2024, plays of 30 s or more" in words
    assert "minutes 63 plays 2 artists 1" in words
    assert "Wrapped would show other" not in words
    assert "what Wrapped would show are told of whole years with all plays only" in words
    assert "told of whole years" not in full.words("/recap?year=2024")
    assert "plays 4 " in full.words("/recap?year=2024&min=30")


def test_a_whole_year_as_days_is_that_year(full):
    assert "Wrapped would show other" in full.words("/recap?from=2024-01-01&to=2024-12-31")


def test_a_year_without_plays_says_so(full):
    words = full.words("/recap?year=1999")
    assert "Nothing was heard in 1999" in words
    assert full.get("/recap.html?year=1999").status_code == 404
    assert full.get("/recap/card.png?year=1999").status_code == 404


@pytest.mark.parametrize("year", ["", "x", "0", "99999999999999", "-5", "\u0662\u0660\u0662\u0663"])
def test_what_is_no_year_is_the_usual_one(full, year):
    assert "Recap of 2023" in full.words(f"/recap?year={year}")


def test_no_name_is_markup(full):
    for address in ("/recap?year=2024", "/recap.html?year=2024"):
        assert HOSTILE not in full.text(address)
        assert "&lt;script&gt;alert(1)&lt;/script&gt; was your soundtrack" in full.text(address)


def test_the_file_is_a_download(full):
    answer = full.get("/recap.html?year=2024")
    assert answer.headers["content-disposition"] == 'attachment; filename="recap-2024.html"'
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("size", SIZES)
def test_pictures_are_png_of_their_size(full, size):
    answer = full.get(f"/recap/card.png?year=2024&card=artists&size={size}")
    assert answer.headers["content-type"] == "image/png"
    assert struct.unpack(">II", answer.content[16:24]) == (SIZES[size].width, SIZES[size].height)
    assert answer.headers["cache-control"] == "no-store"


def test_every_picture_of_the_page_is_there(full):
    html = full.text("/recap?year=2024")
    shown = [card.name for card in CARDS if f"card={card.name}&amp;size=story" in html]
    assert shown == ["overview", "artists", "tracks", "albums", "months", "moments"]
    assert all(full.get(f"/recap/card.png?year=2024&card={name}").status_code == 200 for name in shown)


@pytest.mark.parametrize("query", ["card=none", "size=huge", "card=genres"])
def test_no_other_picture_is_there(full, query):
    assert full.get(f"/recap/card.png?year=2024&{query}").status_code == 404


@pytest.mark.parametrize("warehouse", ["empty", "missing"])
@pytest.mark.parametrize("address", ["/recap.html", "/recap/card.png"])
def test_without_plays_there_is_neither(made, warehouse, address):
    assert made[warehouse].get(address).status_code == 404


def test_a_listener_with_one_play_has_a_recap(made):
    words = made["one"].words("/recap")
    assert "3 minutes" in words
    assert "You played Étude once" in words
    assert made["one"].get("/recap.html").status_code == 200
    assert made["one"].get("/recap/card.png").status_code == 200


def test_the_overview_leads_to_the_recap(full):
    assert 'href="/recap"' in full.text("/").split("</nav>")[1]


def test_days_without_plays_are_gaps_in_the_skyline(full):
    skyline = full.text("/recap?from=2024-01-01&to=2024-01-06").split('class="skyline"')[1].split("</svg>")[0]
    assert re.findall(r'<rect x="(\d+)"', skyline) == ["0", "16", "20"]
    assert 'viewBox="0 0 24 100"' in skyline


def test_a_month_is_called_by_its_name(full):
    assert "Recap of January 2024" in full.words("/recap?from=2024-01-01&to=2024-01-31")
