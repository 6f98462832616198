"""A stand-in for Snowflake over HTTP: fakesnow's server, with logins that are judged, and what fakesnow lacks."""

import gzip
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from spotify_assets.sandbox.ports import free_port

USER, PASSWORD = "LOADER", "a-secret-password"
WAREHOUSE = "LOADING"
# What fakesnow lacks: clones that replace, keys that nobody enforces, tables of one session that COPY finds.
REWRITTEN = (
    (
        r"CREATE OR REPLACE TRANSIENT TABLE (\w+) CLONE (\w+) COPY GRANTS$",
        r"CREATE OR REPLACE TABLE \1 AS SELECT * FROM \2",
    ),
    (r"ALTER TABLE \w+ ADD FOREIGN KEY .*", "SELECT 1"),
    (r"ALTER TABLE \w+ SET DATA_RETENTION_TIME_IN_DAYS = 0$", "SELECT 1"),
    (r"CREATE OR REPLACE TEMPORARY TABLE", "CREATE OR REPLACE TABLE"),
    # Comments of columns, which it drops, and takes its time for.
    (r" COMMENT '(?:[^']|'')*'", ""),
)
NO_FILE = "Remote file '{}' was not found. If you are running a copy command, please make sure files are not deleted"


@dataclass
class SnowflakeServer:
    """Where it listens, and what it was asked.

    Attributes:
        url: Its address.
        public_key: That of its user; None where nobody has one.
        databases: Those that there are.
        refused: Statements that match are refused for want of a privilege.
        statements: What it was asked to execute, as it was sent.
    """

    url: str
    public_key: Any = None
    databases: set[str] = field(default_factory=set)
    refused: str = "$^"
    statements: list[str] = field(default_factory=list)


@contextmanager
def running() -> Iterator[SnowflakeServer]:
    """The server, in a thread."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route

    # Its package has a function of the module's name.
    fake: Any = import_module("fakesnow.server")
    comments: Any = import_module("fakesnow.info_schema")
    port = free_port()
    told = SnowflakeServer(f"http://127.0.0.1:{port}")
    for chatty in ("fakesnow.server", "sqlglot"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    fake.shared_fs = fake.FakeSnow(create_schema_on_connect=False)
    # It writes comments into SQL as they are.
    unquoted = comments.insert_table_comment_sql

    def quoted(catalogue: str, schema: str, table: str, comment: str) -> str:
        return unquoted(catalogue, schema, table, str(comment).replace("'", "''"))

    comments.insert_table_comment_sql = quoted

    async def log_in(request: Any) -> Any:
        data = (await _content(request))["data"]
        if refusal := _refusal(told, data):
            return _failed(*refusal)
        answer = json.loads((await fake.login_request(request)).body)
        session = answer["data"]["sessionInfo"]
        asked = request.query_params
        session["databaseName"] = database if (database := asked.get("databaseName")) in told.databases else None
        session["warehouseName"] = WAREHOUSE if asked.get("warehouse") == WAREHOUSE else None
        session["roleName"] = asked.get("roleName", "PUBLIC")
        return _json(answer)

    async def query(request: Any) -> Any:
        content = await _content(request)
        statement = content["sqlText"]
        told.statements.append(statement)
        if re.search(told.refused, statement):
            return _failed("003001", "SQL access control error:\nInsufficient privileges to operate on database 'X'")
        for pattern, replacement in REWRITTEN:
            content["sqlText"] = re.sub(pattern, replacement, content["sqlText"])
        request._body = gzip.compress(json.dumps(content).encode())
        answer = await fake.query_request(request)
        if answer.status_code == 500 and statement.startswith("COPY INTO"):
            return _failed("091016", NO_FILE.format("x.parquet"))
        return answer

    app = Starlette(
        routes=[
            Route("/session/v1/login-request", log_in, methods=["POST"]),
            Route("/queries/v1/query-request", query, methods=["POST"]),
            Mount("/", fake.app),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield told
    finally:
        comments.insert_table_comment_sql = unquoted
        server.should_exit = True
        thread.join()


async def _content(request: Any) -> Any:
    body = await request.body()
    return json.loads(gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body)


def _refusal(server: SnowflakeServer, data: dict[str, Any]) -> tuple[str, str] | None:
    import jwt

    if "TOKEN" not in data:
        is_known = data["LOGIN_NAME"] == USER and data["PASSWORD"] == PASSWORD
        return None if is_known else ("390100", "Incorrect username or password was specified.")
    try:
        claims = jwt.decode(data["TOKEN"], server.public_key, algorithms=["RS256"])
    except jwt.InvalidTokenError:
        return "390144", "JWT token is invalid."
    return None if claims["sub"].endswith(f".{USER}") else ("390144", "JWT token is invalid.")


def _failed(code: str, message: str) -> Any:
    return _json(
        {"success": False, "code": code, "message": message, "data": {"errorCode": code, "sqlState": "42501"}}
    )


def _json(content: Any) -> Any:
    from starlette.responses import JSONResponse

    return JSONResponse(content)
