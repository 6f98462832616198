"""Pictures: of the right size, with text in them, and never beyond their edges."""

import re
import struct
import time
import xml.etree.ElementTree as ET

import pytest
import vl_convert

from spotify_assets.dashboard.recap.cards import CARDS, SIZES, card_png, card_svg
from spotify_assets.dashboard.recap.lettering import Letters, Ruler, clusters
from spotify_assets_tests.dashboard.warehouses import HOSTILE


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_no_text_is_beyond_the_edges(long_names, card, size):
    svg = card_svg(long_names, card, SIZES[size])
    if svg is None:
        assert card.name == "genres", "of the warehouse no share of a genre is known"
        return
    ruler, width, edge = Ruler(), SIZES[size].width, SIZES[size].edge
    root = ET.fromstring(svg)
    shift = {id(text): edge for group in root.iter(f"{SVG}g") if group.get("transform") for text in group}
    texts = [*root.iter(f"{SVG}text")]
    assert texts
    for text in texts:
        letters = Letters(float(text.get("font-size")), text.get("font-weight") == "bold")
        next_at = float(text.get("x"))
        for part in [*text] or [text]:  # runs of several scripts, each with its place
            [wide] = ruler.widths([part.text or ""], letters)
            assert float(part.get("x")) == pytest.approx(next_at, abs=0.2), part.text
            next_at += wide + float(text.get("letter-spacing", 0)) * len(clusters(part.text or ""))
            at = float(part.get("x")) + shift.get(id(text), 0)
            start = at - wide * {"end": 1, "middle": 0.5}.get(text.get("text-anchor"), 0)
            assert start >= edge * 0.8, part.text
            assert start + wide <= width - edge * 0.8, part.text


SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_has_its_size_and_takes_less_than_a_second(of_year, size):
    card_png(of_year(2024), CARDS[0], SIZES[size])
    started = time.process_time()
    png = card_png(of_year(2024), CARDS[0], SIZES[size])
    assert time.process_time() - started < 1
    assert struct.unpack(">II", png[16:24]) == (SIZES[size].width, SIZES[size].height)


def test_text_appears_by_the_font_that_vl_convert_has_inside():
    # Named alone, so that no font of this machine can stand in.
    def drawn(text):
        return vl_convert.svg_to_png(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><text y="30" font-size="30" '
            f'font-family="Liberation Sans">{text}</text></svg>'
        )

    assert drawn("Abc") != drawn("")


def test_names_are_escaped(of_year):
    svg = card_svg(of_year(2024), CARDS[1], SIZES["story"])
    assert HOSTILE not in svg
    assert "&lt;script&gt;" in svg
    assert not re.search("<(script|image|use|style)|href", svg)


def test_a_card_of_what_is_not_known_is_none(of_days):
    podcast = of_days("2024-01-06", "2024-01-06")
    assert [card.name for card in CARDS if card_svg(podcast, card, SIZES["wide"])] == ["overview", "moments"]


def test_days_without_plays_are_gaps_in_the_skyline(of_days):
    # Of the days from the 1st to the 6th, the 1st, 5th and 6th have plays: bars stand at 0, 4 and 5 sixths.
    svg = card_svg(of_days("2024-01-01", "2024-01-06"), CARDS[0], SIZES["story"])
    bars = next(group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.get("fill-opacity") == "0.16")
    assert [float(bar.get("x")) for bar in bars] == [0, 720, 900]
