"""A recap as pictures: SVG of a template, drawn by vl-convert."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from spotify_assets.dashboard.formats import MS_PER_HOUR, plural, write_count, write_decimal
from spotify_assets.dashboard.recap.content import Recap
from spotify_assets.dashboard.recap.fonts import missing_packages, without_boxes
from spotify_assets.dashboard.recap.lettering import FONT, Letters, Ruler
from spotify_assets.dashboard.recap.story import (
    Ranked,
    Section,
    biggest_day,
    discoveries,
    genres,
    obsession,
    opening,
    over_time,
    streak,
    top_five,
)
from spotify_assets.dashboard.templating import templates
from spotify_assets.escaping import escape_controls

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Size:
    """Size of a picture (px), and of its parts.

    Attributes:
        width: Width.
        height: Height.
        edge: Free space at each side.
        title: Size of the title's letters.
        title_lines: Most lines of the title.
        number: Size of a large number's letters.
        is_wide: Whether what is shown stands beside the title instead of beneath it.
    """

    width: int
    height: int
    edge: int
    title: int
    title_lines: int
    number: int
    is_wide: bool


SIZES = {
    "story": Size(1080, 1920, 88, 84, 4, 380, is_wide=False),
    "wide": Size(1200, 630, 64, 52, 4, 168, is_wide=True),
}


@dataclass(frozen=True)
class CardRow:
    """A line of a card: a name with what it is, and a value.

    Attributes:
        name: The large text.
        by: Beneath it.
        value: At the end of the line; empty for none.
        percent: Length of its bar (0 to 100); None for no bar.
        place: Place in the ranking; 0 for none.
    """

    name: str
    by: str = ""
    value: str = ""
    percent: float | None = None
    place: int = 0


@dataclass(frozen=True)
class Bar:
    """An upright bar: its label, its share (0 to 1) of the highest, and whether it is that."""

    label: str
    share: float
    is_most: bool


@dataclass(frozen=True)
class Content:
    """What a card shows.

    Attributes:
        title: A sentence.
        number: One large number; empty for none.
        unit: What the number counts.
        rows: Lines.
        bars: Upright bars.
    """

    title: str
    number: str = ""
    unit: str = ""
    rows: Sequence[CardRow] = ()
    bars: Sequence[Bar] = ()


@dataclass(frozen=True)
class Card:
    """A kind of picture.

    Attributes:
        name: Its name in addresses and of files.
        label: Its name for people.
        make: What it shows of a recap; None where that is not known.
    """

    name: str
    label: str
    make: Callable[[Recap], Content | None]


def card_svg(recap: Recap, card: Card, size: Size) -> str | None:
    """A card as SVG; None where the recap lacks what it shows."""
    content = card.make(recap)
    if content is None:
        return None
    content = _without_boxes(content)
    ruler = Ruler()
    inner = size.width - 2 * size.edge
    left = round(inner * 0.42) if size.is_wide and (content.rows or content.bars) else inner
    right = inner - left - size.edge if left < inner else inner
    large, small = _letters(content.rows, size)
    # Beneath a number the title is what explains it.
    letters = Letters(small.size * BENEATH) if content.number else Letters(size.title, is_bold=True)
    title = ruler.lines(content.title, letters, left, size.title_lines)
    number = size.number
    if content.number:
        [wide] = ruler.widths([content.number], Letters(number, is_bold=True))
        number = min(number, int(number * left / max(wide, 1)))
    header = f"{escape_controls(recap.filters.listener.name)}, {recap.title}"
    return (
        templates()
        .get_template("card.svg")
        .render(
            size=size,
            font=FONT,
            lettered=ruler.lettered,
            header=ruler.fit(header, Letters(size.edge * 0.4, is_bold=True), inner - size.edge),
            title=title,
            content=replace(content, rows=_fitted(content.rows, ruler, size, right)),
            number=number,
            left=left,
            right=right,
            large=large.size,
            small=small.size,
            indent=INDENT,
            beneath=BENEATH,
            skyline=recap.skyline(60 if size.is_wide else 54),
        )
    )


def missing_fonts(recap: Recap) -> list[str]:
    """Debian's packages of fonts that this machine lacks for the cards of a recap; empty if it lacks none."""
    contents = [content for card in CARDS if (content := card.make(recap))]
    return missing_packages(text for content in contents for text in _texts_on(content))


def log_missing_fonts(recap: Recap) -> None:
    """Log each package of `missing_fonts`, once in a process: for whoever has no other way to tell."""
    for package in missing_fonts(recap):
        _log_missing(package)


def _texts_on(content: Content) -> list[str]:
    return [content.title, *(row.name for row in content.rows), *(row.by for row in content.rows)]


def _without_boxes(content: Content) -> Content:
    rows = [replace(row, name=without_boxes(row.name), by=without_boxes(row.by)) for row in content.rows]
    return replace(content, title=without_boxes(content.title), rows=rows)


@cache
def _log_missing(package: str) -> None:
    """Log a missing package of fonts, once in a process."""
    LOGGER.warning("no font has some characters of the recap's pictures: apt-get install %s", package)


def card_png(recap: Recap, card: Card, size: Size, scale: float = 1) -> bytes | None:
    """A card as PNG; None where the recap lacks what it shows. Takes up to half a second.

    Args:
        recap: What it tells.
        card: What the picture is of.
        size: Its layout.
        scale: Size of the picture, in sizes of the layout.
    """
    import vl_convert

    svg = card_svg(recap, card, size)
    return vl_convert.svg_to_png(svg, scale=scale) if svg else None


def _letters(rows: Sequence[CardRow], size: Size) -> tuple[Letters, Letters]:
    """Of the names of rows, and of what stands beneath them. Without places and bars there is room for larger ones."""
    is_ranking = any(row.place for row in rows)
    large, small = {
        (True, True): (28, 20),
        (True, False): (36, 22),
        (False, True): (48, 34),
        (False, False): (68, 38),
    }[size.is_wide, is_ranking]
    return Letters(large, is_bold=True), Letters(small)


def _fitted(rows: Sequence[CardRow], ruler: Ruler, size: Size, width: float) -> list[CardRow]:
    """Rows whose text fits."""
    if not rows:
        return []
    large, small = _letters(rows, size)
    values = ruler.widths([row.value for row in rows], large)
    indent = large.size * INDENT if any(row.place for row in rows) else 0
    room = width - indent - (max(values) + large.size if max(values) else 0)
    names = ruler.fit_all([row.name for row in rows], large, room)
    bys = ruler.fit_all([row.by for row in rows], small, width - indent)
    return [replace(row, name=name, by=by) for row, name, by in zip(rows, names, bys, strict=True)]


# Size of a title beneath a number, in sizes of the small letters.
BENEATH = 1.2
# Of names to the right of places, in sizes of their letters.
INDENT = 1.6


def _overview(recap: Recap) -> Content:
    section, row = opening(recap), recap.row
    rows = [
        CardRow(found[0]["name"], f"top {entity}" + (f", by {found[0]['by']}" if found[0]["by"] else ""))
        for entity in ("artist", "track", "album")
        if (found := recap.tops(entity))
    ]
    counts = CardRow(
        f"{write_count(row['artists'])} artists, {write_count(row['tracks'])} tracks",
        f"{plural(row['plays'], 'play')} on {plural(row['active_days'], 'day')}",
    )
    share = row["ms_played"] / MS_PER_HOUR / 24
    title = f"{write_decimal(share)} days of sound" if share >= 1 else "of listening"
    return Content(title, section.number, section.unit, [*_escaped(rows), counts])


def _ranking(section: Section | None) -> Content | None:
    if section is None:
        return None
    entries = section.entries[:PLACES]
    return Content(section.title, rows=[_of_entry(entry, place) for place, entry in enumerate(entries, 1)])


# More don't fit.
PLACES = 5


def _of_entry(entry: Ranked, place: int) -> CardRow:
    by = ", ".join(filter(None, [entry.by, entry.note]))
    return CardRow(entry.name, by, entry.value, entry.percent, place)


def _bars(recap: Recap) -> Content | None:
    section = over_time(recap)
    # More bars can't be told apart.
    if section is None or len(recap.steps) > MOST_BARS:
        return None
    hours = [step["hours"] for step in recap.steps]
    most = max(hours)
    form = "%b" if recap.step == "month" else "%-d"
    every = 1 if len(hours) <= 12 else 3 if recap.step == "month" else 7
    bars = [
        Bar(
            f"{step['start']:{form}}" if place % every == 0 else "",
            step["hours"] / (most or 1),
            place == hours.index(most),
        )
        for place, step in enumerate(recap.steps)
    ]
    return Content(section.title, bars=bars)


MOST_BARS = 45


def _moments(recap: Recap) -> Content | None:
    makers = (biggest_day, streak, obsession, discoveries)
    made = [section for make in makers if (section := make(recap))]
    if not made:
        return None
    rows = [CardRow(f"{section.number} {section.unit}", section.title) for section in made]
    return Content("Days to remember", rows=rows)


def _escaped(rows: Sequence[CardRow]) -> list[CardRow]:
    return [replace(row, name=escape_controls(row.name), by=escape_controls(row.by)) for row in rows]


CARDS = (
    Card("overview", "The year", _overview),
    Card("artists", "Artists", lambda recap: _ranking(top_five(recap, "artist"))),
    Card("tracks", "Tracks", lambda recap: _ranking(top_five(recap, "track"))),
    Card("albums", "Albums", lambda recap: _ranking(top_five(recap, "album"))),
    Card("months", "Over time", _bars),
    Card("moments", "Moments", _moments),
    Card("genres", "Genres", lambda recap: _ranking(genres(recap))),
)
