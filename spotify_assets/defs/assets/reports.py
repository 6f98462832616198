"""Reports of listeners' years, as files in the lake's folder."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.dashboard.recap import TABLES
from spotify_assets.defs.assets.declare import OWNERS, asset_where
from spotify_assets.escaping import markdown_code
from spotify_assets.lake.tables import Lake

if TYPE_CHECKING:
    from spotify_assets.dashboard.recap.reports import Report

GROUP = "reports"
# Rows of metadata are kept for good, and loaded with every page that shows them.
MAX_PICTURE_BYTES = 150_000
# Of a card's size.
PICTURE_SCALE = 0.5


@asset_where(
    lambda settings: True,
    name="listening_report",
    group_name=GROUP,
    deps=[*TABLES],
    kinds={"python", "html"},
    owners=OWNERS,
    tags={"layer": "reports", "domain": "listening"},
    required_resource_keys={"settings"},
    description="The recap of each listener and year as an HTML file in the lake's folder, which needs nothing else. "
    "Those whose content changed are written. A sync leaves them alone, as each takes 0.7 s: this asset's job "
    "write_reports, or spotify-assets recap --report, writes them.",
)
def listening_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    from spotify_assets.dashboard.recap.reports import write_reports

    done = write_reports(
        Lake(context.resources.settings.lake_uri), lambda report: context.log.info(f"Wrote {report.uri}")
    )
    metadata: dict[str, dg.RawMetadataValue] = {
        "reports": len(done.reports),
        "written": len(done.written),
        "removed": done.removed,
    }
    if done.reports:
        metadata["files"] = dg.MetadataValue.md(_report_table(done.reports))
    for report in done.latest():
        name = report.recap.filters.listener.name
        metadata[f"preview of {name}"] = dg.MetadataValue.md(_preview(report))
    return dg.MaterializeResult(metadata=metadata)


def _report_table(reports: "Sequence[Report]") -> str:
    """A Markdown table of all reports, and where they are."""
    lines = [
        f"| {_table_cell(report.recap.filters.listener.name)} | {report.recap.title} | {_table_cell(report.uri)} | "
        f"{'yes' if report.is_written else ''} |"
        for report in reports
    ]
    return "\n".join(["| listener | year | file | written now |", "|---|---|---|---|", *lines])


def _preview(report: "Report") -> str:
    """What a report says, in Markdown, with a picture where that is small."""
    from spotify_assets.dashboard.recap.cards import CARDS, SIZES, card_png, log_missing_fonts
    from spotify_assets.dashboard.recap.story import sections

    story = [f"- {_table_cell(section.title)}" for section in sections(report.recap)]
    png = card_png(report.recap, CARDS[0], SIZES["wide"], scale=PICTURE_SCALE)
    log_missing_fonts(report.recap)
    picture = []
    if png and len(png) <= MAX_PICTURE_BYTES:
        picture = [f"![recap](data:image/png;base64,{base64.b64encode(png).decode()})", ""]
    head = f"{_table_cell(report.recap.filters.listener.name)}, {report.recap.title}: {_table_cell(report.uri)}"
    return "\n".join([head, "", *picture, *story])


def _table_cell(text: str) -> str:
    """Text in which no markup is live, within a table, too."""
    return markdown_code(text.replace("|", "\N{BROKEN BAR}"))
