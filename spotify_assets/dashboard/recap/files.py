"""A recap as one HTML file that needs nothing else: styles and charts are in it, neither scripts nor addresses."""

import hashlib
import json
import re
from functools import cache
from typing import Any

from markupsafe import Markup

from spotify_assets.dashboard.formats import write_day
from spotify_assets.dashboard.queries import Spec
from spotify_assets.dashboard.recap.content import Recap
from spotify_assets.dashboard.recap.story import Section, sections
from spotify_assets.dashboard.templating import HERE, templates
from spotify_assets.escaping import escape_controls

# Widths (px) of charts: of one of the twelve columns with its gap, of what is beside a chart in its panel, on phones.
COLUMN, PANEL_EDGES, NARROW = 90, 82, 310
CATEGORIES, RAMP = range(1, 11), range(1, 7)
LABEL_SIZE = 12
FINGERPRINT = re.compile(rb'<meta name="fingerprint" content="([0-9a-f]+)">')


def recap_html(recap: Recap) -> str:
    """The file. Names in it are escaped, and covers are left out."""
    story = sections(recap)
    filters = recap.filters
    return (
        templates()
        .get_template("recap_file.html")
        .render(
            sections=story,
            drawn={one.name: _drawings(one) for one in story if one.chart},
            kicker=escape_controls(f"{filters.listener.name}, {recap.title}"),
            # It is ours, and holds nothing of others.
            style=Markup((HERE / "static" / "dashboard.css").read_text(encoding="utf-8")),
            fingerprint=fingerprint(recap),
            scope=escape_controls(f"{filters.listener.name}, {filters.describe()}"),
            zone=filters.listener.timezone,
            last=_last_day(recap),
        )
    )


def fingerprint(recap: Recap) -> str:
    """Hash of what a recap's file is made from: another one means that it is to be written again."""
    filters = recap.filters
    told = [_code(), filters.listener.name, filters.listener.timezone, filters.describe(), _last_day(recap)]
    data = [recap.row, recap.days, recap.clock, recap.genres]
    return hashlib.sha256(json.dumps([told, data], default=str).encode()).hexdigest()


@cache
def _code() -> str:
    """Hash of the modules, templates and styles that files are made by."""
    folders = [HERE, HERE / "recap", HERE / "static", HERE / "templates"]
    sources = sorted(path for folder in folders for path in folder.iterdir() if path.suffix in SOURCES)
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()


# Kinds of files that what is shown depends on.
SOURCES = (".py", ".css", ".html")


def _last_day(recap: Recap) -> str:
    """The listener's last day with a play, where more of the days may follow; else empty."""
    return "" if recap.is_complete else write_day(recap.filters.listener.last)


def _drawings(section: Section) -> dict[str, Markup]:
    """A section's chart as SVG for each width."""
    assert section.chart is not None
    # What Vega draws is XML, in which it has escaped every text.
    widths = {"wide": section.width * COLUMN - PANEL_EDGES, "narrow": NARROW}
    return {size: Markup(chart_svg(section.chart, width, f"{section.name}-{size}")) for size, width in widths.items()}


def chart_svg(chart: Spec, width: int, name: str) -> str:
    """A chart as SVG, whose colours are variables of the style sheet: it follows the theme of its page.

    Args:
        chart: Vega-Lite chart with its data.
        width: Its width (px).
        name: Begins the identifiers within it; Vega gives each picture the same ones.
    """
    import vl_convert

    spec = {**chart, "width": width, "autosize": {"type": "fit-x", "contains": "padding"}, "config": _config()}
    color = spec.get("encoding", {}).get("color", {})
    if color.get("legend", {}) and color["legend"].get("orient") == "top":
        # vl-convert 1.9 fails where it cuts an emoji of a label in two. Labels are short.
        legend = {**color["legend"], "labelLimit": 0, "columns": max(1, width // 150)}
        spec["encoding"] = spec["encoding"] | {"color": {**color, "legend": legend}}
    svg = vl_convert.vegalite_to_svg(spec, format_locale=LOCALE)
    svg = svg[svg.index("<svg") :]
    return re.sub(r'(?<= )id="|(?<==")url\(#', lambda found: f"{found[0]}{name}-", svg)


LOCALE = {"decimal": ".", "thousands": "\u202f", "grouping": [3], "currency": ["", ""], "percent": "\u202f%"}


def _config() -> dict[str, Any]:
    """Vega's configuration, as in dashboard.js."""
    ink, quiet, line, accent = (f"var(--{name})" for name in ("ink", "quiet", "line", "accent"))
    ramp = [f"var(--ramp-{number})" for number in RAMP]
    return {
        "background": "transparent",
        "font": "Liberation Sans, system-ui, sans-serif",
        "view": {"stroke": None},
        # Vega takes text to end a sixth of its size below the baseline; descenders of many fonts are longer.
        "padding": {"left": 0, "top": 0, "right": 0, "bottom": 4},
        "axis": {
            "labelColor": quiet,
            "titleColor": quiet,
            "gridColor": line,
            "labelFontSize": LABEL_SIZE,
            "titleFontSize": LABEL_SIZE,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
        },
        "legend": {
            "labelColor": ink,
            "titleColor": quiet,
            "labelFontSize": LABEL_SIZE,
            "titleFontSize": LABEL_SIZE,
            "titleFontWeight": "normal",
            "gradientStrokeColor": "transparent",
        },
        "bar": {"color": accent},
        "line": {"color": accent},
        "point": {"color": accent, "fill": accent},
        "range": {
            "category": [f"var(--category-{number})" for number in CATEGORIES],
            "ramp": ramp,
            "heatmap": ramp,
            "ordinal": ramp,
        },
    }
