"""What several checks of records and files share."""

import dagster as dg

from spotify_assets.defs.checks.queries import Queries
from spotify_assets.defs.io_managers import DeltaLakeIOManager
from spotify_assets.escaping import markdown_code

WARN = dg.AssetCheckSeverity.WARN
MAX_NAMED = 20

LakeResource = dg.ResourceParam[DeltaLakeIOManager]


def records_digest(queries: Queries, rows: str) -> tuple[int, ...]:
    """Number of records and two sums of hashes of `source_file` and `source_row`.

    These compare multisets without a join of ten million rows with themselves.

    Args:
        queries: Runs the query.
        rows: What follows FROM.
    """
    record = "source_file, source_row"
    hashes = (f"{queries.hash64}({arguments})" for arguments in (record, f"'again', {record}"))
    figures = ", ".join(f"sum(CAST({value} AS DECIMAL(38, 0)))" for value in hashes)
    [counted] = queries.ask(f"SELECT count(*), {figures} FROM {rows}")
    return tuple(int(value or 0) for value in counted)


def told_unreadable(table: str, lake: DeltaLakeIOManager) -> dg.AssetCheckResult:
    """A warning that names the files which a register of files lists as unreadable."""
    columns = ["source_file", "status", "detail"]
    broken = [row for row in lake.lake.read(table, columns).to_pylist() if row["status"] == "unreadable"]
    named = "\n".join(
        f"- {markdown_code(row['source_file'])}: {markdown_code(row['detail'])}" for row in broken[:MAX_NAMED]
    )
    more = f"\n- and {len(broken) - MAX_NAMED:,} more" if len(broken) > MAX_NAMED else ""
    return dg.AssetCheckResult(
        passed=not broken,
        severity=WARN,
        description=(named + more) or None,
        metadata={"unreadable": len(broken)},
    )
