"""Failures of Athena and AWS, on a server with scripted responses."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spotify_assets.storage.aws import athena_client, glue_client
from spotify_assets.targets import athena_queries
from spotify_assets.targets.athena_queries import AthenaQueries
from spotify_assets.targets.glue import Athena, GlueCatalog
from spotify_assets.targets.publishing import TargetError
from spotify_assets_tests.targets.published import count

SECRET = "a-secret-key"
COUNTED = {
    "ResultSet": {
        "Rows": [{"Data": [{"VarCharValue": "_col0"}]}, {"Data": [{"VarCharValue": "42"}]}],
        "ResultSetMetadata": {"ColumnInfo": []},
    }
}


class Scripted:
    """A server that gives each operation the answers it was told, the last of them for ever."""

    def __init__(self):
        self.script = {}
        self.asked = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                scripted.asked.append(
                    (operation, json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}"))
                )
                answers = scripted.script[operation]
                status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def refuses(self, operation, code, message):
        self.script[operation] = [(400, {"__type": code, "message": message})]

    def times(self):
        return Counter(operation for operation, _ in self.asked)


def execution(state, reason=None, scanned=0):
    status = {"State": state} | ({"StateChangeReason": reason} if reason else {})
    told = {"QueryExecutionId": "q-1", "Status": status, "Statistics": {"DataScannedInBytes": scanned}}
    return 200, {"QueryExecution": told}


@pytest.fixture
def aws(bucket, monkeypatch):
    """Glue and Athena as scripted; the rest is moto's."""
    scripted = Scripted()
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", scripted.address)
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", scripted.address)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(athena_queries, "FIRST_POLL_SECONDS", 0.01)
    scripted.script = {
        "StartQueryExecution": [(200, {"QueryExecutionId": "q-1"})],
        "GetQueryExecution": [execution("SUCCEEDED", scanned=10_485_760)],
        "GetQueryResults": [(200, COUNTED)],
        "StopQueryExecution": [(200, {})],
    }
    yield scripted
    scripted.server.shutdown()
    scripted.server.server_close()


@pytest.fixture
def athena():
    return Athena(database="music", lake_uri="s3://bucket/lake", workgroup="dj")


def refused_line(act):
    with pytest.raises(TargetError) as error:
        act()
    assert "\n" not in str(error.value)
    assert SECRET not in str(error.value)
    return str(error.value)


def test_rows_and_bytes_scanned(aws, athena):
    counted = count(athena, "plays")
    assert counted.rows == 42
    assert counted.details == {"bytes_scanned": 10_485_760, "query": "q-1"}
    assert aws.asked[0][1]["WorkGroup"] == "dj"
    assert aws.times()["StopQueryExecution"] == 0


def test_it_waits_while_the_query_runs(aws, athena):
    aws.script["GetQueryExecution"] = [execution("QUEUED"), *[execution("RUNNING")] * 3, execution("SUCCEEDED")]
    assert count(athena, "plays").rows == 42
    assert aws.times()["GetQueryExecution"] == 5


def test_polls_back_off_and_a_query_is_stopped_at_the_timeout(aws, bucket):
    aws.script["GetQueryExecution"] = [execution("RUNNING")]
    queries = AthenaQueries(athena_client(), "dj", timeout=1.0)
    said = refused_line(lambda: queries.run("SELECT 1", "trying"))
    assert said == "athena: trying in workgroup dj: not done after 1 s, and so stopped"
    # At 0.01, 0.02, 0.04 ... s; each 0.01 s would be a hundred times.
    assert 4 <= aws.times()["GetQueryExecution"] <= 12
    assert aws.asked[-1] == ("StopQueryExecution", {"QueryExecutionId": "q-1"})


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        (
            "FAILED",
            "TABLE_NOT_FOUND: line 1:22: Table 'plays' does not exist",
            "athena: counting plays in workgroup dj: failed (TABLE_NOT_FOUND: line 1:22: Table 'plays' does not ex",
        ),
        ("FAILED", None, "athena: counting plays in workgroup dj: failed, and Athena says no more"),
        ("FAILED", "one line\nand another", "athena: counting plays in workgroup dj: failed (one line)"),
        ("CANCELLED", "Query cancelled by user", "workgroup dj: cancelled (Query cancelled by user)"),
        ("CANCELLED", "Bytes scanned limit was exceeded", "scan more than the workgroup allows"),
    ],
)
def test_a_query_without_an_answer_is_one_line(aws, athena, state, reason, said):
    aws.script["GetQueryExecution"] = [execution("QUEUED"), execution(state, reason)]
    assert said in refused_line(lambda: count(athena, "plays"))


@pytest.mark.parametrize(
    ("operation", "code", "message", "said"),
    [
        (
            "StartQueryExecution",
            "InvalidRequestException",
            "WorkGroup dj is not found.",
            "WorkGroup dj is not found); look at SPOTIFY_ASSETS_ATHENA_WORKGROUP",
        ),
        (
            "StartQueryExecution",
            "AccessDeniedException",
            "You are not authorized to perform: athena:StartQueryExecution on the resource. After your policy ...",
            "AWS refused StartQueryExecution (AccessDeniedException: You are not authorized",
        ),
        (
            "GetQueryResults",
            "AccessDeniedException",
            "",
            "AWS refused GetQueryResults (AccessDeniedException); inf",
        ),
    ],
)
def test_a_refusal_of_athenas_is_one_line(aws, athena, operation, code, message, said):
    aws.refuses(operation, code, message)
    assert said in refused_line(lambda: count(athena, "plays"))


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/u is not authorized to perform: glue:GetTables on resource: ...",
            "is not authorized to perform: glue:GetTables on resource: ",
        ),
        (
            "InvalidSignatureException",
            f"The request signature we calculated does not match.\nThe Canonical String was {SECRET}",
            "does not match); look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        ("UnrecognizedClientException", "The security token is invalid.", "look at AWS_ACCESS_KEY_ID"),
    ],
)
def test_a_refusal_of_glues_is_one_line(aws, athena, code, message, said):
    aws.refuses("GetTables", code, message)
    assert said in refused_line(athena.published_states)


def test_conflicts_are_retried_and_other_errors_raised(aws, world, athena):
    """A table that comes to be, and changes, while it is registered."""
    from spotify_assets.targets import publishing

    aws.script["GetTables"] = [(200, {"TableList": []})]
    refreshes = publishing.pending_refreshes(athena, world.lake, ["dim_time"])
    aws.refuses("CreateTable", "AlreadyExistsException", "Table already exists.")
    aws.script["UpdateTable"] = [
        (400, {"__type": "ConcurrentModificationException", "message": "Update table failed."}),
        (200, {}),
    ]
    assert [done.refresh.table for done in athena.publish(world.lake, refreshes)] == ["dim_time"]
    assert aws.times()["UpdateTable"] == 2
    aws.refuses("CreateTable", "ResourceNumberLimitExceededException", "Too many tables.")
    said = refused_line(lambda: list(athena.publish(world.lake, refreshes)))
    assert said == "athena: AWS refused CreateTable (ResourceNumberLimitExceededException: Too many tables)"


@pytest.fixture
def catalog():
    return GlueCatalog(database="music", lake_uri="s3://bucket/lake")


def test_nobody_at_that_address_is_one_line(aws, catalog, monkeypatch):
    aws.server.shutdown()
    aws.server.server_close()
    assert "AWS_REGION and AWS_ENDPOINT_URL" in refused_line(catalog.published_states)


def test_no_credentials_are_one_line(aws, catalog, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "athena: Glue database music: no AWS credentials; set AWS_ACCESS_KEY_ID" in refused_line(
        catalog.published_states
    )


def test_no_region_is_one_line_and_either_variable_names_it(bucket, catalog, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert glue_client().meta.region_name == athena_client().meta.region_name == "eu-north-1"
    monkeypatch.delenv("AWS_REGION")
    assert glue_client().meta.region_name == "us-east-1"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert (
        refused_line(catalog.published_states)
        == "athena: AWS: no region; set AWS_REGION, or the region of the profile"
    )
