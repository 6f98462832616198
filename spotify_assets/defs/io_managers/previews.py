"""What Dagster's UI shows of a table's rows after a run, if the setting `previews` is on: first rows, and a chart.

Rows in Dagster's log stay there when the table has others, so it is off unless set, and `forget` deletes every event
that has one of `LABELS`.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
from deltalake import QueryBuilder

from spotify_assets.escaping import markdown_code
from spotify_assets.lake.tables import Lake

# Names of the metadata; no other text of Dagster's log has them as a word.
ROWS, CHART = "first_rows", "chart_of_rows"
LABELS = (ROWS, CHART)
MAX_ROWS, MAX_COLUMNS, MAX_CHARACTERS = 5, 8, 60
WIDTH, HEIGHT = 640, 220
MS_PER_HOUR = 3_600_000


def previews(lake: Lake, table: str) -> dict[str, dg.MetadataValue]:
    """Some rows of a table, and its chart if it has one; nothing of an empty one.

    Args:
        lake: The lake.
        table: A computed table, just written.
    """
    rows = ask_lake(lake, table, f"SELECT * FROM {table} LIMIT {MAX_ROWS}")
    if not rows.num_rows:
        return {}
    shown: dict[str, dg.MetadataValue] = {ROWS: dg.MetadataValue.md(as_markdown(rows))}
    if table in CHARTS:
        sql, chart = CHARTS[table]
        shown[CHART] = dg.MetadataValue.md(as_image(chart(ask_lake(lake, table, sql).to_pylist())))
    return shown


def ask_lake(lake: Lake, table: str, sql: str) -> pa.Table:
    """Answer of delta-rs, which reads few rows in 10 ms; Arrow's datasets take up to a second for 70 months."""
    return pa.table(QueryBuilder().register(table, lake.ensure(table)).execute(sql))


def as_markdown(rows: pa.Table) -> str:
    """Rows as a table in Markdown, in which no text of a cell is markup; of many columns, a line for each column.

    https://github.github.com/gfm/#tables-extension-
    """
    shown = rows.slice(0, MAX_ROWS)
    cells = [[_code_cell(value) for value in column.to_pylist()] for column in shown.columns]
    if rows.num_columns > MAX_COLUMNS:
        # Dagster's dialog is as wide as ten columns, and cuts the rest off.
        header = ["column", *(f"row {number}" for number in range(1, shown.num_rows + 1))]
        body = [[name, *values] for name, values in zip(rows.column_names, cells, strict=True)]
    else:
        header, body = rows.column_names, [list(row) for row in zip(*cells, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *body])


def _code_cell(value: object) -> str:
    """A value as inline code, shortened; nothing for null."""
    if value is None:
        return ""
    text = str(value)
    if len(text) > MAX_CHARACTERS:
        text = f"{text[: MAX_CHARACTERS - 1]}…"
    # A vertical bar ends a cell, also in code.
    return markdown_code(text).replace("|", "\\|") if text else ""


def _rejected_by_reason(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return _bar_chart(
        rows,
        {
            "y": {"field": "reason", "type": "nominal", "sort": "-x", "title": None},
            "x": {"field": "records", "type": "quantitative", "title": "Rejected records"},
        },
    )


def _hours_by_month(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return _bar_chart(
        [{"month": f"{row['month']:%Y-%m-%d}", "hours": row["ms_played"] / MS_PER_HOUR} for row in rows],
        {
            "x": {"field": "month", "type": "temporal", "timeUnit": "utcyearmonth", "title": None},
            "y": {"field": "hours", "type": "quantitative", "title": "Hours by month, all listeners"},
        },
    )


# Charts that say more than rows, by table: a query, and what draws its answer. Dagster itself draws numbers of rows.
CHARTS: Mapping[str, tuple[str, Callable[[list[dict[str, Any]]], dict[str, Any]]]] = {
    "rejected_plays": (
        "SELECT reason, count(*) AS records FROM rejected_plays GROUP BY reason ORDER BY reason",
        _rejected_by_reason,
    ),
    "daily_listening": (
        "SELECT date_trunc('month', date) AS month, sum(ms_played) AS ms_played FROM daily_listening "
        "GROUP BY 1 ORDER BY 1",
        _hours_by_month,
    ),
}


def _bar_chart(values: list[dict[str, Any]], encoding: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": WIDTH,
        "height": HEIGHT,
        "background": "white",
        "data": {"values": values},
        "mark": {"type": "bar", "color": "#1a7f4b"},
        "encoding": encoding,
    }


def as_image(spec: dict[str, Any]) -> str:
    """A chart as an inline image in Markdown."""
    # Imported here: it takes 0.1 s, and most runs need none.
    import vl_convert as vlc

    svg = vlc.vegalite_to_svg(spec)
    return f"![chart](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
