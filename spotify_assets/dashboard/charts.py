"""Vega-Lite charts as specifications, without their data and the colours of a theme.

`blocks.AnsweredBlock` adds the rows; dashboard.js has the theme.

Altair is imported when the first chart is made, which takes half a second. It takes 10 to 20 ms for a chart, so that
specifications are remembered by their arguments.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from spotify_assets.dashboard.queries import Spec

if TYPE_CHECKING:
    import altair as alt

# Formats of numbers.
NUMBER, WHOLE_NUMBER, SHARE, WHOLE = ",.1f", ",.0f", ".0%", ",d"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# Week of the year in which each begins, about.
FIRST_WEEKS = [0, 4, 9, 13, 17, 22, 26, 30, 35, 39, 44, 48]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
# Of a bar with its gap (px): the least, the most, and of all bars if there are few.
BAR_HEIGHT, MOST_BAR_HEIGHT, FEW_BARS_HEIGHT = 26, 40, 200
MS_PER_DAY = 86_400_000
# Of the shortest one.
DAYS_OF_MONTH = 28
# How much of its days a bar takes.
BAR_SHARE = 0.9
# Room for the value at the end of a bar (px): of its distance, and of each character.
ROOM, ROOM_OF_CHARACTER = 8, 8
# That an axis of places has room for.
FEWEST_PLACES = 5
# Unit of a bar's width by the format of dates.
BANDS = {"%b %Y": "utcyearmonth", "%b": "utcyearmonth"}

Arguments = ParamSpec("Arguments")


def _remembered(make: Callable[Arguments, Spec]) -> Callable[Arguments, Spec]:
    """Call a function once for each of its arguments' values; every call gets a copy of its own."""
    made = lru_cache(maxsize=100)(make)

    @wraps(make)
    def remembering(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Spec:
        hashable: Any = [tuple(value) if isinstance(value, list) else value for value in args]
        named: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in kwargs.items()}
        return deepcopy(made(*hashable, **named))

    return remembering


@_remembered
def columns_chart(
    x: str,
    y: str,
    *,
    x_title: str,
    y_title: str,
    time: str = "",
    form: str = NUMBER,
    color: str = "",
    names: Sequence[str] | None = None,
    days: int = 0,
    is_grouped: bool = False,
    ticks: Sequence[int] = (),
) -> Spec:
    """Upright bars.

    Args:
        x: Field of dates, where `time` is Vega's format for them, as `%b %Y`; else of ordered text or numbers.
        y: Field of numbers.
        x_title: Title of the axis, with its unit.
        y_title: Title of the axis, with its unit.
        time: Format of dates.
        form: Format of numbers.
        color: Field that divides each bar.
        names: Order of the categories of `color`.
        days: Days that a bar of dates stands for, where that is neither one nor a month.
        is_grouped: Whether what `color` divides stands side by side instead of on top.
        ticks: Values of `x` that are labelled; all that fit if empty.
    """
    import altair as alt

    encoding: dict[str, Any] = {
        "x": _across(x, x_title, time, is_band=True, ticks=ticks),
        "y": alt.Y(
            f"{y}:Q", title=y_title, axis=alt.Axis(format=_axis_format(form), tickCount=5, **_whole_steps(form))
        ),
        "tooltip": [_tip(x, x_title, time, form=""), _tip(y, y_title, form=form)],
    }
    if color:
        encoding["color"] = alt.Color(f"{color}:N", title=None, sort=_in_order(names), legend=_legend())
        encoding |= {"xOffset": alt.XOffset(f"{color}:N")} if is_grouped else {"order": alt.Order(f"{color}:O")}
        encoding["tooltip"].insert(1, alt.Tooltip(f"{color}:N", title="what"))
    chart = alt.Chart(_named_data())
    if days:
        chart = chart.transform_calculate(until=f"time(datum.{x}) + {days * BAR_SHARE * MS_PER_DAY}")
        spans = {"x": _across(x, x_title, time, is_band=False), "x2": "until", "y2": alt.datum(0)}
        return _spec(chart.mark_rect(cornerRadius=2).encode(**encoding | spans), 240)
    mark: dict[str, Any] = {} if color else {"cornerRadiusEnd": 2}
    return _spec(chart.mark_bar(**mark).encode(**encoding), 240)


def bars_chart(
    rows: Sequence[dict[str, Any]], label: str, value: str, *, title: str, form: str = NUMBER, also: Sequence[str] = ()
) -> Spec:
    """Horizontal bars in the order of the rows, each with its value at the end.

    Args:
        rows: What is drawn: the scale leaves room for the values.
        label: Field of names.
        value: Field of numbers.
        title: Title of the axis, with its unit.
        form: Format of numbers.
        also: Further fields of whole numbers for the tooltip.
    """
    most = max((row[value] or 0 for row in rows), default=0)
    if form == NUMBER and most >= 100:
        form = WHOLE_NUMBER
    spec = _bar_spec(label, value, title, form, tuple(also))
    longest = max((len(f"{row[value] or 0:{form}}") for row in rows), default=0)
    room = ROOM + ROOM_OF_CHARACTER * longest
    for layer in spec["layer"]:
        # `width` is that of the plot, known once it is drawn.
        end = {"expr": f"{most or 1} * width / max(width - {room}, width / 4)"}
        layer["encoding"]["x"]["scale"] |= {"domainMin": 0, "domainMax": end}
    bars = max(len(rows), 1)
    return {**spec, "height": max(bars * BAR_HEIGHT, min(bars * MOST_BAR_HEIGHT, FEW_BARS_HEIGHT))}


@_remembered
def _bar_spec(label: str, value: str, title: str, form: str, also: Sequence[str]) -> Spec:
    """`bars_chart` without the end of its scale and its height."""
    import altair as alt

    quiet = alt.Axis(ticks=False, domain=False, labelLimit=150, labelPadding=8)
    x = alt.X(
        f"{value}:Q",
        title=title,
        scale=alt.Scale(nice=False),
        # The last label would be cut where it is wider than what is left of the axis; so would a title in the middle
        # of a narrow plot beside long names.
        axis=alt.Axis(
            format=_axis_format(form),
            tickCount=4,
            labelBound=True,
            labelSeparation=8,
            titleAnchor="end",
            **_whole_steps(form),
        ),
    )
    tips = [_tip(label, " ", form=""), _tip(value, title, form=form), *(_tip(one, one, form=WHOLE) for one in also)]
    base = alt.Chart(_named_data()).encode(y=alt.Y(f"{label}:N", sort=None, title=None, axis=quiet), x=x, tooltip=tips)
    text = base.mark_text(align="left", dx=4, style="value").encode(text=alt.Text(f"{value}:Q", format=form))
    return _spec(alt.layer(base.mark_bar(cornerRadiusEnd=2), text), BAR_HEIGHT)


@_remembered
def lines_chart(
    x: str,
    y: str,
    *,
    x_title: str,
    y_title: str,
    time: str = "",
    form: str = NUMBER,
    color: str = "",
    names: Sequence[str] | None = None,
    lowest: int = 0,
    height: int = 240,
    dots: bool = False,
) -> Spec:
    """Lines, one for each value of `color`; of places, the first one on top, with `lowest` as the last of them."""
    import altair as alt

    axis = alt.Axis(format=_axis_format(form), tickCount=5, **_whole_steps(WHOLE if lowest else form))
    # A few places at least: one that never changes is on top.
    places = [1, max(lowest, FEWEST_PLACES)]
    scale = alt.Scale(reverse=True, domain=places, nice=False) if lowest else alt.Scale(zero=True)
    encoding: dict[str, Any] = {
        "x": _across(x, x_title, time, is_band=False),
        "y": alt.Y(f"{y}:Q", title=y_title, axis=axis, scale=scale),
        "tooltip": [_tip(x, x_title, time, form=""), _tip(y, y_title, form=form)],
    }
    if color:
        symbol = "circle" if dots else "stroke"
        encoding["color"] = alt.Color(f"{color}:N", title=None, sort=_in_order(names), legend=_legend(symbol))
        encoding["tooltip"].insert(0, alt.Tooltip(f"{color}:N", title=" "))
    mark: dict[str, Any] = {"point": {"size": 36, "filled": True}} if dots else {}
    return _spec(
        alt.Chart(_named_data()).mark_line(strokeWidth=2.5, interpolate="monotone", **mark).encode(**encoding), height
    )


@_remembered
def areas_chart(x: str, y: str, *, color: str, names: Sequence[str], x_title: str, y_title: str, time: str) -> Spec:
    """Stacked areas of shares."""
    import altair as alt

    encoding = {
        "x": _across(x, x_title, time, is_band=False),
        "y": alt.Y(
            f"{y}:Q",
            stack="zero",
            title=y_title,
            axis=alt.Axis(format=_axis_format(SHARE), tickCount=5),
            scale=alt.Scale(domainMax=1),
        ),
        "color": alt.Color(f"{color}:N", title=None, sort=list(names), legend=_legend()),
        "order": alt.Order("place:Q"),
        "tooltip": [alt.Tooltip(f"{color}:N", title=" "), _tip(x, x_title, time), _tip(y, y_title, form=SHARE)],
    }
    return _spec(alt.Chart(_named_data()).mark_area(line=False, opacity=0.9).encode(**encoding), 280)


@_remembered
def clock_chart() -> Spec:
    """Weekday by hour; needs `weekday` (1 is Monday), `hour` and `hours`."""
    import altair as alt

    chart = (
        alt.Chart(_named_data())
        .transform_calculate(day=f"{WEEKDAYS}[datum.weekday - 1]")
        .mark_rect(cornerRadius=2, stroke=None)
        .encode(
            x=alt.X(
                "hour:O",
                title="local hour of the day",
                scale=alt.Scale(domain=list(range(24)), paddingInner=0.08),
                axis=alt.Axis(
                    labelAngle=0,
                    values=[0, 3, 6, 9, 12, 15, 18, 21],
                    ticks=False,
                    domain=False,
                    grid=False,
                ),
            ),
            y=alt.Y(
                "day:O",
                title=None,
                sort=WEEKDAYS,
                scale=alt.Scale(domain=WEEKDAYS, paddingInner=0.12),
                axis=alt.Axis(ticks=False, domain=False, grid=False),
            ),
            color=alt.Color("hours:Q", title="hours", scale=alt.Scale(domainMin=0), legend=_ramp()),
            tooltip=[alt.Tooltip("day:N", title="day"), alt.Tooltip("hour:O"), _tip("hours", "hours")],
        )
    )
    return _spec(chart, 220)


@_remembered
def calendar_chart(years: Sequence[int]) -> Spec:
    """A cell for each day, a band of seven rows for each year.

    Needs `date`, `slot` (year * 10 + weekday), `week`, `hours` and `href`.
    """
    import altair as alt

    # The square root shows differences between usual days, as the largest ones are far off.
    slots = [year * 10 + weekday for year in years for weekday in range(1, 9)]
    chart = (
        alt.Chart(_named_data())
        .mark_rect(cornerRadius=1, cursor="pointer")
        .encode(
            x=alt.X(
                "week:O",
                title=None,
                scale=alt.Scale(domain=list(range(54)), paddingInner=0.15),
                axis=alt.Axis(
                    values=FIRST_WEEKS,
                    labelExpr=f"{MONTHS}[indexof({FIRST_WEEKS}, datum.value)]",
                    labelAngle=0,
                    labelAlign="left",
                    orient="top",
                    ticks=False,
                    domain=False,
                    grid=False,
                    labelOverlap=True,
                ),
            ),
            y=alt.Y(
                "slot:O",
                title=None,
                scale=alt.Scale(domain=slots, paddingInner=0.15),
                axis=alt.Axis(
                    labelExpr="datum.value % 10 == 4 ? '' + floor(datum.value / 10) : ''",
                    labelOverlap=False,
                    ticks=False,
                    domain=False,
                    grid=False,
                ),
            ),
            color=alt.Color("hours:Q", title="hours", scale=alt.Scale(type="sqrt", domainMin=0), legend=_ramp()),
            href="href:N",
            tooltip=[_tip("date", "day", "%A, %-d %b %Y"), _tip("hours", "hours"), _tip("plays", "plays", form=WHOLE)],
        )
    )
    return _spec(chart, 12 * len(slots))


@_remembered
def race_chart(names: Sequence[str]) -> Spec:
    """Cumulative hours over a year, one line for each of `names`; needs `month`, `name`, `hours`."""
    import altair as alt

    base = alt.Chart(_named_data()).encode(
        x=_across("month", "month", "%b", is_band=False),
        y=alt.Y("hours:Q", title="hours since 1 January", axis=alt.Axis(format=",~f", tickCount=5)),
        color=alt.Color("name:N", sort=list(names), legend=_legend()),
        tooltip=[alt.Tooltip("name:N", title=" "), _tip("month", "up to", "%b %Y"), _tip("hours", "hours")],
    )
    return _spec(base.mark_line(strokeWidth=2.5, interpolate="monotone", point={"size": 30, "filled": True}), 320)


@_remembered
def survival_chart() -> Spec:
    """Share of plays that got so far; needs `seconds` and `survival`."""
    import altair as alt

    chart = (
        alt.Chart(_named_data())
        .mark_area(interpolate="step-after", line={"strokeWidth": 2.5}, opacity=0.25)
        .encode(
            x=alt.X("seconds:Q", title="seconds into the track", axis=alt.Axis(tickCount=8, grid=False)),
            y=alt.Y(
                "survival:Q",
                title="plays that got this far",
                axis=alt.Axis(format=_axis_format(SHARE), tickCount=5),
                scale=alt.Scale(domain=[0, 1]),
            ),
            tooltip=[_tip("seconds", "seconds", form=WHOLE), _tip("survival", "still playing", form=SHARE)],
        )
    )
    return _spec(chart, 260)


@_remembered
def cohorts_chart() -> Spec:
    """Month of discovery by months since; needs `cohort`, `months_since`, `share`."""
    import altair as alt

    chart = (
        alt.Chart(_named_data())
        .mark_rect()
        .encode(
            x=alt.X(
                "months_since:O",
                title="months since they were discovered",
                axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False, domain=False, grid=False),
            ),
            y=alt.Y("cohort:O", title="quarter of discovery", axis=alt.Axis(ticks=False, domain=False, grid=False)),
            color=alt.Color("share:Q", title="still played", legend=_ramp(SHARE)),
            tooltip=[
                alt.Tooltip("cohort:N", title="discovered in"),
                alt.Tooltip("months_since:O", title="months since"),
                _tip("share", "still played", form=SHARE),
            ],
        )
    )
    return _spec(chart, 320)


def _in_order(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else [*names]


def _named_data() -> "alt.NamedData":
    import altair as alt

    return alt.NamedData(name="rows")


def _across(field: str, title: str, time: str, *, is_band: bool, ticks: Sequence[int] = ()) -> "alt.X":
    """The horizontal axis. Dates are local days: read as UTC, so that no time zone moves them."""
    import altair as alt

    if not time:
        values: dict[str, Any] = {"values": list(ticks)} if ticks else {}
        axis = alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=8, grid=False, **values)
        return alt.X(f"{field}:O", title=title, sort=None, axis=axis)
    axis = alt.Axis(
        format=time,
        grid=False,
        labelOverlap=True,
        labelSeparation=8,
        labelAngle=0,
        tickCount=8,
        # A label for each month at most, else two dates of a month have the same one.
        tickMinStep=MS_PER_DAY * (DAYS_OF_MONTH if time in BANDS else 1),
    )
    if is_band:
        return alt.X(f"{BANDS.get(time, 'utcyearmonthdate')}({field}):T", title=title, axis=axis)
    return alt.X(f"{field}:T", title=title, axis=axis, scale=alt.Scale(type="utc"))


def _tip(field: str, title: str, time: str = "", form: str = NUMBER) -> "alt.Tooltip":
    """A line of a tooltip: a date or a number where there is a format for it, else text."""
    import altair as alt

    if time:
        return alt.Tooltip(f"utcyearmonthdate({field}):T", title=title, format=time)
    return alt.Tooltip(f"{field}:Q", title=title, format=form) if form else alt.Tooltip(f"{field}:N", title=title)


def _axis_format(form: str) -> str:
    # Of small shares, whole percents would be the same on several ticks.
    return "~%" if form == SHARE else ",~f"


def _whole_steps(form: str) -> dict[str, Any]:
    """Least step between ticks: whole numbers have none between them."""
    return {"tickMinStep": 1} if form == WHOLE else {}


def _legend(symbol: str = "circle") -> "alt.Legend":
    import altair as alt

    return alt.Legend(orient="top", title=None, labelLimit=140, columns=0, symbolType=symbol)


def _ramp(form: str = ",~f") -> "alt.Legend":
    import altair as alt

    return alt.Legend(
        orient="bottom", direction="horizontal", gradientLength=160, gradientThickness=8, format=form, tickCount=3
    )


def _spec(chart: Any, height: int) -> Spec:
    """The specification, as wide as its container."""
    spec: Spec = chart.properties(width="container", height=height).to_dict(validate=False)
    for part in ("config", "$schema", "usermeta", "datasets"):
        spec.pop(part, None)
    return {**spec, "data": {"name": "rows"}}
