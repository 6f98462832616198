"""Recap: a year, or any days, as a story."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from spotify_assets.dashboard.blocks import Block, Column, Page, View
from spotify_assets.dashboard.filters import RANGE, Filters
from spotify_assets.dashboard.formats import write_hours
from spotify_assets.dashboard.recap.cards import CARDS, SIZES, missing_fonts
from spotify_assets.dashboard.recap.content import (
    ENTITIES,
    GENRES,
    YEAR,
    YEARS,
    Recap,
    clock_sql,
    read_recap,
    usual_year,
    year_filters,
)
from spotify_assets.dashboard.recap.story import Section, sections
from spotify_assets.dashboard.sources import hours_sql, top_sql

PATH = "/recap"
OF_YEARS = "Places by month, listening age and what Wrapped would show are told of whole years with all plays only."
TOPS = " UNION ALL ".join(
    f"""
    SELECT '{entity}' AS kind, unnest(ours_{entity}s) AS ours, {by.format("ours")} AS ours_by,
        unnest(ours_{entity}s_plays)::BIGINT AS plays, unnest(ours_{entity}s_ms_played)::BIGINT AS ms_played,
        unnest(wrapped_{entity}s) AS wrapped, {by.format("wrapped")} AS wrapped_by,
        unnest(wrapped_{entity}s_plays)::BIGINT AS wrapped_plays
    FROM yearly_recap WHERE listener = $listener AND year = $year
    """
    for entity in ENTITIES
    for by in ["NULL" if entity == "artist" else f"unnest({{}}_{entity}s_by)"]
)
SPRINT = """
    SELECT unnest(ours_artists) AS artist, unnest(sprint) AS places
    FROM yearly_recap WHERE listener = $listener AND year = $year
"""


@dataclass(frozen=True)
class Choice:
    """Which days a recap is of.

    Attributes:
        filters: Filters with these days.
        year: The year that was asked for, or is usual; None for other days.
        years: Years with a play, the first first.
    """

    filters: Filters
    year: int | None
    years: Sequence[int]

    def to(self, path: str, **values: str) -> str:
        """Address of the recap of the same days in another form."""
        if self.year is None:
            return self.filters.address(path, **values)
        return self.filters.address(path, period=None, year=str(self.year), **values)


def chosen_days(view: View) -> Choice:
    """The days that the query string names: a year, from and to, a period; else the usual year."""
    filters, asked = view.filters, view.asked.get("year", "")
    found = view.rows(YEARS)
    years = [row["year"] for row in found]
    is_period = filters.period not in ("all", RANGE)
    if filters.period == RANGE or is_period:
        is_year = filters.start == filters.start.replace(month=1, day=1) and filters.end == filters.start.replace(
            month=12, day=31
        )
        chosen = replace(filters, period=RANGE)
        return Choice(chosen, filters.start.year if is_year else None, years)
    year = int(asked) if asked.isascii() and asked.isdigit() and 1900 <= int(asked) <= 2200 else None
    year = year or usual_year(found, filters.listener.last) or filters.listener.last.year
    return Choice(year_filters(filters, year), year, years)


def recap_of(view: View, choice: Choice) -> Recap | None:
    """The recap of these days, from the warehouse; None where nothing was heard."""
    return read_recap(lambda query: query.run(view.connection), choice.filters)


def recap_page(view: View) -> Page:
    """The story, its pictures, and the numbers behind it."""
    choice = chosen_days(view)
    recap = recap_of(view, choice)
    of_days = replace(view, filters=choice.filters)
    name = str(choice.year) if choice.year else choice.filters.describe()
    links = [("Take it along: one HTML file", choice.to("/recap.html"))] if recap else []
    blocks = _number_blocks(of_days, recap) if recap else []
    return Page(
        f"Recap of {name}",
        blocks,
        choices=[
            (
                "Year",
                [
                    (str(year), view.to(PATH, period=None, year=year), year == choice.year)
                    for year in reversed(choice.years)
                ],
            )
        ],
        lead=OF_YEARS if recap and recap.year is None else "",
        links=links,
        has_period=False,
        has_days=True,
        template="recap.html",
        extras={
            "sections": sections(recap) if recap else [],
            "to": partial(_to, of_days),
            "cards": [
                (label, [(size, choice.to("/recap/card.png", card=card, size=size)) for size in SIZES])
                for card, label in _cards(recap)
            ],
            "missing_fonts": missing_fonts(recap) if recap else [],
            "what": name,
            "place": {block.name: place for place, block in enumerate(blocks)},
        },
    )


def _cards(recap: Recap | None) -> list[tuple[str, str]]:
    """Names and labels of the pictures that there are."""
    if recap is None:
        return []
    return [(card.name, card.label) for card in CARDS if card.make(recap)]


def _to(view: View, section: Section) -> str:
    """Address of the page that says more about a section."""
    path, _, query = section.link[1].partition("?")
    values = dict(part.split("=") for part in query.split("&") if part)
    return view.to(path, **values)


def _number_blocks(view: View, recap: Recap) -> list[Block]:
    """Tables of the numbers that the story tells."""
    from spotify_assets.model.recap import TOP

    filters = view.filters
    blocks = [
        Block(
            "steps",
            view.query(hours_sql(filters), step=recap.step),
            f"Hours by {recap.step}",
            [
                Column("start", recap.step.capitalize(), "month" if recap.step == "month" else "day"),
                Column("hours", "Hours", "decimal"),
                Column("plays", "Plays", "count"),
            ],
            is_half=True,
            shown=45,
        ),
        Block(
            "hours-of-week",
            view.query(clock_sql(filters)),
            "Hours by weekday and hour",
            [
                Column("weekday", "Weekday (1 is Monday)", "count"),
                Column("hour", "Hour", "hour"),
                Column("hours", "Hours", "decimal"),
            ],
            is_half=True,
            shown=12,
        ),
    ]
    if recap.genres:
        blocks.append(
            Block(
                "families",
                view.query(GENRES),
                "Families of genres",
                [
                    Column("genre", "Genre", "genre"),
                    Column("hours", "Hours", "decimal"),
                    Column("share", "Share", "share"),
                ],
                is_half=True,
            )
        )
    if recap.year is None:
        return [
            *blocks,
            *(
                Block(
                    f"top-{entity}s",
                    view.query(top_sql(filters, entity, TOP)),
                    f"Top {entity}s",
                    [
                        Column(entity, entity.capitalize()),
                        Column("plays", "Plays", "count"),
                        Column("ms_played", "Time", "hours"),
                    ],
                    is_half=True,
                )
                for entity in ENTITIES
            ),
        ]
    return [
        Block(
            "year",
            view.query(YEAR, year=recap.year),
            f"The row of yearly_recap: {write_hours(recap.row['ms_played'])}",
            [
                Column("plays", "Plays", "count"),
                Column("ms_played", "Time", "hours"),
                *(Column(name, name.capitalize(), "count") for name in ("artists", "tracks", "albums")),
                Column("active_days", "Days", "count"),
                Column("sessions", "Sessions", "count"),
                Column("wrapped_plays", "Wrapped's plays", "count"),
            ],
            note="The CSV has all of its columns.",
        ),
        Block(
            "tops",
            view.query(TOPS, year=recap.year),
            "Top five by listening time, and by Wrapped's rules",
            [
                Column("kind", "What"),
                Column("ours", "By time"),
                Column("plays", "Plays", "count"),
                Column("ms_played", "Time", "hours"),
                Column("wrapped", "By Wrapped's rules"),
                Column("wrapped_plays", "Plays", "count"),
            ],
        ),
        Block(
            "places",
            view.query(SPRINT, year=recap.year),
            "Places of the top artists by month",
            [Column("artist", "Artist"), Column("places", "January to December")],
            empty="No artist is known.",
        ),
        *blocks,
    ]
