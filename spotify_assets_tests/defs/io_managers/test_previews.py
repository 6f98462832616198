"""Previews of rows in Dagster's log: only if asked for, and with no live markup."""

import base64
import re
from datetime import date

import dagster as dg
import pyarrow as pa
import pytest

from spotify_assets.definitions import definitions
from spotify_assets.defs.io_managers.previews import CHARTS, LABELS, as_image, as_markdown, ask_lake, previews
from spotify_assets.model import TABLES

pytestmark = pytest.mark.integration

MONTHS = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-03-01"}


def test_rows_as_a_table():
    rows = pa.table(
        {"name": ["a", None, ""], "plays": [1, 2, 3], "day": [date(2024, 1, 31)] * 3, "list": [["x"], [], None]}
    )
    assert as_markdown(rows) == (
        "| name | plays | day | list |\n"
        "| --- | --- | --- | --- |\n"
        "| `a` | `1` | `2024-01-31` | `['x']` |\n"
        "|  | `2` | `2024-01-31` | `[]` |\n"
        "|  | `3` | `2024-01-31` |  |"
    )


def test_many_columns_are_lines():
    rows = pa.table({f"c{number}": [number, None] for number in range(9)})
    assert as_markdown(rows).splitlines()[:3] == [
        "| column | row 1 | row 2 |",
        "| --- | --- | --- |",
        "| c0 | `0` |  |",
    ]
    assert as_markdown(rows.select(range(8))).splitlines()[0] == "| c0 | c1 | c2 | c3 | c4 | c5 | c6 | c7 |"


def test_names_stay_text():
    hostile = ["<script>alert(1)</script>", "a|b", "`", "x\n| y |", "![](http://tracker)", "\u202eevil"]
    cells = [line[2:-2] for line in as_markdown(pa.table({"name": hostile[:5]})).splitlines()[2:]]
    assert cells == [
        "`<script>alert(1)</script>`",
        r"`a\|b`",
        "`` ` ``",
        r"`x\n\| y \|`",
        "`![](http://tracker)`",
    ]
    assert r"`\u202eevil`" in as_markdown(pa.table({"name": hostile[5:]}))


def test_long_text_and_many_rows_are_cut():
    text = as_markdown(pa.table({"name": ["x" * 61] * 9})).splitlines()
    assert len(text) == 2 + 5
    assert text[2] == f"| `{'x' * 59}…` |"


def shown(world, table, **changed):
    """Labels of previews by partition, after a run of the first months of 2024."""
    defs = definitions(world.settings.model_copy(update=changed))
    done = dg.materialize(defs.assets, selection=[table], tags=MONTHS, resources=defs.resources)
    return {one.partition: set(one.metadata) & set(LABELS) for one in done.asset_materializations_for_node(table)}


def test_they_are_off_unless_set(synced):
    assert not any(shown(synced, "plays").values())


def test_the_latest_event_of_a_run_has_them(synced):
    assert shown(synced, "plays", previews=True) == {
        "2024-01-01": set(),
        "2024-02-01": set(),
        "2024-03-01": {"first_rows"},
    }
    found = previews(synced.lake, "plays")["first_rows"].value
    assert [line.split(" | ")[0].removeprefix("| ") for line in found.splitlines()] == [
        "column",
        "---",
        *TABLES["plays"].columns,
    ]


def test_an_empty_table_has_none(synced):
    assert previews(synced.lake, "rejected_plays") == {}


def test_charts_are_images():
    assert set(CHARTS) <= set(TABLES)
    drawn = CHARTS["rejected_plays"][1]([{"reason": "too_short", "records": 7}])
    [encoded] = re.findall(r"^!\[chart\]\(data:image/svg\+xml;base64,(.*)\)$", as_image(drawn))
    svg = base64.b64decode(encoded).decode()
    assert "too_short" in svg
    assert "<script" not in svg
    hours = CHARTS["daily_listening"][1]([{"month": date(2024, 1, 1), "ms_played": 7_200_000}])
    assert hours["data"]["values"] == [{"month": "2024-01-01", "hours": 2.0}]


@pytest.mark.metrics("daily_listening")
def test_questions_of_charts_are_answered_by_the_lake(synced):
    """Both queries run on tables of the lake, and count what is in them."""
    assert ask_lake(synced.lake, "rejected_plays", CHARTS["rejected_plays"][0]).to_pylist() == []
    rows = ask_lake(synced.lake, "daily_listening", CHARTS["daily_listening"][0]).to_pylist()
    days = synced.lake.read("daily_listening", ["ms_played"])["ms_played"].to_pylist()
    assert sum(row["ms_played"] for row in rows) == sum(days) > 0
