"""Queries that Athena runs, through dagster_aws's client."""

import time
from dataclasses import dataclass
from typing import Any

from dagster_aws.athena import AthenaClient

from spotify_assets.publishing import TargetError

# Seconds between questions whether it is done, and until it is given up.
FIRST_WAIT = 0.25
LAST_WAIT = 5.0
LIMIT = 300.0


@dataclass(frozen=True)
class Queried:
    """What a query gave: its rows as text, what it scanned (bytes), and the id by which Athena's history knows it."""

    rows: list[tuple[str | None, ...]]
    bytes_scanned: int
    query_id: str


class Queries(AthenaClient):
    """dagster_aws's client, which asks ever less often whether a query is done, ends one that takes too long, and
    tells what was scanned.

    Its results come from Athena, not from the bucket: so they do where a workgroup keeps them itself.
    """

    def __init__(self, client: Any, workgroup: str, limit: float = LIMIT) -> None:
        super().__init__(client, workgroup)
        self.limit = limit
        self._execution: dict[str, Any] = {}

    def run(self, query: str, doing: str) -> Queried:
        """Run a query and wait for what it gives.

        Args:
            query: In Athena's SQL.
            doing: What it is for, in words.

        Raises:
            TargetError: where it fails, is cancelled or takes too long.
        """
        try:
            rows = self.execute_query(query, fetch_results=True)
        except QueryError as error:
            raise TargetError(f"athena: {doing} in workgroup {self.workgroup}: {error}") from None
        scanned = self._execution.get("Statistics", {}).get("DataScannedInBytes", 0)
        return Queried(rows, int(scanned), self._execution["QueryExecutionId"])

    def _poll(self, execution_id: str) -> None:
        until, wait = time.monotonic() + self.limit, FIRST_WAIT
        while True:
            self._execution = self.client.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
            status = self._execution["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] in ("FAILED", "CANCELLED"):
                raise QueryError(_why(status))
            if time.monotonic() > until:
                # What nobody waits for shall not be paid for.
                self.client.stop_query_execution(QueryExecutionId=execution_id)
                raise QueryError(f"not done after {self.limit:,.0f} s, and so stopped")
            time.sleep(wait)
            wait = min(2 * wait, LAST_WAIT)

    def _results(self, execution_id: str) -> list[tuple[str | None, ...]]:
        pages = self.client.get_paginator("get_query_results").paginate(QueryExecutionId=execution_id)
        rows = [
            tuple(cell.get("VarCharValue") for cell in row["Data"])
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        # The first are the columns' names.
        return rows[1:]


class QueryError(Exception):
    """A query gave nothing; the message says why."""


def _why(status: dict[str, Any]) -> str:
    reason = (str(status.get("StateChangeReason") or "").strip().splitlines() or [""])[0].rstrip(".")
    if "scanned limit" in reason.lower():
        return f"it would scan more than the workgroup allows ({reason}); raise its limit per query"
    return f"{status['State'].lower()}{f' ({reason})' if reason else ', and Athena says no more'}"
