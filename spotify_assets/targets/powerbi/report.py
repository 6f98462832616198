"""Files of the report: pages and visuals in Power BI's enhanced report format (PBIR).

Each file names its JSON schema, published at https://github.com/microsoft/json-schemas/tree/main/fabric/item/report
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from spotify_assets.targets.powerbi.measures import MEASURES, usable
from spotify_assets.targets.powerbi.tmdl import tag

SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric/item/report/definition"
WIDTH, HEIGHT = 1280, 720
MARGIN = 16

Json = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A column, as `table.column`, or a measure, by its name alone, in a visual."""

    name: str

    @property
    def is_measure(self) -> bool:
        """Whether it is a measure."""
        return "." not in self.name

    @property
    def table(self) -> str:
        """Table that has it."""
        return MEASURE_TABLES[self.name] if self.is_measure else self.name.partition(".")[0]

    @property
    def own_name(self) -> str:
        """Name in its table."""
        return self.name if self.is_measure else self.name.partition(".")[2]

    def expression(self) -> Json:
        """As visuals and sort orders refer to it."""
        kind = "Measure" if self.is_measure else "Column"
        return {kind: {"Expression": {"SourceRef": {"Entity": self.table}}, "Property": self.own_name}}

    def projection(self) -> Json:
        """As the role of a visual holds it."""
        return {
            "field": self.expression(),
            "queryRef": f"{self.table}.{self.own_name}",
            "nativeQueryRef": self.own_name,
        }

    def is_in(self, tables: Collection[str]) -> bool:
        """Whether a project of these tables has it."""
        if self.is_measure:
            return self.name in {measure.name for measure in usable(MEASURES, tables)}
        return self.table in tables


MEASURE_TABLES = {measure.name: measure.table for measure in MEASURES}


@dataclass(frozen=True)
class Visual:
    """A visual on a page.

    Attributes:
        kind: Power BI's name of it.
        title: What is seen; also its text for screen readers.
        place: Left, top, width and height (pixels).
        roles: Fields by role.
        sorted_by: Field by which it is sorted, largest first.
        objects: Formats by object.
        is_synced: Whether a choice in it holds on all pages: those of a title are one.
    """

    kind: str
    title: str
    place: tuple[int, int, int, int]
    roles: dict[str, tuple[str, ...]]
    sorted_by: str | None = None
    objects: Json | None = None
    is_synced: bool = False

    @property
    def fields(self) -> list[Field]:
        """All of its fields."""
        return [Field(name) for names in self.roles.values() for name in names]


@dataclass(frozen=True)
class ReportPage:
    """A page of the report."""

    title: str
    visuals: tuple[Visual, ...]


def _literal_value(value: str) -> Json:
    return {"expr": {"Literal": {"Value": value}}}


def _text_value(value: str) -> Json:
    return _literal_value("'" + value.replace("'", "''") + "'")


def _slicers() -> tuple[Visual, ...]:
    """Buttons of the years, and a list of listeners, on each page at the same place."""
    years: Json = {"data": [{"properties": {"mode": _text_value("Basic")}}], "general": [
        {"properties": {"orientation": _literal_value("1D")}}
    ]}  # fmt: skip
    listeners: Json = {"data": [{"properties": {"mode": _text_value("Dropdown")}}]}
    return (
        Visual(
            "slicer", "Year", (MARGIN, MARGIN, 960, 80), {"Values": ("dim_date.year",)}, objects=years, is_synced=True
        ),
        Visual(
            "slicer",
            "Listener",
            (992, MARGIN, 272, 80),
            {"Values": ("dim_listener.listener",)},
            objects=listeners,
            is_synced=True,
        ),
    )


def _figure_cards(top: int, *measures: str) -> Iterator[Visual]:
    width = (WIDTH - MARGIN) // len(measures)
    for number, measure in enumerate(measures):
        place = (MARGIN + number * width, top, width - MARGIN, 96)
        yield Visual("card", measure, place, {"Values": (measure,)})


def _top(left: int, title: str, *names: str) -> Visual:
    return Visual("tableEx", title, (left, 112, 405, 592), {"Values": (*names, "Hours", "Plays")}, sorted_by="Hours")


PAGES = (
    ReportPage(
        "Overview",
        (
            *_slicers(),
            *_figure_cards(112, "Hours", "Plays", "Tracks", "Artists", "Albums", "Shuffle share", "Skip rate"),
            Visual(
                "clusteredColumnChart",
                "Hours by month, and a year before",
                (MARGIN, 224, 832, 480),
                {"Category": ("dim_date.month_start",), "Y": ("Hours", "Hours a year before")},
            ),
            Visual(
                "donutChart",
                "Hours by kind of device",
                (864, 224, 400, 232),
                {"Category": ("dim_platform.platform_family",), "Y": ("Hours",)},
            ),
            Visual(
                "clusteredColumnChart",
                "New artists by year",
                (864, 472, 400, 232),
                {"Category": ("dim_date.year",), "Y": ("New artists",)},
            ),
        ),
    ),
    ReportPage(
        "Top artists, albums, tracks",
        (
            *_slicers(),
            _top(MARGIN, "Artists heard longest", "dim_artist.Artist"),
            _top(437, "Albums heard longest", "dim_album.Album", "dim_album.artist_name"),
            _top(858, "Tracks heard longest", "dim_recording.track_name", "dim_recording.artist_name"),
        ),
    ),
    ReportPage(
        "Habits",
        (
            *_slicers(),
            Visual(
                "pivotTable",
                "Hours by day of the week and hour",
                (MARGIN, 112, 1248, 288),
                {"Rows": ("dim_date.day_name",), "Columns": ("dim_time.label",), "Values": ("Hours",)},
            ),
            Visual(
                "lineChart",
                "Shares of plays by year: skipped, shuffled, chosen, heard to the end",
                (MARGIN, 416, 616, 288),
                {
                    "Category": ("dim_date.year",),
                    "Y": ("Skip rate", "Shuffle share", "Deliberate share", "Finished share"),
                },
            ),
            Visual(
                "clusteredBarChart",
                "Plays by why they began",
                (648, 416, 616, 288),
                {"Category": ("dim_reason.meaning",), "Y": ("Plays",)},
                sorted_by="Plays",
            ),
        ),
    ),
)


def report_files(tables: Collection[str]) -> dict[str, Json]:
    """JSON by path below the folder `definition`; without the visuals that need other tables."""
    pages = {
        _id(page.title): (page, [visual for visual in page.visuals if all(one.is_in(tables) for one in visual.fields)])
        for page in PAGES
    }
    # A report has a page at least.
    shown = {name: found for name, found in pages.items() if found[1]} or dict([next(iter(pages.items()))])
    files: dict[str, Json] = {
        "version.json": {"$schema": f"{SCHEMAS}/versionMetadata/1.0.0/schema.json", "version": "2.0.0"},
        "report.json": {
            "$schema": f"{SCHEMAS}/report/3.0.0/schema.json",
            "themeCollection": {},
            "settings": {"useStylableVisualContainerHeader": True, "defaultDrillFilterOtherVisuals": True},
        },
        "pages/pages.json": {
            "$schema": f"{SCHEMAS}/pagesMetadata/1.0.0/schema.json",
            "pageOrder": list(shown),
            "activePageName": next(iter(shown)),
        },
    }
    for name, (page, visuals) in shown.items():
        files[f"pages/{name}/page.json"] = {
            "$schema": f"{SCHEMAS}/page/2.0.0/schema.json",
            "name": name,
            "displayName": page.title,
            "displayOption": "FitToPage",
            "height": HEIGHT,
            "width": WIDTH,
        }
        for order, visual in enumerate(visuals):
            own = _id(page.title, visual.title)
            files[f"pages/{name}/visuals/{own}/visual.json"] = _visual_file(own, order, visual)
    return files


def _id(*path: str) -> str:
    """Name of a page or visual: 20 characters, as Power BI's own; the same each time."""
    return tag("report", *path).replace("-", "")[:20]


def _visual_file(name: str, order: int, visual: Visual) -> Json:
    left, top, width, height = visual.place
    query: Json = {
        "queryState": {
            role: {"projections": [Field(one).projection() for one in fields]} for role, fields in visual.roles.items()
        }
    }
    if visual.sorted_by:
        query["sortDefinition"] = {
            "sort": [{"field": Field(visual.sorted_by).expression(), "direction": "Descending"}]
        }
    shown: Json = {
        "visualType": visual.kind,
        "query": query,
        "visualContainerObjects": {
            "title": [{"properties": {"show": _literal_value("true"), "text": _text_value(visual.title)}}],
            "general": [{"properties": {"altText": _text_value(visual.title)}}],
        },
        "drillFilterOtherVisuals": True,
    }
    if visual.objects:
        shown["objects"] = visual.objects
    if visual.is_synced:
        shown["syncGroup"] = {"groupName": visual.title, "fieldChanges": True, "filterChanges": True}
    return {
        "$schema": f"{SCHEMAS}/visualContainer/2.0.0/schema.json",
        "name": name,
        "position": {"x": left, "y": top, "z": order, "height": height, "width": width, "tabOrder": order},
        "visual": shown,
    }
