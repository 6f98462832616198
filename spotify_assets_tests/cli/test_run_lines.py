"""Lines of runs, and how the web server is asked for them."""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import click
import pytest

from spotify_assets.cli import run_lines
from spotify_assets.cli.run_lines import UiRuns, describe_run, fetch_runs, format_ended

NO_JOB = "__ASSET_JOB"


def run(job=NO_JOB, tables=(), status="SUCCESS", **tags):
    return {
        "runId": "1",
        "jobName": job,
        "status": status,
        "startTime": 1_700_000_000.0,
        "endTime": 1_700_000_075.0,
        "updateTime": 1_700_000_076.0,
        "tags": [{"key": f"dagster/{key}", "value": value} for key, value in tags.items()],
        "assetSelection": [{"path": [table]} for table in tables] or None,
    }


def line(told):
    return format_ended(told).split("[/] ", 1)[1]


def test_a_run_of_assets_is_told_by_their_names_and_partition():
    assert line(run(tables=["fine"], partition="a")) == "fine a: [green]succeeded[/] after 1 min 15 s"


def test_a_run_that_failed_says_why_in_one_line(monkeypatch):
    monkeypatch.setattr(run_lines, "upkeep", lambda *arguments: f"{arguments}: [this] went wrong")
    assert line(run(tables=["broken"], status="FAILURE")) == (
        r"broken: [red]failed[/] after 1 min 15 s: ('why-failed', '1'): \[this] went wrong"
    )


def test_a_reason_that_cannot_be_read_does_not_end_the_ui(monkeypatch):
    def locked(*_):
        raise click.ClickException("database is locked")

    monkeypatch.setattr(run_lines, "upkeep", locked)
    told = "the reason can't be read now (database is locked); the UI has it"
    assert line(run(tables=["broken"], status="FAILURE")).endswith(f"after 1 min 15 s: {told}")


def test_many_tables_are_counted_and_a_range_is_told():
    selected = run(
        "refresh_tables",
        "dcba",
        asset_partition_range_start="2024-01-01",
        asset_partition_range_end="2024-03-01",
    )
    assert describe_run(selected) == "refresh_tables (a, b, c and 1 more) 2024-01-01 to 2024-03-01"


def test_a_run_that_was_canceled_before_it_started_has_no_duration():
    canceled = run("read_history", status="CANCELED") | {"startTime": None, "endTime": None}
    assert line(canceled) == "read_history: [yellow]canceled[/]"


@pytest.fixture
def answer():
    """Serve one answer, and return the runs that it is read as."""

    def ask(content: object) -> UiRuns | None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *arguments): ...

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            found = fetch_runs(f"http://127.0.0.1:{server.server_port}", datetime.now(UTC))
            thread.join()
        return found

    return ask


def test_ended_runs_are_in_the_order_of_their_ends(answer):
    later, earlier = run() | {"updateTime": 2.0}, run() | {"updateTime": 1.0}
    found = answer({"data": {"ended": {"results": [later, earlier]}, "active": {"results": []}}})
    assert found == UiRuns([earlier, later], [])


def test_an_error_of_the_web_server_is_no_answer(answer):
    assert answer({"data": {"ended": {}, "active": {}}}) is None


def test_a_web_server_that_is_gone_is_no_answer():
    assert fetch_runs("http://127.0.0.1:9", datetime.now(UTC)) is None
