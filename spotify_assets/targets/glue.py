"""AWS Glue and Athena: the lake's tables, registered in Glue's catalogue without a crawler.

No rows are copied: a table of the catalogue has a name, a location and columns, and Athena reads the Delta log at the
location. A change of rows thus needs no refresh; only a table that is missing, moved or of another schema does.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spotify_assets.lake.tables import Lake
from spotify_assets.model import LAYERS, TABLES
from spotify_assets.retry import AWS, retry
from spotify_assets.storage import StorageError
from spotify_assets.storage.aws import NO_CREDENTIALS, athena_client, glue_client
from spotify_assets.targets import ddl, publishing
from spotify_assets.targets.athena_queries import AthenaQueries
from spotify_assets.targets.publishing import PublishedState, PublishResult, Refresh, RowCount, TargetError

# Glue's limits of comments (bytes of UTF-8).
COLUMN_COMMENT = 255
TABLE_COMMENT = 2048
# Parameter that marks a table of the catalogue as created by this project.
OWNER_PARAMETER = ("created_by", "spotify_assets")
# Errors where another writer creates, drops or changes the table at the same time.
CONFLICTS = ("AlreadyExistsException", "EntityNotFoundException", "ConcurrentModificationException")


@dataclass(frozen=True)
class GlueCatalog:
    """A Glue database with every table of the lake as a Delta table.

    Attributes:
        database: Name of the database; created where it doesn't exist.
        lake_uri: URI of the lake: `s3://bucket/prefix`.
    """

    database: str
    lake_uri: str

    @property
    def name(self) -> str:
        """Name in `spotify-assets publish athena`."""
        return "athena"

    @property
    def bills_for_states(self) -> bool:
        """False: Glue's first million requests of a month are free."""
        return False

    @property
    def tables(self) -> Sequence[str]:
        """All tables of the lake."""
        return publishing.tables_of_layers(*LAYERS)

    @cached_property
    def _table_inputs(self) -> dict[str, dict[str, Any]]:
        """Definition of every table, as `TableInput` of Glue's API."""
        lake = Lake(self.lake_uri)
        return {table: table_input(table, lake.table_uri(table)) for table in self.tables}

    def schema_fingerprint(self, table: str) -> str:
        """Hash of location, columns and comments."""
        return _fingerprint(self._table_inputs[table])

    def published_states(self) -> Mapping[str, PublishedState]:
        """State by the catalogue; a table that was changed by hand has another schema fingerprint."""
        with self._translate_errors():
            registered = self._registered() or {}
        return {
            table: PublishedState(
                _fingerprint(_managed_part(found, self._table_inputs[table])), {}, reads_lake_files=True
            )
            for table, found in registered.items()
            if self._is_owned(table, found)
        }

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[PublishResult]:
        """Register each table by one call; tables of other owners are never changed."""
        if not refreshes:
            return
        with self._translate_errors():
            registered = self._registered()
            if registered is None:
                self._create_database()
            existing = registered or {}
            wanted = [refresh.table for refresh in refreshes]
            if foreign := [
                table for table in wanted if table in existing and not self._is_owned(table, existing[table])
            ]:
                raise TargetError(
                    f"athena: Glue database {self.database} has tables of these names that are somebody else's "
                    f"({', '.join(foreign)}); set SPOTIFY_ASSETS_GLUE_DATABASE to another, or drop them"
                )
        for refresh in refreshes:
            with self._translate_errors():
                self._register(refresh.table, refresh.table in existing)
            location = self._table_inputs[refresh.table]["StorageDescriptor"]["Location"]
            # No rows are copied.
            yield PublishResult(refresh, 0, {"registered": f"{self.database}.{refresh.table}", "location": location})

    def drop_history(self, lake: Lake) -> None:
        """Do nothing: the catalogue holds no rows."""

    def _registered(self) -> dict[str, Any] | None:
        """Tables of the database with names of the lake's tables; None where the database doesn't exist."""
        glue = glue_client()
        try:
            pages = list(glue.get_paginator("get_tables").paginate(DatabaseName=self.database))
        except glue.exceptions.EntityNotFoundException:
            return None
        found = {table["Name"]: table for page in pages for table in page["TableList"]}
        return {name: found[name] for name in self.tables if name in found}

    def _is_owned(self, table: str, found: Mapping[str, Any]) -> bool:
        """Whether this project created the table, or it has the same location (as one created by a crawler)."""
        location = found.get("StorageDescriptor", {}).get("Location", "").rstrip("/")
        is_marked = found.get("Parameters", {}).get(OWNER_PARAMETER[0]) == OWNER_PARAMETER[1]
        return is_marked or location == self._table_inputs[table]["StorageDescriptor"]["Location"]

    def _create_database(self) -> None:
        glue = glue_client()
        made = {"Name": self.database, "Description": "Tables of a lake of Spotify plays. Made by spotify_assets."}
        try:
            glue.create_database(DatabaseInput=made)
        except glue.exceptions.AlreadyExistsException:
            return

    def _register(self, table: str, exists: bool) -> None:
        from botocore.exceptions import ClientError

        glue = glue_client()

        def put() -> None:
            nonlocal exists
            call = glue.update_table if exists else glue.create_table
            try:
                call(DatabaseName=self.database, TableInput=self._table_inputs[table])
            except ClientError as error:
                exists = _error_code(error) != "EntityNotFoundException"
                raise

        retry(put, AWS, lambda error: isinstance(error, ClientError) and _error_code(error) in CONFLICTS)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Translate errors of AWS into a `TargetError` of one line that says what to do."""
        from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

        try:
            yield
        except StorageError as error:
            raise TargetError(f"athena: {error}") from None
        except NoCredentialsError:
            raise TargetError("athena: " + NO_CREDENTIALS.format(uri=f"Glue database {self.database}")) from None
        except ClientError as error:
            raise TargetError(f"athena: {aws_error_message(error)}") from None
        except EndpointConnectionError as error:
            raise TargetError(f"athena: {error} Look at AWS_REGION and AWS_ENDPOINT_URL") from None
        except BotoCoreError as error:
            raise TargetError(f"athena: {str(error).strip().splitlines()[0]}") from None


@dataclass(frozen=True)
class Athena(GlueCatalog):
    """A Glue database with an Athena workgroup, in which rows can be counted.

    Attributes:
        workgroup: Name of the workgroup, which sets where results are stored and how much a query may scan.
    """

    workgroup: str

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, RowCount]]:
        """Number of rows of each table, with the bytes that Athena scanned."""
        for table in tables:
            with self._translate_errors():
                done = self._queries.run(f'SELECT count(*) FROM "{self.database}"."{table}"', f"counting {table}")
            rows = int(str(done.rows[0][0]))
            yield table, RowCount(rows, {"bytes_scanned": done.bytes_scanned, "query": done.query_id})

    @property
    def _queries(self) -> AthenaQueries:
        return AthenaQueries(athena_client(), self.workgroup)


def table_input(table: str, location: str) -> dict[str, Any]:
    """`TableInput` of Glue's API for a native Delta table, as Athena engine 3 and Spark read it.

    All columns are in `Columns`, including the partition column `month`. With `PartitionKeys`, readers would look for
    partitions in the catalogue, but only the Delta log has them. Lake Formation and views need the catalogue's columns
    to equal those of the log, and Athena fails without any. Input format and Parquet SerDe are left out: with them, a
    reader without Delta support would read deleted rows.
    """
    types = TABLES[table].spark_types  # Glue uses the names of Hive
    return {
        "Name": table,
        "Description": truncate_comment(str(TABLES[table].comment), TABLE_COMMENT),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "delta",
            "table_type": "delta",
            "spark.sql.sources.provider": "delta",
            OWNER_PARAMETER[0]: OWNER_PARAMETER[1],
        },
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [
                {
                    "Name": column.name,
                    "Type": types[column.name],
                    "Comment": truncate_comment(ddl.column_comment(column), COLUMN_COMMENT),
                }
                for column in TABLES[table].sql.columns
            ],
            "Location": location,
            # Spark reads the location from `path`.
            "SerdeInfo": {"Parameters": {"path": location, "serialization.format": "1"}},
        },
    }


def truncate_comment(comment: str, limit: int) -> str:
    """The comment in one line, truncated to the limit (bytes of UTF-8)."""
    line = " ".join(comment.split())
    if len(line.encode()) <= limit:
        return line
    return line.encode()[: limit - 3].decode(errors="ignore").rstrip() + "..."


def _error_code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def aws_error_message(error: Any) -> str:
    """Message of one line for an error of AWS, with advice where the cause is known.

    Args:
        error: botocore's `ClientError`.
    """
    answer = error.response.get("Error", {})
    code, operation = answer.get("Code", ""), error.operation_name
    message = (str(answer.get("Message") or "").strip().splitlines() or [""])[0].rstrip(".")
    said = f"AWS refused {operation} ({code}: {message})" if message else f"AWS refused {operation} ({code})"
    if code.startswith(("AccessDenied", "UnauthorizedOperation")):
        return f"{said}; infra/aws.yaml has a policy with all that is needed"
    if code in ("UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"):
        return f"{said}; look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if "workgroup" in message.lower():
        return f"{said}; look at SPOTIFY_ASSETS_ATHENA_WORKGROUP, and at AWS_REGION"
    return said


def _managed_part(found: Any, like: Any) -> Any:
    """The values of `found` whose keys are in `like`; Glue and other programs add further ones."""
    if isinstance(like, Mapping) and isinstance(found, Mapping):
        return {key: _managed_part(found.get(key), value) for key, value in like.items()}
    if isinstance(like, list) and isinstance(found, list) and len(found) == len(like):
        return [_managed_part(*both) for both in zip(found, like, strict=True)]
    return found


def _fingerprint(table: Any) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True, default=str).encode()).hexdigest()[:12]
