"""How values are written."""

import pytest

from spotify_assets.dashboard.formats import capitalized, write_amount, write_country, write_genre, write_signed
from spotify_assets.model.genres import GENRE_FAMILIES, LABELS


@pytest.mark.parametrize(
    ("code", "name"), [("SE", "Sweden"), ("KR", "Korea (South)"), ("US", "United States"), ("ZZ", "ZZ"), ("", "")]
)
def test_countries_are_named_where_their_code_is_known(code, name):
    assert write_country(code) == name


def test_whole_numbers_have_no_decimals():
    assert [write_amount(value) for value in (3.0, 3.25, 1234.0)] == ["3", "3.2", "1\u202f234"]
    assert [write_signed(value) for value in (3.0, -3.0, 0.04, 3.25)] == ["+3", "\u22123", "\u00b10", "+3.2"]


@pytest.mark.parametrize(
    ("family", "label"),
    [("rnb_soul", "R&B and soul"), ("hip_hop", "Hip hop"), ("other", "Other genres"), ("all others", "All others")],
)
def test_genres_are_labelled(family, label):
    assert capitalized(write_genre(family)) == label


def test_every_label_is_of_a_family_and_no_two_are_alike():
    assert LABELS.keys() <= GENRE_FAMILIES.keys()
    assert len({write_genre(family) for family in GENRE_FAMILIES}) == len(GENRE_FAMILIES)
