"""Text that fits into a width, measured by the library that draws it.

Fonts are Liberation Sans, which vl-convert has inside, and for other scripts those of this machine: a character that
no font has is drawn, and measured, as a box.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter

from markupsafe import Markup

FONT = "Liberation Sans, Arial, sans-serif"
# Where a character is missing, the library draws the whole text in any font that has it, serif or not: so each script
# is told its own.
CJK_FONTS = "Noto Sans CJK JP, Hiragino Sans, Yu Gothic, Microsoft YaHei, Malgun Gothic"
EMOJI_FONTS = "Noto Color Emoji, Apple Color Emoji, Segoe UI Emoji"
# First words of the names that Unicode gives their characters.
CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH")
# Scripts of the first of `FONT`.
PLAIN_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "HEBREW")
CJK_PUNCTUATION = ("\u3000", "\u303f")
FIRST_EMOJI, AS_EMOJI = "\U0001f000", "\ufe0f"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
# Spaces at which lines end: not those between a number and its unit.
BREAKS = re.compile(r"[^\S\u00a0\u202f]+")
NO_BREAK_SPACE = "\u00a0"
LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
# Characters wider than this share of their size are rare (some emoji and ligatures): shorter texts aren't measured.
WIDEST = 1.1
# Size at which texts are measured; widths are in proportion.
MEASURED_SIZE = 100
# Longer names are cut before they are measured.
LONGEST = 160
JOINERS = ("\u200c", "\u200d")
FIRST_REGIONAL, LAST_REGIONAL = 0x1F1E6, 0x1F1FF


def shorten(text: str, most: int) -> str:
    """The text, cut and ended with an ellipsis where it has more than `most` characters as readers count them."""
    found = clusters(text)
    return text if len(found) <= most else _cut(found[:most])


@dataclass(frozen=True)
class Letters:
    """Text of one size and weight.

    Attributes:
        size: Font size (px).
        is_bold: Whether it is bold.
    """

    size: float
    is_bold: bool = False


@dataclass
class Ruler:
    """Measures texts; remembers those of one picture."""

    _widths: dict[tuple["Run", bool], float] = field(default_factory=dict)

    def widths(self, texts: Sequence[str], letters: Letters) -> list[float]:
        """Width (px) of each text."""
        runs_of = [runs(text) for text in texts]
        found = dict.fromkeys(run for of_text in runs_of for run in of_text)
        new = [run for run in found if (run, letters.is_bold) not in self._widths]
        for run, width in zip(new, _measure(new, letters.is_bold), strict=True):
            self._widths[run, letters.is_bold] = width
        return [
            sum(self._widths[run, letters.is_bold] for run in of_text) * letters.size / MEASURED_SIZE
            for of_text in runs_of
        ]

    def lettered(self, text: str, x: float, size: float, *, is_bold: bool = False, spacing: float = 0) -> str:
        """The text as SVG: each run in its fonts, and at its place, from `x` on, with `spacing` between letters (px).

        Without places, all runs are drawn together: if a character is missing in the font of one, the font of all is
        replaced.
        """
        found = runs(text)
        if not any(run.fonts for run in found):
            return text
        written = Markup("")
        for run in found:
            written += Markup('<tspan x="{:.1f}" font-family="{}">{}</tspan>').format(x, _family(run), run.text)
            x += self.widths([run.text], Letters(size, is_bold))[0] + spacing * len(clusters(run.text))
        return written

    def fit(self, text: str, letters: Letters, width: float) -> str:
        """The text, cut and ended with an ellipsis where it is wider than `width` (px)."""
        return self.fit_all([text], letters, width)[0]

    def fit_all(self, texts: Sequence[str], letters: Letters, width: float) -> list[str]:
        """Each text, cut and ended with an ellipsis where it is wider than `width` (px)."""
        if all(len(text) * letters.size * WIDEST <= width for text in texts):
            return [*texts]
        parts_of = [clusters(text[:LONGEST]) for text in texts]
        wholes = [
            "".join(parts) if len(text) <= LONGEST else _cut(parts)
            for text, parts in zip(texts, parts_of, strict=True)
        ]
        found = self.widths(wholes, letters)
        fits = [one <= width for one in found]
        # The most clusters of each that fit, by bisection; each round measures all texts at once.
        low, high = [0] * len(texts), [len(parts) - 1 for parts in parts_of]
        while any(a < b and not done for a, b, done in zip(low, high, fits, strict=True)):
            middle = [(a + b + 1) // 2 for a, b in zip(low, high, strict=True)]
            tried = [_cut(parts[:count]) for parts, count in zip(parts_of, middle, strict=True)]
            for place, one in enumerate(self.widths(tried, letters)):
                if low[place] < high[place]:
                    low[place], high[place] = (
                        (middle[place], high[place]) if one <= width else (low[place], middle[place] - 1)
                    )
        return [
            whole if done else _cut(parts[:count])
            for whole, done, parts, count in zip(wholes, fits, parts_of, low, strict=True)
        ]

    def lines(self, text: str, letters: Letters, width: float, most: int) -> list[str]:
        """The text in lines of at most `width` (px), broken at spaces; what is over is cut from the last.

        Args:
            text: The text.
            letters: Its size and weight.
            width: Longest line (px).
            most: Most lines.
        """
        words = [word for word in BREAKS.split(text[: LONGEST * most]) if word]
        space, *widths = self.widths(["x x", *words], letters)
        space -= sum(self.widths(["x", "x"], letters))
        lines: list[str] = []
        at = 0.0
        for word, wide in zip(words, widths, strict=True):
            is_last = len(lines) == most
            if lines and (at + space + wide <= width or is_last):
                lines[-1] += f" {word}"
                at += space + wide
            else:
                lines.append(word)
                at = wide
        return self.fit_all(lines, letters, width)


def _cut(clusters: Sequence[str]) -> str:
    """The beginning of a text with an ellipsis, which stands at the left of text that is written from the right."""
    text = "".join(clusters).rstrip()
    strong = next((kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")), "L")
    return text + ELLIPSIS + RIGHT_TO_LEFT_MARK * (strong != "L")


def clusters(text: str) -> list[str]:
    """What a reader takes for one character each: a base with its marks, joined emoji, flags."""
    found: list[str] = []
    for character in text:
        joins = (
            unicodedata.combining(character)
            or (unicodedata.category(character) in ("Mn", "Me", "Mc", "Sk") and not character.isascii())
            or character in JOINERS
        )
        if found and (joins or found[-1].endswith(JOINERS[1]) or _ends_flag(found[-1], character)):
            found[-1] += character
        else:
            found.append(character)
    return found


def _ends_flag(cluster: str, character: str) -> bool:
    return len(cluster) == 1 and all(FIRST_REGIONAL <= ord(one) <= LAST_REGIONAL for one in (cluster, character))


def isolated(name: str) -> str:
    """A name as part of an English text: what follows one that is written from the right stays where it is.

    Without the mark, the number in `name, 12 plays` would be taken for a part of the name (UAX #9).
    """
    is_from_right = any(unicodedata.bidirectional(one) in ("R", "AL") for one in name)
    return name + LEFT_TO_RIGHT_MARK * is_from_right


@dataclass(frozen=True)
class Run:
    """A part of a text, and fonts of its script; empty where it needs none of its own."""

    text: str
    fonts: str


def runs(text: str) -> list[Run]:
    """The text in runs of one script each."""
    parts = clusters(text)
    fonts = [_fonts_of(part) for part in parts]
    for place, part in enumerate(parts):
        # A space is of the word before it; those of emoji are too wide.
        if part.isspace() and place and fonts[place - 1] != EMOJI_FONTS:
            fonts[place] = fonts[place - 1]
    grouped = groupby(zip(fonts, parts, strict=True), key=itemgetter(0))
    return [Run("".join(part for _, part in run), of_run) for of_run, run in grouped]


def _family(run: Run) -> str:
    return f"{run.fonts}, {FONT}" if run.fonts else FONT


def _fonts_of(cluster: str) -> str:
    """Fonts for a character as readers count them; empty where it needs none of its own."""
    first = cluster[0]
    script = unicodedata.name(first, "").partition(" ")[0]
    if (first >= FIRST_EMOJI and unicodedata.category(first) == "So") or AS_EMOJI in cluster:
        return EMOJI_FONTS
    if script in CJK or CJK_PUNCTUATION[0] <= first <= CJK_PUNCTUATION[1]:
        return CJK_FONTS
    if not first.isalpha() or script in PLAIN_SCRIPTS:
        return ""
    return f"Noto Sans {script.title()}"


def _measure(measured: Sequence[Run], is_bold: bool) -> list[float]:
    """Width of each run at `MEASURED_SIZE`; spaces at its ends count.

    Vega lays groups out in a row, each as wide as the text in it: the places of the groups are sums of widths. (Vega's
    own limit of a text's width fails in vl-convert 1.9 where it cuts an emoji in two.)
    """
    import vl_convert

    if not measured:
        return []
    # Spaces at the ends of a text have no width.
    shown = [Run(run.text.replace(" ", NO_BREAK_SPACE), run.fonts) for run in measured]
    nothing = {"width": {"value": 0}, "height": {"value": 0}}
    groups = [
        {
            "type": "group",
            "encode": {"enter": nothing},
            "marks": [
                {
                    "type": "text",
                    "encode": {
                        "enter": {
                            "text": {"value": run.text},
                            "fontSize": {"value": MEASURED_SIZE},
                            "font": {"value": _family(run)},
                            "fontWeight": {"value": "bold" if is_bold else "normal"},
                        }
                    },
                }
            ],
        }
        for run in [*shown, Run("", "")]
    ]
    layout = {"padding": 0, "align": "none", "bounds": "full", "columns": len(groups)}
    spec = {
        "$schema": "https://vega.github.io/schema/vega/v5.json",
        "width": 1,
        "height": 1,
        "layout": layout,
        "marks": groups,
    }
    marks = vl_convert.vega_to_scenegraph(spec)["scenegraph"]["items"][0]["items"]
    places = [mark["items"][0].get("x", 0) for mark in marks]
    return [after - before for before, after in pairwise(places)]
