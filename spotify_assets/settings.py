"""Every setting, read once from the environment and from a `.env` file in the current folder.

`docs/settings.md` and `.env.example` are generated from the descriptions here.
"""

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Grain = Literal["daily", "weekly", "monthly"]
DateOrder = Literal["day_first", "month_first"]
PREFIX = "SPOTIFY_ASSETS_"
# Options of PyMySQL that name a file or, `ssl_capath`, a folder.
MYSQL_FILES = frozenset({"ssl_ca", "ssl_cert", "ssl_key", "ssl_capath", "read_default_file"})
# Host and port of a URL, without user and password.
HOST = r"[^/@?#;\s]+"
# delta-rs 1.6 refuses these in a table's path, or reads another folder; the last are bytes that are not UTF-8.
UNSUPPORTED_IN_LAKE = re.compile(r"[%\[\]|^\\\x00-\x1f\x7f\ud800-\udfff]")


class SettingsError(ValueError):
    """A setting has an invalid value. The message names the variable and the expected value."""


class Settings(BaseSettings):
    """The settings. Each field is the environment variable `SPOTIFY_ASSETS_<FIELD>`, or its alias."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # An error of pydantic's own would repeat the value, which may be a credential.
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    landing_uri: str = Field(
        "data/landing",
        description="Landing zone for your files: a folder or `s3://bucket/prefix`, holding `history/<listener>/...`",
    )
    lake_uri: str = Field(
        "data/lake", description="Lake of Delta tables: a folder or `s3://bucket/prefix`, holding `<layer>/<table>/`"
    )
    warehouse: str = Field(
        "data/warehouse.duckdb", description="DuckDB file that serves all tables to programs on this machine"
    )
    mysql_url: SecretStr = Field(
        SecretStr(""), description="MySQL or MariaDB to publish to: `mysql://user:password@host:3306/database`"
    )
    mysql_batch_rows: int = Field(
        200_000,
        ge=1,
        description="Rows per batch sent to MySQL, through a temporary file on this machine",
    )
    glue_database: str = Field(
        "", description="Glue database to register every table of a lake in S3 in, for Athena and others"
    )
    athena_workgroup: str = Field(
        "", description="Athena workgroup in which checks count the registered tables; unset, nothing is queried"
    )
    snowflake_account: str = Field(
        "", description="Snowflake account to publish to, as `ORGANIZATION-ACCOUNT`; the lake has to be in S3"
    )
    snowflake_user: str = Field("", description="Snowflake user to log in as")
    snowflake_private_key: SecretStr = Field(SecretStr(""), description="Private key of the Snowflake user (PEM)")
    snowflake_private_key_file: str = Field(
        "", description="File with the private key of the Snowflake user, instead of the key itself"
    )
    snowflake_private_key_passphrase: SecretStr = Field(
        SecretStr(""), description="Passphrase of the private key, if it is encrypted"
    )
    snowflake_password: SecretStr = Field(
        SecretStr(""), description="Password of the Snowflake user, if there is no key"
    )
    snowflake_role: str = Field("", description="Role in Snowflake; the user's default if unset")
    snowflake_warehouse: str = Field("", description="Snowflake warehouse that loads and counts")
    snowflake_database: str = Field("", description="Snowflake database to publish to")
    snowflake_schema: str = Field(
        "SPOTIFY_ASSETS", description="Schema of the Snowflake database, for these tables alone"
    )
    snowflake_storage_integration: str = Field(
        "", description="Snowflake storage integration with access to the lake's bucket"
    )
    snowflake_url: str = Field(
        "",
        description="Address of Snowflake, if it isn't `https://<account>.snowflakecomputing.com`: as a private link",
    )
    export_uri: str = Field(
        "", description="Target for Parquet and CSV exports, `<UTC time>/...`: a folder or `s3://bucket/prefix`"
    )
    csv_neutralize_formulas: bool = Field(
        False,
        description="Prefix text in CSV with `'` where a spreadsheet would run it as a formula (it starts with `=`, "
        "`+`, `-`, `@`, tab, CR or LF), and quote all text; if false, text stays exact",
    )
    landing_queue_url: str = Field(
        "",
        description="SQS queue of the landing bucket's notifications; the landing sensor reads it instead of listing",
    )
    plays_start: datetime = Field(
        datetime(2008, 10, 1, tzinfo=UTC),
        description="Start of plays (UTC date, floored to the grain); older ones are rejected",
    )
    plays_grain: Grain = Field("monthly", description="Partitions of plays: `daily`, `weekly` or `monthly`")
    min_ms_played: int = Field(500, ge=0, description="Shorter plays are rejected as `too_short` (ms)")
    date_order: DateOrder | None = Field(
        None,
        description="Order of day and month in files whose dates can be read in both, as 5/1/2024: `day_first` or "
        "`month_first`; unset, such records are rejected, and the file is named",
    )
    timezone: str = Field("UTC", description="Time zone of local dates and hours, as `Europe/Stockholm`")
    timezones: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict, description="Time zones by listener: `anna=Europe/Stockholm,ben=America/Lima`"
    )
    spark_remote: SecretStr = Field(
        SecretStr(""),
        description="Engine: embedded Sail if empty; `sc://host:port` for a Spark Connect server, with "
        "`/;token=...` if it asks for one; `local[*]` for Apache Spark on this machine (needs Java 17 and "
        "`make spark-jars`)",
    )
    concurrent_tables: int = Field(
        4,
        ge=1,
        le=64,
        description="Tables of a run that are computed at once; each further one needs more memory. The embedded "
        "engine computes fewer where a lake has over a million plays, and one from two million on; of a smaller lake "
        "in S3 up to three times as many",
    )
    snapshots_start: datetime = Field(
        datetime(2020, 1, 1, tzinfo=UTC), description="Start of playlist snapshots (UTC date)"
    )
    playlists: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Playlists to capture, separated by commas: ids, URIs or links; `me` for all of your own"
    )
    listener: str = Field("me", description="Listener for polled recent plays: a folder below `landing/history`")
    client_id: str = Field("", validation_alias="SPOTIPY_CLIENT_ID", description="Client id of your app at Spotify")
    client_secret: SecretStr = Field(
        SecretStr(""), validation_alias="SPOTIPY_CLIENT_SECRET", description="Client secret of your app at Spotify"
    )
    credentials: Annotated[tuple[tuple[str, SecretStr], ...], NoDecode] = Field(
        (), description="Further apps at Spotify, used in turn: `id:secret,id:secret`"
    )
    refresh_token: SecretStr = Field(
        SecretStr(""), description="Refresh token of the first app; unset, the one that `spotify-assets login` stored"
    )
    api_url: str = Field(
        "", description="Server in place of Spotify's: `<url>/v1/...`, `<url>/api/token` and `<url>/authorize`"
    )
    api_budget: int = Field(
        500, ge=0, description="Calls for metadata per run; about 1,100 a day exhaust an app's quota"
    )
    api_concurrency: int = Field(8, ge=1, le=64, description="Concurrent calls of the Web API")
    spotify_state: str = Field(
        "data/spotify.json", description="File with the login and the state of quotas; only you can read it"
    )
    retention_days: int = Field(
        7,
        ge=0,
        description="Days for which maintenance keeps old versions of tables, for their readers; at least a day, as "
        "a run that is still writing needs its files",
    )
    max_json_mb: int = Field(
        256,
        ge=1,
        description="Largest JSON array that is read (MB, unzipped); NDJSON may have any size",
    )
    max_unzipped_mb: int = Field(
        20_000, ge=1, description="Largest unpacked size of an archive (MB); a larger one is refused as a zip bomb"
    )
    max_records_a_run: int = Field(
        2_500_000,
        ge=1,
        description="Records per run; a longer history is computed in several runs. Bounds the memory",
    )
    chart_size: int = Field(
        100,
        ge=1,
        le=10_000,
        description="Places of the charts of months, quarters, years and of all time in `top_charts`",
    )
    weekly_chart_size: int = Field(
        20,
        ge=1,
        le=10_000,
        description="Places of a week's chart in `top_charts`. With 100, most weeks would hold all that was heard, "
        "and the table have more rows than there are plays",
    )
    previews: bool = Field(
        False,
        description="Show the first rows of each computed table, and two charts, in Dagster's UI. They are kept in "
        "Dagster's log, with the names that are in them, until the log is deleted or a listener is forgotten",
    )
    max_rejected_share: float = Field(
        0.25, ge=0, le=1, description="A check warns if a single reason rejects a larger share of the records"
    )

    session_gap_minutes: int = Field(
        30, ge=1, le=24 * 60, description="A listening session ends where nothing plays for longer than this (minutes)"
    )
    forgotten_after_days: int = Field(
        180,
        ge=1,
        description="Days without a play after which a track, artist or album counts as forgotten, and its next play "
        "as a rediscovery",
    )
    obsession_plays: int = Field(
        5, ge=2, description="Plays of a track within seven days that count as an obsession with it"
    )
    min_coverage: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Where there are catalogue files, a check warns if genre, release, length, features or popularity "
        "is known of a smaller share of a listener's time. 0 never warns",
    )

    @field_validator("timezones", mode="before")
    @classmethod
    def _listener_zones(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        if broken := [name for name, equals, _ in pairs if not equals]:
            raise ValueError(f"expected listener=Zone pairs, got {broken[0].strip()!r}")
        return {name.strip(): zone.strip() for name, _, zone in pairs}

    @field_validator("playlists", mode="before")
    @classmethod
    def _playlist_ids(cls, value: Any) -> Any:
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
        return tuple(dict.fromkeys(playlist_id(part) for part in parts if part))

    @field_validator("credentials", mode="before")
    @classmethod
    def _pairs_of_id_and_secret(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.strip().partition(":") for part in value.split(",") if part.strip()]
        if broken := [number for number, (name, _, secret) in enumerate(pairs, 1) if not name or not secret]:
            raise ValueError(f"expected id:secret pairs, separated by commas; pair {broken[0]} is not one")
        return tuple((name.strip(), secret.strip()) for name, _, secret in pairs)

    @field_validator("listener")
    @classmethod
    def _names_a_folder(cls, value: str) -> str:
        return folder_name(value)

    @field_validator("api_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not re.fullmatch(rf"https?://{HOST}(?:/[^?#]*)?", value):
            raise ValueError("expected http://host:port or https://host, without user and password")
        return value.rstrip("/")

    @field_validator("timezone", "timezones")
    @classmethod
    def _known_zones(cls, value: Any) -> Any:
        for zone in value.values() if isinstance(value, dict) else [value]:
            if zone != "UTC" and zone not in _zones():
                raise ValueError(f"{zone!r} is not a time zone; expected a name such as Europe/Stockholm")
        return value

    @field_validator("plays_start", "snapshots_start", mode="before")
    @classmethod
    def _start_is_a_date(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return datetime.strptime(value.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
            except ValueError:
                raise ValueError(f"{value!r} is not a date; expected YYYY-MM-DD") from None
        return value

    @field_validator("plays_start", "snapshots_start")
    @classmethod
    def _start_is_past(cls, value: datetime) -> datetime:
        if not datetime(1970, 1, 1, tzinfo=UTC) < value < datetime.now(UTC):
            raise ValueError("expected a day between 1970 and today")
        return value

    @field_validator("spark_remote")
    @classmethod
    def _known_engine(cls, value: SecretStr) -> SecretStr:
        # The value may hold a token: the error must not repeat it. PySpark's own errors would.
        server = rf"sc://{HOST}(?:/(?:;[^;=]+=[^;=]*)*;?)?"
        if value and not re.fullmatch(rf"local(?:\[.+\])?|{server}", value.get_secret_value()):
            raise ValueError("expected nothing, local[*], sc://host:port or sc://host:port/;token=...;use_ssl=true")
        return value

    @field_validator("landing_uri", "lake_uri", "export_uri")
    @classmethod
    def _folder_or_s3(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.field_name == "export_uri":
            return value
        if value.startswith(("s3://", "s3a://")):
            bucket, _, prefix = value.partition("://")[2].partition("/")
            if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
                raise ValueError(f"{masked(value)!r} has no valid bucket name; expected s3://bucket/prefix")
            return f"s3://{bucket}/{prefix.strip('/')}".rstrip("/")
        if "://" in value:
            raise ValueError(f"{masked(value)!r}: expected a folder on this machine, or s3://bucket/prefix")
        path = _absolute(value)
        if info.field_name == "lake_uri" and (found := UNSUPPORTED_IN_LAKE.search(path)):
            raise ValueError(f"{path!r}: a lake's path can't have the character {found[0]!r}; choose another folder")
        return path

    @field_validator("export_uri")
    @classmethod
    def _apart_from_other_data(cls, value: str, info: ValidationInfo) -> str:
        for other in ("landing_uri", "lake_uri"):
            place = str(info.data.get(other, ""))
            if value and place and f"{value}/".startswith(f"{place}/"):
                raise ValueError(f"{value!r}: expected a location outside of {variable(other)} ({place})")
        return value

    @field_validator("mysql_url")
    @classmethod
    def _is_mysql(cls, value: SecretStr) -> SecretStr:
        # The value holds a password: the error must not repeat it.
        if value and not re.fullmatch(
            r"(?:mysql|mariadb)(?:\+pymysql)?://[^/]+/[^/?]+(?:\?.*)?", value.get_secret_value()
        ):
            raise ValueError(
                "expected mysql://user:password@host:3306/database, with special characters encoded as in %40"
            )
        options = parse_qsl(value.get_secret_value().partition("?")[2])
        for name, path in options:
            if name in MYSQL_FILES and not Path(path).exists():
                raise ValueError(f"{name} is {path!r}, and there is no such file")
        return value

    @field_validator("spotify_state", "warehouse")
    @classmethod
    def _on_this_machine(cls, value: str) -> str:
        if "://" in value:
            raise ValueError(f"{masked(value)!r}: expected a file on this machine")
        if Path(path := _absolute(value)).is_dir():
            raise ValueError(f"{path!r} is a folder; expected a file")
        return path

    @field_validator("glue_database")
    @classmethod
    def _catalogue_of_a_bucket(cls, value: str, info: ValidationInfo) -> str:
        if value and not re.fullmatch(r"[a-z0-9_-]{1,255}", value):
            raise ValueError(f"{value!r}: expected lower-case letters, digits, _ and -")
        if value and not str(info.data.get("lake_uri", "s3://")).startswith("s3://"):
            raise ValueError(
                f"{value!r}: Athena needs a lake in S3; set SPOTIFY_ASSETS_LAKE_URI to s3://bucket/prefix"
            )
        return value

    @field_validator("athena_workgroup")
    @classmethod
    def _workgroup_of_a_catalogue(cls, value: str, info: ValidationInfo) -> str:
        if value and not re.fullmatch(r"[a-zA-Z0-9._-]{1,128}", value):
            raise ValueError(f"{value!r}: expected letters, digits, and . _ -")
        if value and not info.data.get("glue_database", "unknown"):
            raise ValueError(f"{value!r}: it queries the tables in Glue; set SPOTIFY_ASSETS_GLUE_DATABASE, too")
        return value

    @field_validator("snowflake_private_key_file")
    @classmethod
    def _is_a_file(cls, value: str) -> str:
        path = _absolute(value) if value else ""
        if path and not Path(path).is_file():
            raise ValueError(f"there is no file {path!r}")
        return path

    @field_validator("snowflake_url")
    @classmethod
    def _is_a_server(cls, value: str) -> str:
        if value and not re.fullmatch(rf"https?://{HOST}/?", value):
            raise ValueError("expected https://host or http://host:port, without user and password")
        return value.rstrip("/")

    @field_validator(
        "snowflake_role",
        "snowflake_warehouse",
        "snowflake_database",
        "snowflake_schema",
        "snowflake_storage_integration",
    )
    @classmethod
    def _needs_no_quotes(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", value):
            raise ValueError(f"{value!r}: expected letters, digits and _ (an identifier that needs no quotes)")
        return value

    @model_validator(mode="after")
    def _snowflake_is_complete(self) -> Self:
        if not self.snowflake_account:
            return self
        keys = ("snowflake_private_key", "snowflake_private_key_file", "snowflake_password")
        needed = ["snowflake_user", "snowflake_warehouse", "snowflake_database"]
        in_s3 = self.lake_uri.startswith("s3://")
        missing = [
            name
            for name in (*needed, *(["snowflake_storage_integration"] if in_s3 else []))
            if not getattr(self, name)
        ]
        if not any(getattr(self, name) for name in keys):
            missing.insert(0, keys[0])
        if missing:
            names = ", ".join(variable(name) for name in missing)
            raise ValueError(f"{variable('snowflake_account')}: set {names}, too")
        # With a URL it may be a stand-in server on this machine, which reads folders.
        if not in_s3 and not self.snowflake_url:
            raise ValueError(
                f"{variable('snowflake_account')}: Snowflake needs a lake in S3; set "
                f"{variable('lake_uri')} to s3://bucket/prefix"
            )
        return self

    @field_validator("landing_queue_url")
    @classmethod
    def _is_a_queue(cls, value: str, info: ValidationInfo) -> str:
        if value and not str(info.data.get("landing_uri", "s3://")).startswith("s3://"):
            raise ValueError("a queue needs a landing zone in S3; set SPOTIFY_ASSETS_LANDING_URI, too")
        if value and not re.fullmatch(rf"https?://{HOST}/[^?#]+", value):
            raise ValueError("expected the queue's URL, as https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
        return value

    @property
    def apps(self) -> tuple[tuple[str, SecretStr], ...]:
        """Client id and secret of each app at Spotify; empty if none is set."""
        own = ((self.client_id, self.client_secret),) if self.client_id and self.client_secret else ()
        return tuple(dict((*own, *self.credentials)).items())

    def zone_of(self, listener: str) -> str:
        """Name of the time zone for a listener's local dates and hours."""
        return self.timezones.get(listener, self.timezone)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment. `overrides` are fields by name, and win over variables.

    Raises:
        SettingsError: A value is invalid. The message names the variable and the expected value.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        reason = str(first["msg"]).removeprefix("Value error, ")
        # A model validator, about several variables, has no `loc` and names them in its message.
        name = f"{variable(str(first['loc'][0]))}: " if first["loc"] else ""
        raise SettingsError(f"{name}{reason}") from None


def variable(field: str) -> str:
    """Name of a setting's environment variable."""
    info = Settings.model_fields.get(field)
    return (
        str(info.validation_alias) if info and info.validation_alias else PREFIX + field.removeprefix(PREFIX).upper()
    )


def masked(address: str) -> str:
    """An address without user, password and parameters, for messages."""
    return re.sub(r"(?<=://)[^/]*@", "...@", re.sub(r"[?;].*", "", address))


def playlist_id(text: str) -> str:
    """The id in a playlist's id, URI or link; `me` is returned as it is.

    Raises:
        ValueError: The text is none of these.
    """
    if text == "me":
        return text
    found = re.fullmatch(
        r"(?:spotify:(?:user:[^:]+:)?playlist:|(?:https?://)?open[.]spotify[.]com/(?:[a-z-]+/)?playlist/)?"
        r"([0-9A-Za-z]{22})(?:[?].*)?",
        text,
    )
    if not found:
        raise ValueError(f"{text!r} is not a playlist; expected an id of 22 characters, a URI, a link, or me")
    return found[1]


def folder_name(listener: str) -> str:
    """A listener's name, trimmed and validated as a folder name.

    Raises:
        ValueError: The name is empty, starts with a dot, has a slash, backslash or NUL, or is no valid UTF-8 (Python
            holds such bytes as surrogates).
    """
    name = listener.strip()
    if not name or name.startswith(".") or any(character in name for character in "/\\\0"):
        raise ValueError("expected a name without slashes that does not start with a dot")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise ValueError("expected a name in UTF-8")
    return name


@cache
def settings() -> Settings:
    """The settings of this process, read once. Raises what `load_settings` raises."""
    return load_settings()


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


@cache
def _zones() -> set[str]:
    """Names of all time zones, cached: finding them lists a folder."""
    return available_timezones()


def zone(name: str) -> ZoneInfo:
    """The time zone of a name, which is validated when settings are read."""
    return ZoneInfo(name)
