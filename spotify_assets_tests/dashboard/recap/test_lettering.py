"""Text is cut where it is too wide, and never within what a reader takes for one character."""

import re

import pytest

from spotify_assets.dashboard.recap.lettering import (
    CJK_FONTS,
    EMOJI_FONTS,
    FONT,
    Letters,
    Ruler,
    Run,
    isolated,
    runs,
    shorten,
)

LARGE = Letters(40, is_bold=True)


def test_widths_are_in_proportion_to_the_size():
    ruler = Ruler()
    [narrow, wide] = ruler.widths(["iiii", "WWWW"], LARGE)
    assert 0 < narrow * 3 < wide
    assert ruler.widths(["WWWW"], Letters(20, is_bold=True)) == [wide / 2]


@pytest.mark.parametrize(
    "text",
    [
        "The name of an orchestra that is much too long for this line",
        "\u691c\u7d22\u3057\u3066\u3082\u898b\u3064\u304b\u3089\u306a\u3044" * 5,
        "\u0641\u064a\u0631\u0648\u0632 \u0648\u0641\u0631\u0642\u0629 " * 6,
        "\U0001f469\u200d\U0001f3a4" * 30,
        "e\u0301" * 60,
        "x" * 5000,
    ],
)
def test_what_is_too_wide_is_cut(text):
    ruler = Ruler()
    fitted = ruler.fit(text, LARGE, 300)
    assert "\u2026" in fitted
    assert ruler.widths([fitted], LARGE)[0] <= 300
    assert text.startswith(fitted.rstrip("\u200f").removesuffix("\u2026"))


def test_what_fits_stays():
    assert Ruler().fit_all(["Band", "", "\u00c9tude"], LARGE, 300) == ["Band", "", "\u00c9tude"]


def test_joined_emoji_marks_and_flags_are_not_cut_in_two():
    ruler = Ruler()
    for one in ("\U0001f469\u200d\U0001f3a4", "\U0001f1f8\U0001f1ea", "e\u0301", "\u2764\ufe0f"):
        fitted = ruler.fit(one * 40, LARGE, 250).removesuffix("\u2026")
        assert fitted
        assert fitted == one * (len(fitted) // len(one))


def test_the_ellipsis_of_text_from_the_right_stands_at_its_left():
    assert Ruler().fit("\u05e9\u05dc\u05d5\u05dd " * 20, LARGE, 300).endswith("\u2026\u200f")


def test_a_number_is_not_parted_from_its_unit():
    lines = Ruler().lines("Indie above all: 26\u202f% of it", LARGE, 300, 3)
    assert any("26\u202f%" in line for line in lines)
    assert " ".join(lines) == "Indie above all: 26\u202f% of it"
    assert len(lines) > 1


def test_lines_break_at_spaces_and_the_last_is_cut():
    ruler = Ruler()
    assert ruler.lines("April was your loudest month", LARGE, 320, 3) == ["April was your", "loudest month"]
    lines = ruler.lines("April was your loudest month of all the months that there were", LARGE, 320, 2)
    assert len(lines) == 2
    assert lines[1].endswith("\u2026")
    [cut] = ruler.lines("A" * 200, LARGE, 320, 2)
    assert cut.endswith("\u2026")


def test_a_label_is_cut_by_characters_as_readers_count_them():
    assert shorten("Band", 4) == "Band"
    assert shorten("Bands", 4) == "Band\u2026"
    assert shorten("\U0001f469\u200d\U0001f3a4" * 3, 2) == "\U0001f469\u200d\U0001f3a4" * 2 + "\u2026"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Zoë, Ж Ω שלום 12", [("Zoë, Ж Ω שלום 12", "")]),
        ("周杰倫 Jay Chou", [("周杰倫 ", CJK_FONTS), ("Jay Chou", "")]),
        ("You played 夜に、駆ける twice", [("You played ", ""), ("夜に、駆ける ", CJK_FONTS), ("twice", "")]),
        ("방탄소년단 (BTS)", [("방탄소년단 ", CJK_FONTS), ("(BTS)", "")]),
        (
            "\U0001f525 Party \u2764\ufe0f",
            [("\U0001f525", EMOJI_FONTS), (" Party ", ""), ("\u2764\ufe0f", EMOJI_FONTS)],
        ),
        ("أم كلثوم, 96 plays", [("أم كلثوم", "Noto Sans Arabic"), (", 96 plays", "")]),
        ("ไทย", [("ไทย", "Noto Sans Thai")]),
        ("© ™ & …", [("© ™ & …", "")]),
    ],
)
def test_each_script_has_its_fonts(text, expected):
    assert runs(text) == [Run(*run) for run in expected]


def test_runs_stand_one_after_the_other():
    ruler = Ruler()
    written = str(ruler.lettered("周杰倫 & Co", 10, 40, is_bold=True))
    places = [float(place) for place in re.findall('x="([0-9.]+)"', written)]
    [wide] = ruler.widths(["周杰倫 "], LARGE)
    assert places == [10, round(10 + wide, 1)]
    assert f'font-family="{FONT}">&amp; Co<' in written
    assert sum(ruler.widths(["周杰倫 ", "& Co"], LARGE)) == ruler.widths(["周杰倫 & Co"], LARGE)[0]
    spaced = re.findall('x="([0-9.]+)"', str(ruler.lettered("周杰倫 & Co", 10, 40, is_bold=True, spacing=-1)))
    assert float(spaced[1]) == places[1] - 4


def test_text_of_one_font_needs_no_places():
    assert Ruler().lettered("<Band> & Co", 10, 40) == "<Band> & Co"  # the template escapes it


def test_spaces_at_the_ends_of_a_run_count():
    words, spaced = Ruler().widths(["was", " was "], LARGE)
    assert spaced > words + 15


def test_what_follows_a_name_from_the_right_stays_where_it_is():
    assert isolated("Band") == "Band"
    assert isolated("שלמה ארצי") + ", 108 plays" == "שלמה ארצי\u200e, 108 plays"
    assert isolated("أم كلثوم 96") == "أم كلثوم 96\u200e"
