import ast
from pathlib import Path

from spotify_assets import transforms
from spotify_assets.transforms.asking import ask, noted_questions

QUERIES = {"collect", "count", "first", "head", "isEmpty", "take", "toArrow", "toLocalIterator", "toPandas"}


def test_questions_are_noted_where_they_are_asked_for(spark):
    with noted_questions() as questions:
        assert [row["id"] for row in ask(spark.range(2))] == [0, 1]
    ask(spark.range(1))
    assert len(questions) == 1


def test_transforms_ask_and_do_not_run_queries_otherwise():
    """The writer would not know of it. A call with arguments is of `pyspark.sql.functions`."""
    assert transforms.__file__ is not None
    found = {
        path.stem
        for path in Path(transforms.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and not node.args
        if isinstance(node.func, ast.Attribute) and node.func.attr in QUERIES
    }
    assert found == {"asking"}
