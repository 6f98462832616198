"""Characters that no font has: told, with the package that has them, and left out where they are emoji."""

import logging

import pytest

from spotify_assets.dashboard.recap import cards, fonts

LETTERS = "Zoë Ж Ω שלום"


@pytest.fixture
def only_liberation_sans(monkeypatch):
    """Fonts that have none of the characters that the tests use as missing."""
    missing = set("東京\U0001f389\u0e44")
    drawn = fonts.is_drawn
    monkeypatch.setattr(fonts, "is_drawn", lambda character: character not in missing and drawn(character))


def test_what_vl_convert_has_inside_is_drawn_and_what_no_font_has_is_not():
    assert all(map(fonts.is_drawn, LETTERS))
    assert fonts.is_drawn("e\u0301"[1])
    assert fonts._picture("\U0010fffc") == fonts._picture(fonts.NOWHERE)
    assert fonts._picture("A") != fonts._picture(fonts.NOWHERE)


@pytest.mark.usefixtures("only_liberation_sans")
@pytest.mark.parametrize(
    ("texts", "packages"),
    [
        ([LETTERS, "Plain"], []),
        (["東京事変"[:2]], ["fonts-noto-cjk"]),
        (["Party \U0001f389", "\u0e44"], ["fonts-noto-color-emoji", "fonts-noto-core"]),
    ],
)
def test_the_package_of_each_script_is_named(texts, packages):
    assert fonts.missing_packages(texts) == packages


@pytest.mark.usefixtures("only_liberation_sans")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Party \U0001f389 time \U0001f389", "Party time"),
        ("\U0001f389", "\U0001f389"),  # the whole name
        ("東京 \U0001f389", "東京"),  # letters stay
        ("I \u2665 music", "I \u2665 music"),  # Liberation Sans has it
        ("two  blanks", "two  blanks"),
    ],
)
def test_emoji_without_a_font_are_left_out(text, shown):
    assert fonts.without_boxes(text) == shown


@pytest.mark.usefixtures("only_liberation_sans")
def test_a_missing_package_is_logged_once_and_not_by_the_picture_itself(caplog, monkeypatch, of_year):
    cards._log_missing.cache_clear()
    card = cards.Card("one", "One", lambda _: cards.Content("東京"))
    monkeypatch.setattr(cards, "CARDS", [card])
    with caplog.at_level(logging.WARNING):
        cards.card_svg(of_year(2024), card, cards.SIZES["story"])
        assert not caplog.records
        for _ in range(2):
            cards.log_missing_fonts(of_year(2024))
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == ["apt-get install fonts-noto-cjk"]
