"""`python -m benchmarks.web_api`: measure single metadata requests to the sandbox's server; write WEB_API.md.

The baseline is the latency alone: requests * latency / concurrent requests.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa

from spotify_assets.ingest import fetch
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.sandbox.spotify_api import StandIn
from spotify_assets.settings import Settings, load_settings
from spotify_assets.spotify import Budget, SpotifyClient

REPORT = Path(__file__).parent / "WEB_API.md"


def serve(pipe: Connection, latency: float) -> None:
    """Run the sandbox's server, and send statistics of its requests through the pipe."""
    with StandIn() as api:
        api.latency = latency
        pipe.send((api.url, api.client_id, api.client_secret, list(api.catalogue.tracks)))
        while pipe.recv() == "seen":
            asked = Counter(call.path for call in api.calls if call.status == 200)
            pipe.send((len(api.calls), max(asked.values(), default=0), api.max_in_flight))
            api.calls.clear()
            api.max_in_flight = 0


@contextmanager
def stand_in(latency: float) -> Iterator[tuple[Any, Connection]]:
    """Start the server in a process of its own; give its address, credentials and track ids, and a pipe to it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs, latency), daemon=True)
    server.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send("stop")
        server.join(10)


def main() -> None:
    """Measure, print and write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--reads", type=int, default=2_000)
    options.add_argument("--latency", type=float, default=0.05, help="seconds")
    chosen = options.parse_args()
    lines = []
    with stand_in(chosen.latency) as ((url, client_id, secret, ids), pipe), tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            landing_uri=f"{folder}/landing",
            lake_uri=f"{folder}/lake",
            spotify_state=f"{folder}/spotify.json",
            api_url=url,
            client_id=client_id,
            client_secret=secret,
            api_budget=chosen.reads + 1,
        )
        baseline = chosen.reads * chosen.latency / settings.api_concurrency
        for name, measured in (("client alone", reads), ("fetched and landed, most played first", landed)):
            started = time.perf_counter()
            answers = measured(settings, ids[: chosen.reads])
            seconds = time.perf_counter() - started
            pipe.send("seen")
            calls, most, in_flight = pipe.recv()
            figures = (f"{seconds / baseline:.2f}", f"{seconds:.1f} s", f"{answers:,}", f"{calls:,}", in_flight, most)
            lines.append(f"| {name} | {' | '.join(map(str, figures))} |")
    report = "\n".join(
        [
            "# Requests to the Web API\n",
            f"`python -m benchmarks.web_api`: {chosen.reads:,} single requests, {chosen.latency * 1000:.0f} ms of "
            f"latency, {settings.api_concurrency} concurrent requests; latency alone takes {baseline:.1f} s. One "
            "further request finds that batch requests are rejected.\n",
            "| | time / latency alone | time | responses | requests | most concurrent | most requests for one id |",
            "|---|---|---|---|---|---|---|",
            *lines,
        ]
    )
    print(report)
    REPORT.write_text(report + "\n")


def reads(settings: Settings, ids: list[str]) -> int:
    """Request metadata by the client alone; return the number of responses."""
    return sum(1 for _ in SpotifyClient(settings).metadata("tracks", ids, Budget(settings.api_budget)))


def landed(settings: Settings, ids: list[str]) -> int:
    """Fetch and land metadata of played tracks, as a metadata run does; return the number of responses."""
    lake, month = Lake(settings.lake_uri), datetime(2024, 1, 1, tzinfo=UTC)
    plays = [
        {"content_type": "track", "content_key": one, "plays": number, "month": month.date(), "window_at": month}
        for number, one in enumerate(ids)
    ]
    rows = pa.Table.from_pylist(plays, TABLES["monthly_content"].arrow_schema)
    lake.replace("monthly_content", lambda: iter(rows.to_batches()))
    landing = LandingZone(settings.landing_uri)
    return fetch.fetch_metadata(SpotifyClient(settings), landing, lake, settings).answers.total()


if __name__ == "__main__":
    main()
