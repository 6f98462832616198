"""Runs as Dagster's web server tells them, and a line for each that ended."""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from spotify_assets.cli.terminal import plain
from spotify_assets.cli.upkeep import upkeep

FAILURE = "FAILURE"
ENDED = {"SUCCESS": "[green]succeeded[/]", FAILURE: "[red]failed[/]", "CANCELED": "[yellow]canceled[/]"}
QUERY = """
query ($since: Float!) {
  ended: runsOrError(filter: {updatedAfter: $since, statuses: [SUCCESS, FAILURE, CANCELED]}) { ...runs }
  active: runsOrError(filter: {statuses: [STARTING, STARTED, CANCELING]}) { ...runs }
}
fragment runs on RunsOrError {
  ... on Runs {
    results { runId jobName status startTime endTime updateTime tags { key value } assetSelection { path } }
  }
}
"""
ANSWER_SECONDS = 30


@dataclass(frozen=True)
class UiRuns:
    """Runs that ended since some time, in the order of their ends, and those that are active, as GraphQL has them."""

    ended: list[Mapping[str, Any]]
    active: list[Mapping[str, Any]]


def fetch_runs(url: str, since: datetime) -> UiRuns | None:
    """Ask the web server at `url`; None if it doesn't answer in time, or can't read its database now."""
    request = urllib.request.Request(
        f"{url}/graphql",
        json.dumps({"query": QUERY, "variables": {"since": since.timestamp()}}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            told = json.load(answer)["data"]
        ended = sorted(told["ended"]["results"], key=lambda run: run["updateTime"])
        return UiRuns(ended, told["active"]["results"])
    except (OSError, KeyError, TypeError, ValueError):
        return None


def format_ended(run: Mapping[str, Any]) -> str:
    """Format an ended run: time, job or tables, status, duration, and the error if it failed."""
    start, end = run["startTime"], run["endTime"]
    ended = datetime.fromtimestamp(end or run["updateTime"])
    took = f" after {_duration(end - start)}" if start and end else ""
    line = f"[dim]{ended:%H:%M:%S}[/] {plain(describe_run(run))}: {ENDED[run['status']]}{took}"
    if run["status"] == FAILURE:
        line += f": {plain(_why_failed(run['runId']))}"
    return line


def _why_failed(run: str) -> str:
    try:
        return upkeep("why-failed", run)
    except click.ClickException as error:  # the UI goes on
        return f"the reason can't be read now ({error.message}); the UI has it"


def describe_run(run: Mapping[str, Any]) -> str:
    """Format a run's job, its first tables, and its range of partitions."""
    tables = sorted("/".join(key["path"]) for key in run["assetSelection"] or ())
    shown = ", ".join(tables[:3]) + (f" and {len(tables) - 3} more" if len(tables) > 3 else "")
    name = "" if run["jobName"].startswith("__") else run["jobName"]
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    first = tags.get("dagster/asset_partition_range_start") or tags.get("dagster/partition")
    last = tags.get("dagster/asset_partition_range_end") or first
    keys = "" if first is None else first if first == last else f"{first} to {last}"
    return " ".join(part for part in (name, f"({shown})" if name and shown else shown, keys) if part)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
