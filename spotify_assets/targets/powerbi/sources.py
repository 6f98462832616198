"""Where Power BI reads the tables from, as parameters and steps of Power Query's language M.

No credential is part of it: Power BI asks for them, and keeps them outside of the project.
"""

import re
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from spotify_assets.settings import Settings

DEFAULT_DSN = "spotify_assets"
DEFAULT_CATALOG = "AwsDataCatalog"


def m_text(text: str) -> str:
    """A text literal of M. https://learn.microsoft.com/powerquery-m/m-spec-lexical-structure"""
    escaped = text.replace("#(", "#(#)(").replace('"', '""')
    return '"' + re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: f"#({ord(found[0]):04X})", escaped) + '"'


class PowerBISource(Protocol):
    """A store that Power BI reads."""

    @property
    def parameters(self) -> dict[str, str]:
        """Text parameters of the project by name; steps refer to them."""

    def open_table(self, table: str) -> list[tuple[str, str]]:
        """Steps of M, by name, the last of which is the table's rows."""


@dataclass(frozen=True)
class MySQLSource:
    """MySQL or MariaDB.

    Attributes:
        server: `host` or `host:port`.
        database: Name of the database.
    """

    server: str
    database: str

    @classmethod
    def of(cls, settings: Settings) -> "MySQLSource":
        """The settings' database: host, port and name alone, neither user nor password."""
        url = sa.make_url(settings.mysql_url.get_secret_value())
        host = url.host or "localhost"
        return cls(f"{host}:{url.port}" if url.port else host, str(url.database))

    @property
    def parameters(self) -> dict[str, str]:
        """Server and database."""
        return {"Server": self.server, "Database": self.database}

    def open_table(self, table: str) -> list[tuple[str, str]]:
        """Without navigation properties: these would be columns."""
        options = "[ReturnSingleDatabase=true, CreateNavigationProperties=false]"
        return [
            ("Source", f"MySQL.Database(Server, Database, {options})"),
            ("Rows", f"Source{{[Schema=Database, Item={m_text(table)}]}}[Data]"),
        ]


@dataclass(frozen=True)
class AthenaSource:
    """Athena, through Amazon's ODBC driver, whose data source (DSN) has region, workgroup and login.

    Attributes:
        database: Name of the database in Glue.
        dsn: Name of the data source.
        catalog: Name of the catalogue.
    """

    database: str
    dsn: str = DEFAULT_DSN
    catalog: str = DEFAULT_CATALOG

    @property
    def parameters(self) -> dict[str, str]:
        """Data source, catalogue and database."""
        return {"Dsn": self.dsn, "Catalog": self.catalog, "Database": self.database}

    def open_table(self, table: str) -> list[tuple[str, str]]:
        """https://learn.microsoft.com/power-query/connectors/amazon-athena"""
        return [
            ("Source", "AmazonAthena.Databases(Dsn, [])"),
            ("Schemas", 'Source{[Name=Catalog, Kind="Database"]}[Data]'),
            ("Tables", 'Schemas{[Name=Database, Kind="Schema"]}[Data]'),
            ("Rows", f'Tables{{[Name={m_text(table)}, Kind="Table"]}}[Data]'),
        ]
