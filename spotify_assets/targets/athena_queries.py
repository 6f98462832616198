"""Run queries in Athena."""

from dataclasses import dataclass
from typing import Any

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential

from spotify_assets.targets.publishing import TargetError

# Backoff between polls of a query's state, and the time after which a query is stopped (seconds).
FIRST_POLL_SECONDS = 0.25
MAX_POLL_SECONDS = 5.0
TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class QueryResult:
    """Result of a query: rows as text, bytes scanned, and the query's id in Athena's history."""

    rows: list[tuple[str | None, ...]]
    bytes_scanned: int
    query_id: str


@dataclass(frozen=True)
class AthenaQueries:
    """Runs queries in a workgroup: polls with exponential backoff, and stops a query after a timeout.

    Results are read through Athena's API, not from the bucket, which also works for workgroups with managed results.

    Attributes:
        client: boto3's Athena client.
        workgroup: Name of the workgroup, which sets where results are stored and how much a query may scan.
        timeout: Seconds after which a query is stopped.
    """

    client: Any
    workgroup: str
    timeout: float = TIMEOUT_SECONDS

    def run(self, query: str, purpose: str) -> QueryResult:
        """Run a query and wait for its result.

        Args:
            query: In Athena's SQL.
            purpose: What the query is for, for error messages.

        Raises:
            TargetError: where it fails, is cancelled or takes too long.
        """
        query_id = self.client.start_query_execution(QueryString=query, WorkGroup=self.workgroup)["QueryExecutionId"]
        try:
            execution = self._wait(query_id)
        except QueryError as error:
            raise TargetError(f"athena: {purpose} in workgroup {self.workgroup}: {error}") from None
        scanned = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
        return QueryResult(self._rows(query_id), int(scanned), query_id)

    def _wait(self, query_id: str) -> dict[str, Any]:
        """Wait until the query is done; return its `QueryExecution` (Athena's API)."""
        poll = Retrying(
            retry=retry_if_result(lambda execution: execution["Status"]["State"] in ("QUEUED", "RUNNING")),
            wait=wait_exponential(FIRST_POLL_SECONDS, MAX_POLL_SECONDS),
            stop=stop_after_delay(self.timeout),
        )
        try:
            execution = poll(self._execution, query_id)
        except RetryError:
            # A query costs by the bytes that it scans.
            self.client.stop_query_execution(QueryExecutionId=query_id)
            raise QueryError(f"not done after {self.timeout:,.0f} s, and so stopped") from None
        if execution["Status"]["State"] != "SUCCEEDED":
            raise QueryError(_query_failure(execution["Status"]))
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
        # The first row holds the names of the columns.
        return rows[1:]


class QueryError(Exception):
    """A query failed, was cancelled or timed out; the message is the reason."""


def _query_failure(status: dict[str, Any]) -> str:
    reason = (str(status.get("StateChangeReason") or "").strip().splitlines() or [""])[0].rstrip(".")
    if "scanned limit" in reason.lower():
        return f"it would scan more than the workgroup allows ({reason}); raise its limit per query"
    return f"{status['State'].lower()}{f' ({reason})' if reason else ', and Athena says no more'}"
