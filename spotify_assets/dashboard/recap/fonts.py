"""Characters that no font of this machine has, which pictures would show as boxes.

vl-convert has Liberation Sans inside (Latin, Greek, Cyrillic, Hebrew, ...) and takes other characters from the fonts
of the system; none is shipped here, as a font of Chinese, Japanese and Korean alone has 20 MB.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache

from spotify_assets.dashboard.recap.lettering import CJK, FONT, clusters

# In a private area: no font has it.
NOWHERE = "\U0010fffd"
EMOJI_PACKAGE, CJK_PACKAGE, OTHER_PACKAGE = "fonts-noto-color-emoji", "fonts-noto-cjk", "fonts-noto-core"


def missing_packages(texts: Iterable[str]) -> list[str]:
    """Debian's packages of fonts that have what no font here has of these texts, by name."""
    return sorted({_package(one) for one in set("".join(texts)) if not one.isspace() and not is_drawn(one)})


def without_boxes(text: str) -> str:
    """The text without emoji that no font has, unless nothing else is in it. Letters stay: they are the name."""
    parts = clusters(text)
    kept = "".join(part for part in parts if not _is_emoji(part[0]) or is_drawn(part[0]))
    return " ".join(kept.split()) if kept != text and kept.strip() else text


@cache
def is_drawn(character: str) -> bool:
    """Whether a font has the character. The first time takes 2 ms."""
    # Marks, joiners and what is no character have no picture of their own.
    if character.isascii() or unicodedata.category(character)[0] in "MC":
        return True
    return _picture(character) != _picture(NOWHERE)


@cache
def _picture(character: str) -> bytes:
    import vl_convert

    return vl_convert.svg_to_png(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" font-family="{FONT}">'
        f'<text y="20" font-size="20">&#{ord(character)};</text></svg>'
    )


def _is_emoji(character: str) -> bool:
    return unicodedata.category(character) == "So"


def _package(character: str) -> str:
    if _is_emoji(character):
        return EMOJI_PACKAGE
    return CJK_PACKAGE if unicodedata.name(character, "").partition(" ")[0] in CJK else OTHER_PACKAGE
