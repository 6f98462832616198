"""A recap as sections: what each says, and the figures, lists and charts that show it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import zip_longest
from typing import Any

from spotify_assets.dashboard import charts
from spotify_assets.dashboard.blocks import Figure
from spotify_assets.dashboard.formats import (
    DAYS_OF_WEEK,
    MS_PER_HOUR,
    THIN,
    capitalized,
    part_of_day,
    plural,
    write_count,
    write_device,
    write_genre,
    write_hours,
    write_share,
)
from spotify_assets.dashboard.queries import Rows, Spec
from spotify_assets.dashboard.recap.content import ENTITIES, Recap
from spotify_assets.dashboard.recap.lettering import isolated, shorten
from spotify_assets.escaping import escape_controls

MS_PER_MINUTE = 60_000
HOURS_PER_DAY = 24
FAMILIES_SHOWN = 6


@dataclass(frozen=True)
class Ranked:
    """A line of a ranking.

    Attributes:
        name: Its name.
        by: Whose it is; empty for none.
        value: What it is ranked by, as written.
        note: A further figure.
        percent: Length of its bar (0 to 100).
    """

    name: str
    value: str
    percent: float
    by: str = ""
    note: str = ""


@dataclass(frozen=True)
class Versus:
    """Ours beside Wrapped's: one kind of entity.

    Attributes:
        label: The kind, as `Tracks`.
        lines: Place, name by ours, name by Wrapped's rules, whether they are the same.
    """

    label: str
    lines: Sequence[tuple[int, str, str, bool]]

    @property
    def is_same(self) -> bool:
        """Whether both lists have the same names in the same order."""
        return all(same for *_, same in self.lines)


@dataclass(frozen=True)
class Section:
    """A part of the story.

    Attributes:
        name: Identifies it.
        title: A sentence that says what is seen.
        note: What counts, how much is known.
        number: One large number, as written.
        unit: What the number counts.
        entries: A ranking.
        chips: Names without an order that matters.
        figures: Further numbers.
        chart: Vega-Lite chart with its data.
        table: Name of the page's block that has the chart's numbers.
        versus: Ours beside Wrapped's.
        skyline: Shares (0 to 1) that are drawn as the outline of the days.
        width: Of twelve columns on wide screens.
        tone: `loud` is printed on the accent colour, `soft` on a tint of it, `plain` on a card.
        link: Name and path of the dashboard's page that says more; with the recap's filters. Empty in files.
    """

    name: str
    title: str
    note: str = ""
    number: str = ""
    unit: str = ""
    entries: Sequence[Ranked] = ()
    chips: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    chart: Spec | None = None
    table: str = ""
    versus: Sequence[Versus] = ()
    skyline: Sequence[float] = ()
    width: int = 12
    tone: str = "plain"
    link: tuple[str, str] = ("", "")


def sections(recap: Recap) -> list[Section]:
    """The story of a recap, without what isn't known."""
    makers: Sequence[Callable[[Recap], Section | None]] = (
        opening,
        lambda recap: top_five(recap, "artist"),
        _sprint,
        lambda recap: top_five(recap, "track"),
        lambda recap: top_five(recap, "album"),
        over_time,
        biggest_day,
        streak,
        obsession,
        _clock,
        discoveries,
        _age,
        genres,
        habits,
        _beside_wrapped,
    )
    return _evened([made for make in makers if (made := make(recap))])


def opening(recap: Recap) -> Section:
    """How much was heard."""
    row = recap.row
    hours = row["ms_played"] / MS_PER_HOUR
    number, unit = (
        (write_count(hours), "hours" if round(hours) != 1 else "hour")
        if hours >= 1
        else (write_count(row["ms_played"] / MS_PER_MINUTE), "minutes")
    )
    before = row.get("year_before_ms_played")
    change = f", {_change(row['ms_played'] / before - 1)} {recap.filters.start.year - 1}" if before else ""
    return Section(
        "opening",
        f"{_whose(recap)}, {number} {unit} of listening{'' if recap.is_complete else ' so far'}",
        f"{_whole_days(hours)}, heard on {write_count(row['active_days'])} of {plural(row['days'], 'day')}{change}.",
        number=number,
        unit=unit,
        figures=[
            Figure("minutes", write_count(row["ms_played"] / MS_PER_MINUTE)),
            *(Figure(name, write_count(row[name])) for name in ("plays", "artists", "tracks", "albums") if row[name]),
        ],
        skyline=recap.skyline(73),
        tone="loud",
    )


def top_five(recap: Recap, entity: str) -> Section | None:
    """The top five by listening time."""
    rows = recap.tops(entity)
    if not rows:
        return None
    first = rows[0]
    name = _visible(first["name"])
    title = {
        "artist": f"{name} was your soundtrack" if len(rows) > 1 else f"One artist: {name}",
        "track": f"You played {name} {_how_often(first['plays'])}",
        "album": f"{name} was the album you stayed with longest",
    }[entity]
    most = first["ms_played"] or 1
    return Section(
        f"{entity}s",
        title,
        f"Top {entity}s by listening time.",
        entries=[
            Ranked(
                _visible(row["name"]),
                write_hours(row["ms_played"]),
                round(100 * row["ms_played"] / most, 1),
                _visible(row["by"]),
                plural(row["plays"], "play"),
            )
            for row in rows
        ],
        width=7 if entity == "artist" else 6,
        link=(f"All {entity}s", f"/charts?entity={entity}"),
    )


def over_time(recap: Recap) -> Section | None:
    """Hours by month, or by day."""
    steps = recap.steps
    if len(steps) < 2:
        return None
    most = max(steps, key=lambda step: (step["hours"], -step["start"].toordinal()))
    if recap.step == "day":
        form, when = "%-d %b", f"{most['start']:%A, %-d %B}"
    else:
        form, when = "%b %Y", f"{most['start']:%B}" if recap.year else f"{most['start']:%B %Y}"
    shown = steps
    if recap.step == "month" and len(steps) <= MOST_NAMED:
        # Months by name have bars of one width, each with a label where there is room.
        name = "%b" if recap.year else "%b %Y"
        form, shown = "", [{**step, "start": f"{step['start']:{name}}"} for step in steps]
    return Section(
        "over-time",
        f"{when} was your loudest {recap.step}, with {write_hours(most['hours'] * MS_PER_HOUR)}",
        f"Hours by {recap.step}.",
        chart=_with_rows(
            charts.columns_chart("start", "hours", x_title=recap.step, y_title=f"hours per {recap.step}", time=form),
            shown,
        ),
        table="steps",
        link=("More on time", "/time"),
    )


# Months of a chart that are named one by one.
MOST_NAMED = 24


def biggest_day(recap: Recap) -> Section | None:
    """The day with most listening time."""
    day, ms = recap.row.get("biggest_day"), recap.row.get("biggest_day_ms_played")
    if day is None or ms is None:
        return None
    return Section(
        "biggest-day",
        f"{day:%A, %-d %B} was your biggest day",
        f"{write_share(ms / (24 * MS_PER_HOUR))} of its hours had something playing."
        if ms <= 24 * MS_PER_HOUR
        else "More than a day in a day: several devices were playing.",
        number=_amount(ms)[0],
        unit=_amount(ms)[1],
        width=4,
        tone="soft",
        link=("That day", f"/day?date={day}"),
    )


def streak(recap: Recap) -> Section | None:
    """Most consecutive days with a play."""
    days, start = recap.row.get("longest_streak_days"), recap.row.get("longest_streak_start")
    if not days or start is None:
        return None
    end = start + timedelta(days=days - 1)
    is_all = days == recap.row["days"]
    title = "You didn't miss a day" if is_all else f"Every day from {start:%-d %B} to {end:%-d %B}"
    return Section(
        "streak",
        title if days > 1 else "Never two days in a row",
        "Your longest streak." if days > 1 else f"The first day was {start:%-d %B}.",
        number=write_count(days),
        unit="days in a row" if days > 1 else "day",
        width=4,
        tone="soft",
    )


def obsession(recap: Recap) -> Section | None:
    """The week with the most plays of one recording."""
    row = recap.row
    start, plays = row.get("obsessive_week_start"), row.get("obsessive_week_plays")
    if start is None or plays is None or plays < 2:
        return None
    return Section(
        "obsession",
        f"One week, it was all {_visible(row['obsessive_week_track'])}",
        f"By {_visible(row['obsessive_week_artist'])}, in the week of {start:%-d %B}.",
        number=write_count(plays),
        unit="plays in a week",
        width=4,
        tone="soft",
    )


def discoveries(recap: Recap) -> Section | None:
    """New artists, and those that stayed."""
    row = recap.row
    found, kept = row.get("new_artists"), row.get("discoveries_kept")
    if found is None or kept is None:
        return None
    title = (
        f"You met {plural(found, 'new artist')}, and {write_count(kept) if kept else 'none'} stayed"
        if found
        else "You met no new artist"
    )
    named = [_visible(name) for name in row["kept_artists"]]
    return Section(
        "discoveries",
        title,
        f"{plural(row['new_tracks'], 'new track')}. Artists stay that were played ten times or more since."
        if found
        else f"{plural(row['new_tracks'], 'track')} you had not heard before.",
        number=write_count(found),
        unit="new artists" if found != 1 else "new artist",
        chips=[*named, *([f"and {write_count(kept - len(named))} more"] if kept > len(named) else [])],
        width=6,
        tone="soft",
        link=("Discoveries", "/discovery"),
    )


def genres(recap: Recap) -> Section | None:
    """Families of genres by listening time."""
    if not recap.genres:
        return None
    first = recap.genres[0]
    coverage = recap.row.get("genre_coverage")
    known = f" The genre is known of {write_share(coverage)} of your music." if coverage is not None else ""
    return Section(
        "genres",
        f"{capitalized(write_genre(first['genre']))} above all: {write_share(first['share'])} of music of known genre",
        f"Of the time whose genre is known.{known}",
        entries=[
            Ranked(
                capitalized(write_genre(row["genre"])),
                write_share(row["share"]),
                round(100 * row["share"] / first["share"], 1),
                note=write_hours(row["hours"] * MS_PER_HOUR),
            )
            for row in recap.genres[:FAMILIES_SHOWN]
        ],
        width=7,
        link=("Taste", "/taste"),
    )


def habits(recap: Recap) -> Section | None:
    """Sessions, devices, skips and shuffle."""
    row = recap.row
    figures = []
    if row.get("sessions"):
        length, unit = _amount(row["mean_session_ms"])
        figures += [
            Figure("on average", f"{length} {unit}", ["a session"]),
            Figure(
                "longest session", write_hours(row["longest_session_ms"]), [f"on {row['longest_session_on']:%-d %B}"]
            ),
        ]
    if row.get("top_platform_family"):
        share = write_share(row["top_platform_family_share"])
        figures.append(Figure("mostly on", write_device(row["top_platform_family"]), [f"{share} of the time"]))
    for name, label in {"skip_rate": "skipped", "shuffle_share": "on shuffle"}.items():
        if row.get(name) is not None:
            figures.append(Figure(label, write_share(row[name]), ["of plays"]))
    if not figures:
        return None
    title = (
        f"You sat down to listen {_how_often(row['sessions'])}"
        if row.get("sessions")
        else f"{write_device(row['top_platform_family'])} was where it played"
        if row.get("top_platform_family")
        else "How you listened"
    )
    note = "A session ends after half an hour of silence." if row.get("sessions") else ""
    return Section("habits", title, note, figures=figures, width=5, link=("Behaviour", "/behaviour"))


def _clock(recap: Recap) -> Section | None:
    most = max(recap.clock, key=lambda row: row["hours"], default=None)
    if most is None or not most["hours"]:
        return None
    chart = charts.clock_chart()
    # Steps instead of a gradient: in files colours are variables, and between two variables there is no third.
    chart["encoding"]["color"] |= {
        "scale": {"type": "quantize", "domain": [0, most["hours"]]},
    }
    weekday = DAYS_OF_WEEK[most["weekday"] - 1]
    return Section(
        "clock",
        f"{weekday} {part_of_day(most['hour'])}s were yours",
        f"Most was heard on {weekday}s from {most['hour']:02d}:00 to {(most['hour'] + 1) % 24:02d}:00, local time.",
        chart=_with_rows(chart, recap.clock),
        table="hours-of-week",
        link=("More on time", "/time"),
    )


def _age(recap: Recap) -> Section | None:
    from spotify_assets.model.recap import SPAN_YEARS

    row = recap.row
    age = row.get("listening_age")
    if age is None:
        return None
    first = row["listening_span_start"]
    known = write_share(row["release_coverage"] or 0)
    return Section(
        "age",
        f"Your ears are of the class of {row['listening_birth_year']}",
        f"Your music leans to {first} to {first + SPAN_YEARS - 1}, which somebody of {age} heard at 16 to 21. "
        f"The year is known of {known} of your music.",
        number=str(age),
        unit="listening age",
        width=6,
        tone="soft",
        link=("Taste", "/taste"),
    )


def _sprint(recap: Recap) -> Section | None:
    """Monthly places of the year's top artists."""
    places = recap.row.get("sprint")
    names = [_visible(name) for name in recap.row.get("ours_artists", [])]
    if not places or recap.year is None:
        return None
    labels = _labels(names)
    rows: Rows = [
        {"month": date(recap.year, month, 1), "name": label, "place": int(place)}
        for label, text in zip(labels, places, strict=True)
        for month, place in enumerate(text.split(","), 1)
        if place and int(place) <= LOWEST_PLACE
    ]
    if len({row["month"] for row in rows}) < 2:
        return None
    firsts = [sum(row["place"] == 1 for row in rows if row["name"] == label) for label in labels]
    leader, most = names[firsts.index(max(firsts))], max(firsts)
    chart = charts.lines_chart(
        "month",
        "place",
        x_title="month",
        y_title="place among artists",
        time="%b",
        form=charts.WHOLE,
        color="name",
        names=labels,
        lowest=max(row["place"] for row in rows),
        height=300,
        dots=True,
    )
    return Section(
        "sprint",
        f"{leader} led {_months_of(most, rows)}" if most else "No month was led by them",
        f"Places of your top {plural(len(labels), 'artist')} in each month; those beyond {LOWEST_PLACE} are left out.",
        chart=_with_rows(chart, rows),
        table="places",
        width=5,
    )


# Of the sprint: what is further down says only that it was hardly heard.
LOWEST_PLACE = 30
# Characters of a legend's label.
LONGEST_LABEL = 20


def _labels(names: Sequence[str]) -> list[str]:
    """Names as labels of a legend: short, and different from each other."""
    labels = [shorten(name, LONGEST_LABEL) for name in names]
    return [f"{label} ({place})" if labels.count(label) > 1 else label for place, label in enumerate(labels, 1)]


def _beside_wrapped(recap: Recap) -> Section | None:
    """Ours beside what Spotify's Wrapped counts."""
    from spotify_assets.model.recap import WRAPPED_END

    row = recap.row
    if "wrapped_plays" not in row:
        return None
    lists = []
    for entity in ENTITIES:
        ours, theirs = recap.tops(entity), recap.tops(entity, "wrapped")
        pairs = zip_longest(_names_and_artists(ours), _names_and_artists(theirs), fillvalue=("", ""))
        lines = [
            (place, _name_and_artist(mine), _name_and_artist(other), mine == other)
            for place, (mine, other) in enumerate(pairs, 1)
        ]
        if lines:
            lists.append(Versus(f"{entity.capitalize()}s", lines))
    if not lists:
        return None
    differ = [one.label.lower() for one in lists if not one.is_same]
    until = f"{date(2000, *WRAPPED_END):%-d %B}"
    left_out = write_share(1 - row["wrapped_plays"] / row["plays"])
    return Section(
        "wrapped",
        f"Wrapped would show other {_and(differ)}" if differ else "Wrapped would show the same",
        f"Here, listening time decides, over all of the year. By the rules that Spotify publishes, Wrapped counts "
        f"plays of tracks of more than 30 seconds, not their time, from 1 January to about {until}, "
        f"without private sessions: {write_count(row['wrapped_plays'])} of {plural(row['plays'], 'play')}, so "
        f"{left_out} are left out. Long tracks gain here, short ones played often there.",
        versus=lists,
    )


def _evened(made: list[Section]) -> list[Section]:
    """Sections whose widths fill whole rows of twelve columns, whatever is missing."""
    done: list[Section] = []
    row: list[Section] = []
    for section in [*made, None]:
        if row and (section is None or sum(one.width for one in row) + section.width > COLUMNS):
            missing = COLUMNS - sum(one.width for one in row)
            done += [
                replace(one, width=one.width + missing // len(row) + (place < missing % len(row)))
                for place, one in enumerate(row)
            ]
            row = []
        if section is not None:
            row.append(section)
    return done


COLUMNS = 12


def _with_rows(chart: Spec, rows: Iterable[dict[str, Any]]) -> Spec:
    values = [
        {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()} for row in rows
    ]
    return {**chart, "data": {"values": values}}


def _names_and_artists(rows: Rows) -> list[tuple[str, str]]:
    return [(row["name"], row["by"]) for row in rows]


def _name_and_artist(key: tuple[str, str]) -> str:
    name, by = map(_visible, key)
    return f"{name}, {by}" if by else name


def _visible(name: str) -> str:
    return isolated(escape_controls(name))


def _months_of(count: int, rows: Rows) -> str:
    """`10 of 12 months`; of those in which there is a place."""
    return f"{write_count(count)} of {plural(len({row['month'] for row in rows}), 'month')}"


def _whose(recap: Recap) -> str:
    name = _visible(recap.filters.listener.name)
    return f"{name} in {recap.title}" if recap.year else name


def _how_often(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{write_count(count)} times")


def _amount(ms: float) -> tuple[str, str]:
    """A length of time as a number and its unit: hours with one decimal from two on, else minutes."""
    if ms >= 2 * MS_PER_HOUR:
        return f"{ms / MS_PER_HOUR:.1f}", "hours"
    minutes = round(ms / MS_PER_MINUTE)
    return write_count(minutes), "minute" if minutes == 1 else "minutes"


def _whole_days(hours: float) -> str:
    """`12 days and 3 hours of sound`."""
    days, rest = divmod(round(hours), HOURS_PER_DAY)
    parts = [plural(days, "day")] * (days > 0) + [plural(rest, "hour")] * (rest > 0)
    return f"{' and '.join(parts) or 'Less than an hour'} of sound"


def _change(change: float) -> str:
    percent = round(100 * change)
    if not percent:
        return "as much as in"
    return f"{write_count(abs(percent))}{THIN}% {'more' if percent > 0 else 'less'} than in"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
