"""Run queries in Athena."""

from dataclasses import dataclass
from typing import Any

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential

from spotify_assets.targets.publishing import TargetError

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


@dataclass(frozen=True)
class Queries:
    """Queries in a workgroup, polled with growing waits, stopped after a time limit.

    Results come from Athena's API, not from the bucket, so that workgroups with managed results work, too.

    Attributes:
        client: boto3's Athena client.
        workgroup: Name of the workgroup; it says where results go and how much a query may scan.
        limit: Seconds after which a query is stopped.
    """

    client: Any
    workgroup: str
    limit: float = LIMIT

    def run(self, query: str, doing: str) -> Queried:
        """Run a query and wait for what it gives.

        Args:
            query: In Athena's SQL.
            doing: What it is for, in words.

        Raises:
            TargetError: where it fails, is cancelled or takes too long.
        """
        query_id = self.client.start_query_execution(QueryString=query, WorkGroup=self.workgroup)["QueryExecutionId"]
        try:
            execution = self._wait(query_id)
        except QueryError as error:
            raise TargetError(f"athena: {doing} in workgroup {self.workgroup}: {error}") from None
        scanned = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
        return Queried(self._rows(query_id), int(scanned), query_id)

    def _wait(self, query_id: str) -> dict[str, Any]:
        """Wait until the query is done; return its execution, as Athena describes it."""
        poll = Retrying(
            retry=retry_if_result(lambda execution: execution["Status"]["State"] in ("QUEUED", "RUNNING")),
            wait=wait_exponential(FIRST_WAIT, LAST_WAIT),
            stop=stop_after_delay(self.limit),
        )
        try:
            execution = poll(self._execution, query_id)
        except RetryError:
            # What nobody waits for shall not be paid for.
            self.client.stop_query_execution(QueryExecutionId=query_id)
            raise QueryError(f"not done after {self.limit:,.0f} s, and so stopped") from None
        if execution["Status"]["State"] != "SUCCEEDED":
            raise QueryError(_why(execution["Status"]))
        return execution

    def _execution(self, query_id: str) -> dict[str, Any]:
        execution: dict[str, Any] = self.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        return execution

    def _rows(self, query_id: str) -> list[tuple[str | None, ...]]:
        pages = self.client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
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
