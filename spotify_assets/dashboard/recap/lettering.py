"""Text that fits into a width, measured by the library that draws it.

Fonts are Liberation Sans, which vl-convert has inside, and for other scripts those of this machine: a character that
no font has is drawn, and measured, as a box.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

FONT = "Liberation Sans, Arial, sans-serif"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
# Spaces at which lines end: not those between a number and its unit.
BREAKS = re.compile(r"[^\S\u00a0\u202f]+")
RIGHT_TO_LEFT_MARK = "\u200f"
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

    _widths: dict[tuple[str, bool], float] = field(default_factory=dict)

    def widths(self, texts: Sequence[str], letters: Letters) -> list[float]:
        """Width (px) of each text."""
        new = [text for text in dict.fromkeys(texts) if (text, letters.is_bold) not in self._widths]
        for text, width in zip(new, _measure(new, letters.is_bold), strict=True):
            self._widths[text, letters.is_bold] = width
        return [self._widths[text, letters.is_bold] * letters.size / MEASURED_SIZE for text in texts]

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


def _measure(texts: Iterable[str], is_bold: bool) -> list[float]:
    """Width of each text at `MEASURED_SIZE`.

    Vega lays groups out in a row, each as wide as the text in it: the places of the groups are sums of widths. (Vega's
    own limit of a text's width fails in vl-convert 1.9 where it cuts an emoji in two.)
    """
    import vl_convert

    shown = [*texts]
    if not shown:
        return []
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
                            "text": {"value": text},
                            "fontSize": {"value": MEASURED_SIZE},
                            "font": {"value": FONT},
                            "fontWeight": {"value": "bold" if is_bold else "normal"},
                        }
                    },
                }
            ],
        }
        for text in [*shown, ""]
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
