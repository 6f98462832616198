"""AWS Glue and Athena: the lake's own tables, registered in a catalogue and so queried by name, with no crawler.

Nothing is copied: a table of the catalogue is a name, a place, and what its columns are; Athena reads the Delta log
there. So a change of rows needs no write, and only a table that is missing, moved or of another shape is behind.
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
from spotify_assets.targets.athena_queries import Queries
from spotify_assets.targets.publishing import Counted, Held, Published, Refresh, TargetError

# Glue takes no longer ones (bytes, UTF-8).
COLUMN_COMMENT = 255
TABLE_COMMENT = 2048
# By which a table of the catalogue is known as ours.
OURS = ("created_by", "spotify_assets")
# Another writer may make, drop or change a table meanwhile.
RACES = ("AlreadyExistsException", "EntityNotFoundException", "ConcurrentModificationException")


@dataclass(frozen=True)
class GlueCatalog:
    """A Glue database that has every table of the lake as a Delta table.

    Attributes:
        database: Its name; it is made where it is missing.
        lake_uri: Where the lake is: `s3://bucket/prefix`.
    """

    database: str
    lake_uri: str

    @property
    def name(self) -> str:
        """As in `spotify-assets publish athena`."""
        return "athena"

    @property
    def tables(self) -> Sequence[str]:
        """All of them."""
        return publishing.of_layers(*LAYERS)

    @cached_property
    def _wanted(self) -> dict[str, dict[str, Any]]:
        """Every table as it should be in the catalogue."""
        lake = Lake(self.lake_uri)
        return {table: table_input(table, lake.table_uri(table)) for table in self.tables}

    def shape(self, table: str) -> str:
        """By place, columns and comments."""
        return _fingerprint(self._wanted[table])

    def held(self) -> Mapping[str, Held]:
        """What the catalogue tells; a table that somebody changed by hand is of another shape."""
        with self._told():
            registered = self._registered() or {}
        return {
            table: Held(_fingerprint(_part(found, self._wanted[table])), {}, is_the_lakes=True)
            for table, found in registered.items()
            if self._is_ours(table, found)
        }

    def publish(self, lake: Lake, refreshes: Sequence[Refresh]) -> Iterator[Published]:
        """Each table is registered by one call; those of the database that aren't ours are left alone."""
        if not refreshes:
            return
        with self._told():
            registered = self._registered()
            if registered is None:
                self._make_database()
            there = registered or {}
            wanted = [refresh.table for refresh in refreshes]
            if foreign := [table for table in wanted if table in there and not self._is_ours(table, there[table])]:
                raise TargetError(
                    f"athena: Glue database {self.database} has tables of these names that are somebody else's "
                    f"({', '.join(foreign)}); set SPOTIFY_ASSETS_GLUE_DATABASE to another, or drop them"
                )
        for refresh in refreshes:
            with self._told():
                self._register(refresh.table, refresh.table in there)
            location = self._wanted[refresh.table]["StorageDescriptor"]["Location"]
            # No row goes anywhere.
            yield Published(refresh, 0, {"registered": f"{self.database}.{refresh.table}", "location": location})

    def drop_history(self, lake: Lake) -> None:
        """Nothing: a catalogue holds nobody's rows, and the lake's are the lake's."""

    def _registered(self) -> dict[str, Any] | None:
        """Tables of the database that bear names of ours; None where there is no database."""
        glue = glue_client()
        try:
            pages = list(glue.get_paginator("get_tables").paginate(DatabaseName=self.database))
        except glue.exceptions.EntityNotFoundException:
            return None
        found = {table["Name"]: table for page in pages for table in page["TableList"]}
        return {name: found[name] for name in self.tables if name in found}

    def _is_ours(self, table: str, found: Mapping[str, Any]) -> bool:
        """Whether we made it, or it is of the same place, as what a crawler or a person made of our table."""
        place = found.get("StorageDescriptor", {}).get("Location", "").rstrip("/")
        is_marked = found.get("Parameters", {}).get(OURS[0]) == OURS[1]
        return is_marked or place == self._wanted[table]["StorageDescriptor"]["Location"]

    def _make_database(self) -> None:
        glue = glue_client()
        made = {"Name": self.database, "Description": "Tables of a lake of Spotify plays. Made by spotify_assets."}
        try:
            glue.create_database(DatabaseInput=made)
        except glue.exceptions.AlreadyExistsException:
            return

    def _register(self, table: str, is_there: bool) -> None:
        from botocore.exceptions import ClientError

        glue = glue_client()

        def put() -> None:
            nonlocal is_there
            call = glue.update_table if is_there else glue.create_table
            try:
                call(DatabaseName=self.database, TableInput=self._wanted[table])
            except ClientError as error:
                is_there = _code(error) != "EntityNotFoundException"
                raise

        retry(put, AWS, lambda error: isinstance(error, ClientError) and _code(error) in RACES)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says in one line what AWS refused, and what to do."""
        from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

        try:
            yield
        except StorageError as error:
            raise TargetError(f"athena: {error}") from None
        except NoCredentialsError:
            raise TargetError("athena: " + NO_CREDENTIALS.format(uri=f"Glue database {self.database}")) from None
        except ClientError as error:
            raise TargetError(f"athena: {refused(error)}") from None
        except EndpointConnectionError as error:
            raise TargetError(f"athena: {error} Look at AWS_REGION and AWS_ENDPOINT_URL") from None
        except BotoCoreError as error:
            raise TargetError(f"athena: {str(error).strip().splitlines()[0]}") from None


@dataclass(frozen=True)
class Athena(GlueCatalog):
    """The same, with a workgroup of Athena's in which the tables are counted.

    Attributes:
        workgroup: Its name. It says where results go, and how much a query may scan.
    """

    workgroup: str

    def counts(self, tables: Iterable[str]) -> Iterator[tuple[str, Counted]]:
        """Rows of each table as Athena counts them, and how many bytes it scanned for that."""
        for table in tables:
            with self._told():
                done = self._queries.run(f'SELECT count(*) FROM "{self.database}"."{table}"', f"counting {table}")
            rows = int(str(done.rows[0][0]))
            yield table, Counted(rows, {"bytes_scanned": done.bytes_scanned, "query": done.query_id})

    @property
    def _queries(self) -> Queries:
        return Queries(athena_client(), self.workgroup)


def table_input(table: str, location: str) -> dict[str, Any]:
    """The table as Glue takes it: a native Delta table, as Athena's engine 3 and Spark know one.

    Columns are all in `Columns`, `month` too, by which files are laid out. Glue's `PartitionKeys` would send readers
    to look in the catalogue for partitions, which are in the Delta log alone, and that is where Athena finds them;
    Lake Formation and views want the catalogue's columns to be those of the log, no less. Athena fails where the
    list is missing altogether. There is no input format and no Parquet SerDe: by these, a reader that knows no Delta
    would see rows that were deleted.
    """
    types = TABLES[table].spark_types  # as Hive names them, and so Glue
    return {
        "Name": table,
        "Description": fitting(str(TABLES[table].comment), TABLE_COMMENT),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "delta",
            "table_type": "delta",
            "spark.sql.sources.provider": "delta",
            OURS[0]: OURS[1],
        },
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [
                {
                    "Name": column.name,
                    "Type": types[column.name],
                    "Comment": fitting(ddl.comment_of(column), COLUMN_COMMENT),
                }
                for column in TABLES[table].sql.columns
            ],
            "Location": location,
            # Spark looks here for the place.
            "SerdeInfo": {"Parameters": {"path": location, "serialization.format": "1"}},
        },
    }


def fitting(comment: str, limit: int) -> str:
    """The comment in one line, cut where it has more bytes than Glue takes."""
    line = " ".join(comment.split())
    if len(line.encode()) <= limit:
        return line
    return line.encode()[: limit - 3].decode(errors="ignore").rstrip() + "..."


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def refused(error: Any) -> str:
    """What AWS answered, in one line, with what to do where that is known.

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


def _part(found: Any, like: Any) -> Any:
    """What is found, without what we don't set: Glue, and others, add their own."""
    if isinstance(like, Mapping) and isinstance(found, Mapping):
        return {key: _part(found.get(key), value) for key, value in like.items()}
    if isinstance(like, list) and isinstance(found, list) and len(found) == len(like):
        return [_part(*both) for both in zip(found, like, strict=True)]
    return found


def _fingerprint(table: Any) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True, default=str).encode()).hexdigest()[:12]
