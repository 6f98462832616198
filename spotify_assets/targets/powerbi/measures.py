"""Measures in DAX, with their definitions: those of docs/metrics.md, over the facts, so that every filter applies."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from inspect import cleandoc

from spotify_assets.model.columns import DELIBERATE_STARTS, UNKNOWN, UNKNOWN_NUMBER

COLUMN = re.compile(r"\b(\w+)\[(\w+)\]")
TABLE = re.compile(r"\b((?:dim|fct|bridge)_\w+)\b")
MEASURE = re.compile(r"(?<!\w)\[([^\]]+)\]")
COUNT, DECIMAL, PERCENT = "#,0", "#,0.0", "0.0%;-0.0%;0.0%"
MS_PER_HOUR, MS_PER_MINUTE = 3_600_000, 60_000


@dataclass(frozen=True)
class Measure:
    """A measure.

    Attributes:
        name: Its name, unique in the project.
        folder: Display folder.
        description: What it counts, with its unit.
        dax: Its expression.
        format: Format string.
        table: Table whose fields it is listed among.
    """

    name: str
    folder: str
    description: str
    dax: str
    format: str = COUNT
    table: str = "fct_plays"

    @cached_property
    def columns(self) -> set[tuple[str, str]]:
        """Table and column of each column that the expression names."""
        return set(COLUMN.findall(self.dax))

    @cached_property
    def tables(self) -> set[str]:
        """Tables that the expression names, and the one that lists it."""
        return {self.table, *TABLE.findall(self.dax)}

    @cached_property
    def measures(self) -> set[str]:
        """Names of other measures in the expression."""
        return set(MEASURE.findall(self.dax))


def usable(measures: Collection[Measure], tables: Collection[str]) -> Iterator[Measure]:
    """Those of the measures that need no other tables, themselves or by the measures that they name."""
    named = {measure.name: measure for measure in measures}

    def needed(measure: Measure) -> set[str]:
        return measure.tables.union(*(needed(named[name]) for name in measure.measures))

    return (measure for measure in measures if needed(measure) <= set(tables))


def _counted(condition: str) -> str:
    """Plays for which a condition holds, of those that other filters leave."""
    return f"CALCULATE(COUNTROWS(fct_plays), KEEPFILTERS({condition}))"


def _different(key: str, *filters: str) -> str:
    """Different canonical keys of tracks; the unknown one doesn't count."""
    column = f"{key}[canonical_{key.removeprefix('dim_')}_key]"
    of_tracks = 'KEEPFILTERS(fct_plays[content_type] = "track")'
    known = f"KEEPFILTERS({column} <> {UNKNOWN_NUMBER})"
    arguments = (f"SUMMARIZE(fct_plays, {column})", of_tracks, known, *filters)
    return "CALCULATETABLE(\n" + ",\n".join(f"    {argument}" for argument in arguments) + "\n)"


def _new(key: str) -> str:
    before = _different(key, "REMOVEFILTERS(dim_date)", "dim_date[date] < first_day")
    return "\n".join(
        (
            "VAR first_day = MIN(dim_date[date])",
            f"VAR played = {_different(key)}",
            f"VAR played_before = {before}",
            "RETURN",
            "    COUNTROWS(EXCEPT(played, played_before))",
        )
    )


def _number_of(key: str) -> str:
    return f"VAR played = {_different(key)}\nRETURN\n    COUNTROWS(played)"


def _year_before(measure: str) -> str:
    return cleandoc(f"""
        VAR last_day = CALCULATE(MAX(fct_plays[date_key]), REMOVEFILTERS(dim_date))
        VAR days_of_play = CALCULATETABLE(VALUES(dim_date[date]), KEEPFILTERS(dim_date[date_key] <= last_day))
        RETURN
            CALCULATE([{measure}], SAMEPERIODLASTYEAR(days_of_play))
    """)


def _codes(codes: Collection[str]) -> str:
    return "{" + ", ".join(f'"{code}"' for code in codes) + "}"


TIME, VARIETY, BEHAVIOUR, YEARS, PLAYLISTS = "Time", "Variety", "Behaviour", "Year over year", "Playlists"
BEFORE = (
    "In the same days a year before; of a period that isn't over, up to the day that the last play is of. "
    "Blank where nothing was played then."
)

MEASURES = (
    Measure("Hours", TIME, "Listening time (h).", f"DIVIDE(SUM(fct_plays[ms_played]), {MS_PER_HOUR})", DECIMAL),
    Measure("Minutes", TIME, "Listening time (min).", f"DIVIDE(SUM(fct_plays[ms_played]), {MS_PER_MINUTE})"),
    Measure("Plays", TIME, "Plays that were kept, of all content.", "COUNTROWS(fct_plays)"),
    Measure(
        "Streams",
        TIME,
        "Plays of 30 seconds or more, Spotify's own threshold.",
        _counted("fct_plays[is_stream] = TRUE()"),
    ),
    Measure("Days with a play", TIME, "Local days with a play.", "DISTINCTCOUNT(fct_plays[date_key])"),
    Measure(
        "Music hours",
        TIME,
        "Listening time of tracks (h).",
        'CALCULATE([Hours], KEEPFILTERS(fct_plays[content_type] = "track"))',
        DECIMAL,
    ),
    Measure(
        "Spoken hours",
        TIME,
        "Listening time of podcasts and audiobooks (h).",
        'CALCULATE([Hours], KEEPFILTERS(fct_plays[content_type] <> "track"))',
        DECIMAL,
    ),
    Measure(
        "Share of hours",
        TIME,
        "Listening time by that of all that the page's filters leave, as of all devices.",
        "DIVIDE([Hours], CALCULATE([Hours], ALLSELECTED()))",
        PERCENT,
    ),
    Measure(
        "Tracks",
        VARIETY,
        "Different canonical recordings.",
        _number_of("dim_recording"),
    ),
    Measure(
        "Artists",
        VARIETY,
        "Different canonical artists of tracks: the albums' artists; unknown ones don't count.",
        _number_of("dim_artist"),
    ),
    Measure(
        "Albums",
        VARIETY,
        "Different canonical albums of tracks; unknown ones don't count.",
        _number_of("dim_album"),
    ),
    Measure(
        "New tracks",
        VARIETY,
        "Of Tracks: not played on any day before the first one selected, under the same other filters.",
        _new("dim_recording"),
    ),
    Measure(
        "New artists",
        VARIETY,
        "Of Artists: not played on any day before the first one selected, under the same other filters.",
        _new("dim_artist"),
    ),
    Measure(
        "Skips",
        BEHAVIOUR,
        "Plays that were skipped; unknown ones don't count.",
        _counted("fct_plays[skipped] = TRUE()"),
    ),
    Measure(
        "Skip rate",
        BEHAVIOUR,
        "Skipped plays by plays whose `skipped` is known; blank where it never is.",
        f"DIVIDE([Skips] + 0, {_counted('NOT(ISBLANK(fct_plays[skipped]))')})",
        PERCENT,
    ),
    Measure(
        "Shuffle share",
        BEHAVIOUR,
        "Plays with shuffle on by plays whose `shuffle` is known; blank where it never is.",
        f"DIVIDE({_counted('fct_plays[shuffle] = TRUE()')} + 0, {_counted('NOT(ISBLANK(fct_plays[shuffle]))')})",
        PERCENT,
    ),
    Measure(
        "Finished share",
        BEHAVIOUR,
        "Plays that ended because the content did (`trackdone`) by plays whose `reason_end` is known.",
        cleandoc(f"""
            DIVIDE(
                {_counted('fct_plays[reason_end_key] = "trackdone"')} + 0,
                {_counted(f'fct_plays[reason_end_key] <> "{UNKNOWN}"')}
            )
        """),
        PERCENT,
    ),
    Measure(
        "Deliberate share",
        BEHAVIOUR,
        f"Plays that a person chose ({', '.join(DELIBERATE_STARTS)}) by plays whose `reason_start` is known.",
        cleandoc(f"""
            DIVIDE(
                {_counted(f"fct_plays[reason_start_key] IN {_codes(DELIBERATE_STARTS)}")} + 0,
                {_counted(f'fct_plays[reason_start_key] <> "{UNKNOWN}"')}
            )
        """),
        PERCENT,
    ),
    Measure(
        "Offline share",
        BEHAVIOUR,
        "Plays without a connection by plays whose `offline` is known; blank where it never is.",
        f"DIVIDE({_counted('fct_plays[offline] = TRUE()')} + 0, {_counted('NOT(ISBLANK(fct_plays[offline]))')})",
        PERCENT,
    ),
    Measure("Hours a year before", YEARS, f"Listening time (h). {BEFORE}", _year_before("Hours"), DECIMAL),
    Measure("Plays a year before", YEARS, f"Plays. {BEFORE}", _year_before("Plays")),
    Measure(
        "Growth of hours",
        YEARS,
        "Hours less those a year before, by those a year before.",
        "DIVIDE([Hours] - [Hours a year before], [Hours a year before])",
        PERCENT,
    ),
    Measure(
        "Hours of the year so far",
        YEARS,
        "Listening time from 1 January to the last day selected (h).",
        "CALCULATE([Hours], DATESYTD(dim_date[date]))",
        DECIMAL,
    ),
    Measure(
        "Items on playlists",
        PLAYLISTS,
        "Items of the playlists on the latest of the days selected.",
        cleandoc("""
            CALCULATE(
                COUNTROWS(fct_playlist_tracks),
                LASTNONBLANK(dim_date[date], CALCULATE(COUNTROWS(fct_playlist_tracks)))
            )
        """),
        table="fct_playlist_tracks",
    ),
)
