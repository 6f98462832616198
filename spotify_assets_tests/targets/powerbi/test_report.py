"""The report's files: properties that Microsoft's JSON schemas know, fields that there are, visuals side by side."""

import itertools

import pytest

from spotify_assets.model import TABLES
from spotify_assets.targets.powerbi.measures import MEASURES
from spotify_assets.targets.powerbi.report import HEIGHT, PAGES, WIDTH, report_files
from spotify_assets.targets.powerbi.semantic_model import CANONICAL_NAMES, default_tables

SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric/item/report/definition"
# Of each schema: required and further properties that files here may have. None of the schemas allows others.
SCHEMA_PROPERTIES = {
    "versionMetadata/1.0.0": ({"version"}, set()),
    "report/3.0.0": ({"themeCollection"}, {"settings", "objects", "filterConfig", "resourcePackages"}),
    "pagesMetadata/1.0.0": (set(), {"pageOrder", "activePageName"}),
    "page/2.0.0": ({"name", "displayName", "displayOption"}, {"height", "width"}),
    "visualContainer/2.0.0": ({"name", "position", "visual"}, {"isHidden"}),
}
# Roles that Power BI's visuals have.
ROLES = {
    "slicer": {"Values"},
    "card": {"Values"},
    "tableEx": {"Values"},
    "pivotTable": {"Rows", "Columns", "Values"},
    "clusteredColumnChart": {"Category", "Y", "Series"},
    "clusteredBarChart": {"Category", "Y", "Series"},
    "lineChart": {"Category", "Y", "Series"},
    "donutChart": {"Category", "Y"},
}
FILES = report_files(default_tables())
VISUALS = {path: found for path, found in FILES.items() if path.endswith("visual.json")}


@pytest.mark.parametrize("path", FILES)
def test_files_have_the_properties_of_their_schema(path):
    found = dict(FILES[path])
    schema = found.pop("$schema").removeprefix(f"{SCHEMAS}/").removesuffix("/schema.json")
    required, allowed = SCHEMA_PROPERTIES[schema]
    assert required <= set(found) <= required | allowed


def test_pages_are_listed_by_their_names():
    names = FILES["pages/pages.json"]["pageOrder"]
    assert [FILES[f"pages/{name}/page.json"]["displayName"] for name in names] == [page.title for page in PAGES]
    assert all(FILES[f"pages/{name}/page.json"]["name"] == name for name in names)
    assert FILES["pages/pages.json"]["activePageName"] == names[0]
    assert all(len(name) == 20 and name.isalnum() for name in names)


@pytest.mark.parametrize("path", VISUALS)
def test_visuals_show_fields_that_there_are(path):
    visual = VISUALS[path]["visual"]
    assert path.split("/")[3] == VISUALS[path]["name"]
    assert set(visual) - {"syncGroup"} <= {
        "visualType", "query", "objects", "visualContainerObjects", "drillFilterOtherVisuals",
    }  # fmt: skip
    # Slicers alone may be synced, and choose for all pages.
    assert ("syncGroup" in visual) == (visual["visualType"] == "slicer")
    formats = {name: set(found[0]["properties"]) for name, found in visual["visualContainerObjects"].items()}
    assert formats == {"title": {"show", "text"}, "general": {"altText"}}
    assert set(visual["query"]) <= {"queryState", "sortDefinition"}
    assert set(visual["query"]["queryState"]) <= ROLES[visual["visualType"]]
    columns = {(name, column) for name, table in TABLES.items() for column in table.columns}
    columns |= {(table, name) for table, (name, _) in CANONICAL_NAMES.items()}
    measures = {(measure.table, measure.name) for measure in MEASURES}
    projections = [one for role in visual["query"]["queryState"].values() for one in role["projections"]]
    sorts = visual["query"].get("sortDefinition", {"sort": []})["sort"]
    for one in [*projections, *sorts]:
        [(kind, expression)] = one["field"].items()
        named = (expression["Expression"]["SourceRef"]["Entity"], expression["Property"])
        assert named in {"Measure": measures, "Column": columns}[kind]
    # Unique in a visual, as the schema says; and what it is sorted by is shown.
    references = [one["queryRef"] for one in projections]
    assert len(set(references)) == len(references)
    assert all(one["field"] in [other["field"] for other in projections] for one in sorts)


@pytest.mark.parametrize("page", FILES["pages/pages.json"]["pageOrder"])
def test_visuals_lie_on_the_page_side_by_side(page):
    places = [found["position"] for path, found in VISUALS.items() if path.startswith(f"pages/{page}/")]
    assert places
    for one in places:
        assert one["x"] >= 0
        assert one["y"] >= 0
        assert one["x"] + one["width"] <= WIDTH
        assert one["y"] + one["height"] <= HEIGHT
    for one, other in itertools.combinations(places, 2):
        assert (
            one["x"] + one["width"] <= other["x"]
            or other["x"] + other["width"] <= one["x"]
            or one["y"] + one["height"] <= other["y"]
            or other["y"] + other["height"] <= one["y"]
        ), (one, other)


def test_what_dashboards_of_listening_show_has_its_place():
    shown = {
        one["queryRef"]
        for found in VISUALS.values()
        for role in found["visual"]["query"]["queryState"].values()
        for one in role["projections"]
    }
    assert {
        "fct_plays.Hours", "fct_plays.Albums", "fct_plays.Artists", "fct_plays.Tracks", "fct_plays.Shuffle share",
        "fct_plays.Skip rate", "dim_album.Album", "dim_artist.Artist", "dim_recording.track_name",
        "dim_platform.platform_family", "dim_date.year",
    } <= shown  # fmt: skip


def test_visuals_of_tables_that_are_left_out_are_left_out():
    files = report_files(("dim_artist", "fct_plays"))
    titles = [
        FILES[path]["visual"]["visualContainerObjects"]["title"] for path in files if path.endswith("visual.json")
    ]
    shown = sorted(one[0]["properties"]["text"]["expr"]["Literal"]["Value"] for one in titles)
    assert shown == ["'Artists heard longest'", "'Artists'", "'Hours'", "'Plays'", "'Shuffle share'", "'Skip rate'"]


def test_a_report_without_any_field_has_an_empty_page():
    assert sorted(path.split("/")[-1] for path in report_files(("dim_time",))) == [
        "page.json", "pages.json", "report.json", "version.json",
    ]  # fmt: skip
