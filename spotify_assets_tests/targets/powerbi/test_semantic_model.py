"""The semantic model, read back by the strict parser and compared with the model that it follows from."""

import re
from collections import Counter

import pytest

from spotify_assets.model import TABLES
from spotify_assets.targets.powerbi.measures import MEASURES, usable
from spotify_assets.targets.powerbi.relationships import relate
from spotify_assets.targets.powerbi.semantic_model import SemanticModel, default_tables
from spotify_assets.targets.powerbi.sources import AthenaSource, MySQLSource, m_text
from spotify_assets_tests.targets.powerbi.tmdl_parser import parse

STAR = ("dim_artist", "dim_album", "dim_reason", "fct_plays")
HOSTILE = "a\"b#(lf)c\n'd"


def read(model: SemanticModel):
    """Each file's objects by path."""
    return {path: parse(text) for path, text in model.files().items()}


@pytest.fixture(scope="module")
def whole():
    model = SemanticModel("it's mine", default_tables(), MySQLSource("host:3306", "music"))
    return model, read(model)


@pytest.fixture(scope="module")
def tables(whole):
    return {path.split("/")[1].removesuffix(".tmdl"): found[0] for path, found in whole[1].items() if "/" in path}


def test_tables_and_columns_are_those_of_the_model(tables):
    assert list(tables) == [name for name in TABLES if name in default_tables()]
    data_types = {
        "string": "string", "array<string>": "string", "bigint": "int64", "int": "int64", "double": "double",
        "boolean": "boolean", "date": "dateTime", "timestamp": "dateTime",
    }  # fmt: skip
    for name, table in tables.items():
        model = TABLES[name]
        assert (table.kind, table.name, table.description) == ("table", name, model.comment)
        read_columns = {
            column.properties["sourceColumn"]: column.properties["dataType"]
            for column in table.of_kind("column").values()
            if column.default is None
        }
        assert read_columns == {column: data_types[type_] for column, type_ in model.spark_types.items()}
        comments = {column.name: str(column.comment) for column in model.sql.columns}
        for column, comment in comments.items():
            assert table.of_kind("column")[column].description.startswith(comment)


def test_queries_read_each_column_with_its_type(tables):
    for name, table in tables.items():
        [partition] = table.of_kind("partition").values()
        assert partition.default == "m"
        source = partition.properties["source"]
        assert f'Source{{[Schema=Database, Item="{name}"]}}[Data]' in source
        [selected] = re.findall(r"Table.SelectColumns\(Rows, \{(.*)\}\)", source)
        assert selected == ", ".join(f'"{column}"' for column in TABLES[name].columns)
        assert [column for column, _ in re.findall(r'^        \{"(\w+)", (.*)\},?$', source, re.MULTILINE)] == (
            TABLES[name].columns
        )
        assert source.endswith("in\n    Dates" if name == "dim_date" else "in\n    Typed")


def test_model_lists_tables_and_parameters(whole):
    model, files = whole
    references = [one.name for one in files["model.tmdl"] if one.kind == "ref table"]
    assert references == list(model.tables)
    assert files["database.tmdl"][0].name == "it's mine"
    assert {one.name: one.default for one in files["expressions.tmdl"]} == {
        "Server": '"host:3306" meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]',
        "Database": '"music" meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]',
    }


def test_names_and_tags_are_unique_whatever_their_case(whole, tables):
    """Power BI's names don't differ by case; a measure and a column of its table can't have one name."""
    _, files = whole
    every = [one for found in files.values() for top in found for one in (top, *top.children)]
    tags = [one.properties["lineageTag"] for one in every if "lineageTag" in one.properties]
    assert [tag for tag, count in Counter(tags).items() if count > 1] == []
    measures = [name.lower() for table in tables.values() for name in table.of_kind("measure")]
    assert [name for name, count in Counter(measures).items() if count > 1] == []
    for table in tables.values():
        names = [one.name.lower() for one in table.children if one.kind in ("measure", "column")]
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_keys_are_hidden_and_the_date_table_has_a_key(tables):
    hidden = {
        (name, column.name)
        for name, table in tables.items()
        for column in table.of_kind("column").values()
        if column.properties.get("isHidden")
    }
    assert {("fct_plays", key) for key in TABLES["fct_plays"].foreign_keys} <= hidden
    assert ("dim_artist", "artist_key") in hidden
    assert ("dim_artist", "canonical_artist_key") in hidden
    assert ("dim_artist", "artist_name") not in hidden
    assert {name for name, table in tables.items() if table.properties.get("dataCategory") == "Time"} == {"dim_date"}
    keys = [
        (name, column.name)
        for name, table in tables.items()
        for column in table.of_kind("column").values()
        if column.properties.get("isKey")
    ]
    assert keys == [("dim_date", "date")]
    # Sorted by columns of the same table.
    dates = tables["dim_date"].of_kind("column")
    assert dates["month_name"].properties["sortByColumn"] == ("month_of_year",)
    assert {"month_of_year", "day_of_week"} <= set(dates)


def test_relationships_are_the_foreign_keys_of_the_model(whole):
    """Each foreign key between the tables is a relationship, or left out because of its kind."""
    model, files = whole
    written = {
        (one.properties["fromColumn"], one.properties["toColumn"]): one.properties.get("isActive", True)
        for one in files["relationships.tmdl"]
    }
    keys = {
        ((table, column), reference)
        for table in model.tables
        for column, reference in TABLES[table].foreign_keys.items()
        if reference[0] in model.tables
    }
    possible = {
        (column, reference)
        for column, reference in keys
        if column[0] != reference[0] and TABLES[reference[0]].primary_key == [reference[1]]
    }
    assert set(written) == possible
    assert {(one.table, one.column) for one in model.left_out} == {column for column, _ in keys - possible}
    assert written == {
        ((one.table, one.column), (one.references, one.key)): one.is_active for one in model.relationships
    }


def test_relationships_of_a_star():
    related, left_out = relate(STAR)
    assert [(str(one), one.is_active) for one in related] == [
        ("fct_plays.artist_key -> dim_artist.artist_key", True),
        ("fct_plays.album_key -> dim_album.album_key", True),
        ("fct_plays.reason_start_key -> dim_reason.reason_key", True),
        # A second key to the same table.
        ("fct_plays.reason_end_key -> dim_reason.reason_key", False),
        # A second way from artists to plays.
        ("dim_album.artist_key -> dim_artist.artist_key", False),
    ]
    assert [str(one) for one in left_out] == [
        "dim_artist.canonical_artist_key -> dim_artist: Power BI relates no table to itself",
        "dim_album.canonical_album_key -> dim_album: Power BI relates no table to itself",
    ]


def test_a_way_by_another_dimension_is_active_where_it_is_the_only_one():
    related, _ = relate(("album_metrics", "dim_album", "dim_artist"))
    assert {str(one): one.is_active for one in related} == {
        "album_metrics.album_key -> dim_album.album_key": True,
        "dim_album.artist_key -> dim_artist.artist_key": True,
    }


def test_a_reference_to_a_part_of_a_key_is_left_out():
    related, left_out = relate(("dim_playlist", "playlist_metrics"))
    assert related == []
    assert [str(one) for one in left_out] == [
        "playlist_metrics.playlist_key -> dim_playlist: playlist_key is a part of that table's key, "
        "and not unique by itself"
    ]


@pytest.mark.parametrize("selected", [tuple(TABLES), default_tables(), STAR], ids=["all", "default", "star"])
def test_filters_have_one_path_at_most_between_two_tables(selected):
    """All paths are walked: none comes back, and no two lead to one table."""
    active = {table: [] for table in selected}
    for one in relate(selected)[0]:
        if one.is_active:
            active[one.references].append(one.table)

    def arrivals(table, path):
        for reached in active[table]:
            assert reached not in path, f"a circle: {path}"
            yield reached
            yield from arrivals(reached, (*path, reached))

    for table in selected:
        counts = Counter(arrivals(table, (table,)))
        assert [reached for reached, count in counts.items() if count > 1] == [], table


def test_each_inactive_relationship_would_make_a_second_path():
    """None is inactive without need: with it, a table is reached twice from some other."""
    related, _ = relate(default_tables())
    for inactive in (one for one in related if not one.is_active):
        edges = [(one.references, one.table) for one in related if one.is_active or one is inactive]
        counts = Counter()

        def walk(start, table, edges=edges, counts=counts):
            for source, reached in edges:
                if source == table:
                    counts[start, reached] += 1
                    walk(start, reached)

        for table in default_tables():
            walk(table, table)
        assert max(counts.values()) > 1, inactive


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_measures_name_columns_and_measures_that_there_are(measure):
    assert measure.description.endswith(".")
    assert measure.columns <= {(name, column) for name, table in TABLES.items() for column in table.columns}
    assert measure.tables <= set(default_tables())
    assert measure.measures <= {one.name for one in MEASURES} - {measure.name}
    for opening, closing in ("()", "[]", "{}"):
        assert measure.dax.count(opening) == measure.dax.count(closing)


def test_measures_of_tables_that_are_left_out_are_left_out():
    names = [measure.name for measure in usable(MEASURES, STAR)]
    assert "Hours" in names
    assert "Albums" in names
    assert "Tracks" not in names  # dim_recording
    assert "Growth of hours" not in names  # by Hours a year before, which needs dim_date
    assert list(usable(MEASURES, ("dim_artist",))) == []
    written = read(SemanticModel("star", STAR, MySQLSource("a", "b")))
    assert list(written["tables/fct_plays.tmdl"][0].of_kind("measure")) == names


def test_partial_aggregates_are_no_default():
    assert {"fct_plays", "dim_date", "track_metrics", "bridge_track_artist"} <= set(default_tables())
    assert {"hourly_listening", "daily_track_plays", "session_edges", "plays", "raw_plays"}.isdisjoint(
        default_tables()
    )


def test_hostile_names_of_servers_stay_text():
    assert m_text(HOSTILE) == '"a""b#(#)(lf)c#(000A)\'d"'
    files = read(SemanticModel("x", ("dim_time",), MySQLSource(HOSTILE, HOSTILE)))
    assert [one.default.split(" meta ")[0] for one in files["expressions.tmdl"]] == [m_text(HOSTILE)] * 2
    assert "relationships.tmdl" not in files


def test_athena_is_read_through_its_odbc_data_source():
    files = read(SemanticModel("x", ("dim_time",), AthenaSource("spotify", "Music DSN")))
    assert {one.name: one.default.split(" meta ")[0] for one in files["expressions.tmdl"]} == {
        "Dsn": '"Music DSN"',
        "Catalog": '"AwsDataCatalog"',
        "Database": '"spotify"',
    }
    [partition] = files["tables/dim_time.tmdl"][0].of_kind("partition").values()
    assert partition.properties["source"].splitlines()[1:5] == [
        "    Source = AmazonAthena.Databases(Dsn, []),",
        '    Schemas = Source{[Name=Catalog, Kind="Database"]}[Data],',
        '    Tables = Schemas{[Name=Database, Kind="Schema"]}[Data],',
        '    Rows = Tables{[Name="dim_time", Kind="Table"]}[Data],',
    ]
