"""Text of TMDL, read back by a parser that was written from the documented grammar."""

import pytest

from spotify_assets.targets.powerbi.tmdl import Expression, Node, Reference, quote_name, quote_text, render, tag
from spotify_assets_tests.targets.powerbi.tmdl_parser import GrammarError, parse, unquote


def test_an_object_with_properties_children_and_expressions():
    sales = Node(
        "table",
        "Sales",
        properties={"lineageTag": "1"},
        children=[
            Node(
                "measure",
                "Net",
                Expression("SUM(Sales[net])"),
                {"formatString": "#,0"},
                description="Left.\nIn SEK",
            ),
            Node("column", "net", properties={"dataType": "int64", "isHidden": True, "isKey": False}),
            Node("partition", "Sales", "m", {"mode": "import", "source": Expression("let\n    a = 1\n\nin\n    a")}),
        ],
    )
    assert render([sales, Node("ref table", "a b"), Node("ref table", "c")]) == (
        "table Sales\n"
        "\tlineageTag: 1\n"
        "\n"
        "\t/// Left.\n"
        "\t/// In SEK\n"
        "\tmeasure Net = SUM(Sales[net])\n"
        "\t\tformatString: #,0\n"
        "\n"
        "\tcolumn net\n"
        "\t\tdataType: int64\n"
        "\t\tisHidden\n"
        "\t\tisKey: false\n"
        "\n"
        "\tpartition Sales = m\n"
        "\t\tmode: import\n"
        "\t\tsource =\n"
        "\t\t\t\tlet\n"
        "\t\t\t\t    a = 1\n"
        "\n"
        "\t\t\t\tin\n"
        "\t\t\t\t    a\n"
        "\n"
        "ref table 'a b'\n"
        "ref table c\n"
    )
    [table, *_] = parse(render([sales]))
    assert table.of_kind("measure")["Net"].description == "Left.\nIn SEK"
    assert table.of_kind("column")["net"].properties == {"dataType": "int64", "isHidden": True, "isKey": False}
    assert table.of_kind("partition")["Sales"].properties["source"] == "let\n    a = 1\n\nin\n    a"


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("plays", "plays"),
        ("a b", "'a b'"),
        ("it's", "'it''s'"),
        ("''", "''''''"),
        ("a.b", "'a.b'"),
        ("a=b", "'a=b'"),
        ("a:b", "'a:b'"),
        ("\N{NO-BREAK SPACE}", "'\N{NO-BREAK SPACE}'"),
        ("<script>", "<script>"),
        ("日本語", "日本語"),
        ('"', '"'),
        ("///", "///"),
    ],
)
def test_names_are_quoted_where_needed(name, quoted):
    assert quote_name(name) == quoted
    assert unquote(quoted) == name
    [read] = parse(render([Node("table", name, properties={"lineageTag": "1"})]))
    assert read.name == name
    relationship = Node("relationship", "r", properties={"fromColumn": Reference((name, name))})
    assert parse(render([relationship]))[0].properties["fromColumn"] == (name, name)


@pytest.mark.parametrize("name", ["", "a\nb", "a\tb", "a\x00", "a\u2028b"])
def test_names_that_tmdl_cannot_express_are_refused(name):
    with pytest.raises(ValueError, match="can't be a name"):
        quote_name(name)


@pytest.mark.parametrize("text", ["", " a", "a ", 'say "a"', '"', "a: b", "'", "#,0.0;-#,0"])
def test_text_of_properties_is_read_back(text):
    [read] = parse(render([Node("table", "t", properties={"lineageTag": text})]))
    assert read.properties == {"lineageTag": text}


def test_text_of_several_lines_is_refused():
    with pytest.raises(ValueError, match="several lines"):
        quote_text("a\nb")


def test_tags_are_the_same_each_time_and_differ_by_path():
    assert tag("column", "a", "b") == tag("column", "a", "b")
    assert len({tag("column", "a", "b"), tag("column", "ab"), tag("column", "a"), tag("table", "a", "b")}) == 4


@pytest.mark.parametrize(
    "text",
    [
        "table a\n    lineageTag: 1\n",  # blanks
        "table a\n\t\tlineageTag: 1\n",  # too deep
        "table a b\n",  # a name with a blank
        "table a\n\tlineageTag: 1\n\tlineageTag: 2\n",  # twice
        "table a\n\tcolour: 1\n",  # no property of a table
        "column a\n",  # not at the top
        "/// says something\n\ntable a\n",  # not above the object
        "table a\n\n\tmeasure b\n",  # no expression
        "table a\n\n\tcolumn b\n\t\tdataType: number\n",  # no such type
        "table 'a\n",
        "relationship r\n\tfromColumn: a b.c\n",
    ],
)
def test_the_parser_refuses_what_the_grammar_does(text):
    with pytest.raises(GrammarError):
        parse(text)
