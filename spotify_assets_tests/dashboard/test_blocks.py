"""What every block has without asking: SQL that can be run, CSV, a chart that compiles, with its table."""

import csv
import io
import json
import re
from html import unescape

import duckdb
import pytest
import vl_convert

from spotify_assets.dashboard.queries import Query
from spotify_assets_tests.dashboard.conftest import ENTITY_PAGES, PAGES
from spotify_assets_tests.dashboard.warehouses import FULL, write_warehouse

# Pages whose every CSV is compared; all are made alike.
EXPORTED = ("/", "/charts", "/artist/21")


@pytest.fixture(scope="session")
def connection(tmp_path_factory):
    """The full warehouse, as `spotify-assets query` has the tables: in UTC, without parameters."""
    path = write_warehouse(tmp_path_factory.mktemp("queries") / "w.duckdb", FULL)
    with duckdb.connect(str(path), read_only=True) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


@pytest.mark.parametrize("page", [*PAGES, *ENTITY_PAGES])
def test_the_query_that_is_shown_can_be_run_and_gives_the_rows_of_the_csv(full, connection, page):
    # Panels of the recap tell what its blocks have.
    sections = [part for part in full.text(page).split("<section ")[1:] if part.startswith('class="block')]
    assert sections or page.startswith("/search")
    for section in sections:
        [name] = re.findall(r'^class="[^"]*" id="([^"]+)"', section)
        shown = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", section, re.DOTALL)
        for sql in shown:
            rows = connection.execute(unescape(sql)).fetchall()
            if page not in EXPORTED:
                continue
            exported = full.text(f"{page}{'&' if '?' in page else '?'}csv={name}")
            assert len(rows) == len([*csv.reader(io.StringIO(exported, newline=""))]) - 1, (page, name)
        assert bool(shown) != ('class="nothing"' in section), (page, name)


@pytest.mark.parametrize("page", [*PAGES, *ENTITY_PAGES])
def test_every_chart_compiles_and_has_its_table(full, page):
    html = full.text(page)
    specs = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert html.count('class="twin"') >= len(specs)
    for text in specs:
        spec = json.loads(text)
        assert spec["data"]["values"]
        fields = {*re.findall(r'"field":\s*"(\w+)"', json.dumps(spec))} - {"day", "until"}
        assert fields <= {*spec["data"]["values"][0]}, spec
        for layer in spec.get("layer", [spec]):
            for axis in (layer["encoding"]["x"], layer["encoding"]["y"]):
                assert axis["type"] != "quantitative" or axis["title"], (page, axis)
        vega = vl_convert.vegalite_to_vega(spec)
        assert vega["marks"]


def test_values_are_written_as_literals():
    query = Query("SELECT $a, $b WHERE c = $c AND d = $d", {"a": "it's", "b": 1, "c": None, "d": True, "unused": 2})
    assert query.text == "SELECT 'it''s', 1 WHERE c = NULL AND d = TRUE"
    assert query.parameters == {"a": "it's", "b": 1, "c": None, "d": True}


def test_values_that_look_like_parameters_stay_text():
    query = Query("SELECT $a, $b", {"a": "$b", "b": "x"})
    assert query.text == "SELECT '$b', 'x'"
    assert list(query.run(duckdb.connect())[0].values()) == ["$b", "x"]
