"""What tests share: an engine for all of them, and a small world of a landing zone and a lake for each."""

import fcntl
import gc
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pyspark.sql import DataFrame, SparkSession

from spotify_assets import transforms
from spotify_assets.engine.session import spark_session
from spotify_assets.ingest.catalog_register import CATALOG_FILES
from spotify_assets.ingest.history import IngestResult, ingest
from spotify_assets.lake.tables import Lake
from spotify_assets.landing.corrections import CORRECTIONS
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage, plan, repair, staleness
from spotify_assets.refresh.frames import LakeFrames, select_model_columns
from spotify_assets.sandbox.mariadb import MariaDB, running_mariadb
from spotify_assets.sandbox.s3_servers import AWS, running_s3
from spotify_assets.settings import PREFIX, Settings, load_settings
from spotify_assets_tests.faults.direct import compute_run

if TYPE_CHECKING:
    import dagster as dg

LANDED_AT = datetime(2025, 1, 10, tzinfo=UTC)
Rows = list[dict[str, Any]]
TIMELESS = ("landed_at", "loaded_at", "reader_version")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest test: as the last one, it would keep one worker waiting for the other."""
    items.sort(key=lambda item: "test_the_demo_runs_from_the_wheel" not in item.nodeid)


def pytest_collection_finish() -> None:
    """Let Python's garbage collector pass over what was imported: 5 to 8 % of a sync's CPU."""
    gc.freeze()


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    """The embedded engine, which computes one partition after another.

    Tests run side by side, and for a few rows each further partition costs a fifth of a sync's CPU. Commands that
    tests start as processes use all cores.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SAIL_EXECUTION__DEFAULT_PARALLELISM", "1")
        return spark_session()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test depends on the settings of who runs it, or on a `.env` file."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Address of a server that speaks AWS's protocols."""
    with running_s3("moto") as address:
        yield address


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A server of MariaDB; a database of its own is a test's."""
    with running_mariadb() as server:
        yield server


def use_s3(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the environment for the server, and make a bucket of its own: its URI."""
    import boto3

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    bucket = f"bucket-{uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}"


@pytest.fixture
def bucket(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URI of an empty bucket; the environment leads to it."""
    return use_s3(moto, monkeypatch)


@pytest.fixture
def s3_world(bucket: str, world: "World") -> "World":
    """A world whose landing zone and lake are in a bucket."""
    world.uri = bucket
    return world


@contextmanager
def dagster_instance(event_log: Path | None = None) -> Iterator["dg.DagsterInstance"]:
    """An instance of Dagster in a folder of its own, with the project's event log.

    Dagster's own opens a connection for each event: a run of all tables takes three times as long.
    """
    import dagster as dg

    log: dict[str, Any] = {
        "module": "spotify_assets.defs.event_log",
        "class": "PersistentSqliteEventLogStorage",
    }
    if event_log is not None:
        log["config"] = {"base_dir": str(event_log)}
    with dg.instance_for_test(overrides={"event_log_storage": log}) as opened:
        yield opened


@pytest.fixture
def instance() -> Iterator["dg.DagsterInstance"]:
    with dagster_instance() as opened:
        yield opened


def utc(text: str) -> datetime:
    """A time, as `2024-01-31 13:37:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def extended(ts: str, ms_played: Any = 200_000, track: str | None = "Song", artist: str = "Band", **more: Any) -> dict:
    """A record of an extended export; `track` also makes its id."""
    uri = None if track is None else "spotify:track:" + (track.replace(" ", "") + "0" * 22)[:22]
    return {
        "ts": ts,
        "platform": "android",
        "ms_played": ms_played,
        "conn_country": "SE",
        "ip_addr": "198.51.100.7",
        "master_metadata_track_name": track,
        "master_metadata_album_artist_name": artist if track else None,
        "master_metadata_album_album_name": "Album" if track else None,
        "spotify_track_uri": uri,
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "incognito_mode": False,
    } | more


def account(end_time: str, ms_played: int = 200_000, track: str = "Song", artist: str = "Band") -> dict:
    """A record of account data."""
    return {"endTime": end_time, "artistName": artist, "trackName": track, "msPlayed": ms_played}


METRICS = frozenset(name for name, table in TABLES.items() if table.layer == "metrics")
# Of these, what other layers are computed from.
NEEDED = METRICS.intersection(*[{upstream for table in {*TABLES} - METRICS for upstream in lineage.upstreams(table)}])


# For `pytestmark`: one metric of each kind, as tests of whole lakes and targets want.
some_metrics = pytest.mark.metrics(
    *("track_metrics", "artist_metrics", "album_metrics", "daily_listening", "listening_clock"),
    *("playlist_changes", "playlist_track_tenure", "catalogue_coverage", "listening_sessions"),
)


def with_upstreams(metrics: Iterable[str]) -> frozenset[str]:
    """These metrics, those that they are computed from, and those that other layers need."""
    found = {*metrics, *NEEDED}
    for table in reversed(lineage.computed_tables()):
        if table in found:
            found |= METRICS.intersection(lineage.upstreams(table))
    return frozenset(found)


@dataclass
class World:
    """A landing zone and a lake of its own: in a folder, or wherever `uri` says.

    Attributes:
        metrics: Those that a sync computes; the others, of most syncs the larger part, are left empty.
    """

    root: Path
    spark: SparkSession
    overrides: dict[str, Any] = field(default_factory=dict)
    uri: str = ""
    templates: Path | None = None
    metrics: frozenset[str] = METRICS
    _settings: tuple[Any, Settings] | None = None

    @property
    def settings(self) -> Settings:
        place = self.uri or self.root
        options = {"landing_uri": f"{place}/landing", "lake_uri": f"{place}/lake", **self.overrides}
        variables = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
        # A test asks a thousand times.
        if self._settings is None or self._settings[0] != (options, variables):
            self._settings = (deepcopy(options), variables), load_settings(**options)
        return self._settings[1]

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_uri)

    @property
    def landing(self) -> LandingZone:
        return LandingZone(self.settings.landing_uri)

    @property
    def frames(self) -> LakeFrames:
        return LakeFrames(self.lake, self.settings, lambda: self.spark)

    def land(self, path: str, content: Any, landed_at: datetime = LANDED_AT) -> Path:
        """Land a file below `landing/history`: bytes, text, or a document as JSON. S3 says itself when it landed."""
        if isinstance(content, str):
            content = content.encode()
        self.landing.land(f"history/{path}", content if isinstance(content, bytes) else json.dumps(content).encode())
        target = self.root / "landing" / "history" / path
        if not self.uri:
            os.utime(target, (landed_at.timestamp(), landed_at.timestamp()))
        return target

    def ingest(self) -> IngestResult:
        return ingest(self.landing, self.lake, self.settings)

    def refresh(self, *tables: str) -> list[plan.PlannedRun]:
        """Compute what is stale, or of that these tables only, by Dagster's plan and writer."""
        repair.reset_damaged(self.lake, self.settings, staleness.stale(self.lake, self.settings).damaged)
        runs = plan.plan_runs(staleness.stale(self.lake, self.settings), self.settings)
        frames = self.frames
        for run in runs:
            compute_run(run, self.settings, frames, tables, METRICS - self.metrics - {*tables})
        if any({*CORRECTIONS, CATALOG_FILES} & set(run.tables) for run in runs):
            # Which months a line concerns, or which day a playlist among catalogue files, is known once it is read.
            runs += self.refresh(*tables)
        return runs

    def sync(self, *tables: str) -> None:
        """Read what is landed and compute what is stale, or of that these tables only (and mirrors of responses).

        With a folder of templates, the first sync of the same files and lake is kept there, and others copy it.
        """
        if self.templates is None or tables:
            self.ingest()
            self.refresh(*tables)
            return
        template = self.templates / self._state()
        # Workers of pytest-xdist share the folder: one computes, the other waits.
        with template.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if template.exists():
                for folder in ("landing", "lake"):
                    shutil.rmtree(self.root / folder, ignore_errors=True)
                    shutil.copytree(template / folder, self.root / folder)
                return
            self.ingest()
            self.refresh()
            # A reader creates tables that don't exist yet: then this lake would be another for the next sync.
            for table in TABLES:
                self.lake.ensure(table)
            for folder in ("landing", "lake"):
                shutil.copytree(self.root / folder, template.with_suffix(".part") / folder)
            template.with_suffix(".part").rename(template)

    def _state(self) -> str:
        """Hash of all that a sync depends on: names and content of files, and the settings of rows."""
        state = hashlib.sha256(
            json.dumps(
                [sorted(self.metrics), *[lineage.row_settings(table, self.settings) for table in TABLES]]
            ).encode()
        )
        for folder in ("landing", "lake"):
            for path in sorted(path for path in (self.root / folder).rglob("*") if path.is_file()):
                state.update(str(path.relative_to(self.root)).encode() + path.read_bytes())
        return state.hexdigest()

    def compute(self, table: str, keys: Sequence[str]) -> DataFrame:
        """What the table's asset computes."""
        return self.frames.compute(table, keys)

    def rows(self, table: str, *columns: str) -> list[dict[str, Any]]:
        """The table's rows in order of their primary key."""
        rows = self.lake.read(table).to_pylist()
        keys = TABLES[table].primary_key
        rows.sort(key=lambda row: [(row[key] is None, row[key]) for key in keys])
        return [{name: row[name] for name in columns} for row in rows] if columns else rows

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table, less what may depend on when it was written."""
        return {
            table: [{name: value for name, value in row.items() if name not in TIMELESS} for row in self.rows(table)]
            for table in ("raw_files", "raw_plays", *lineage.refreshed_tables())
        }


@pytest.fixture
def world(tmp_path: Path, spark: SparkSession, request: pytest.FixtureRequest) -> World:
    """A world whose syncs compute the metrics that a mark `metrics` names: all of them if it names none."""
    marks = list(request.node.iter_markers("metrics"))
    named = {name for mark in marks for name in mark.args}
    is_all = any(not mark.args for mark in marks)
    return World(tmp_path, spark, metrics=METRICS if is_all else with_upstreams(named))


@pytest.fixture
def frame(spark: SparkSession) -> Any:
    """Literal rows of a table as a DataFrame; columns that are left out are null."""

    def make(table: str, rows: Iterable[Mapping[str, Any]]) -> DataFrame:
        import pyarrow as pa

        known = pa.Table.from_pylist([dict(row) for row in rows], TABLES[table].arrow_schema)
        # Without a row, PySpark wants a schema of its own.
        types = ", ".join(f"`{name}` {type_}" for name, type_ in TABLES[table].spark_types.items())
        return spark.createDataFrame(known) if len(known) else spark.createDataFrame([], types)

    return make


@pytest.fixture(scope="session")
def _dimensions() -> dict[tuple[str, str], Rows]:
    """Rows of dimensions by table and inputs: most tests of a file have the same plays."""
    return {}


@pytest.fixture
def computed(frame: Any, spark: SparkSession, _dimensions: dict[tuple[str, str], Rows]) -> Any:
    """What a table's transform gives for some of its inputs.

    Of those that are left out, dimensions are computed from the given ones (once for the same inputs), and other
    tables are empty.
    """

    def collected(table: str, rows: DataFrame) -> Rows:
        return [row.asDict() for row in rows.select(*TABLES[table].columns).collect()]

    def dimension(table: str, inputs: Mapping[str, Rows]) -> Rows:
        key = (table, repr(sorted(inputs.items())))
        if key not in _dimensions:
            _dimensions[key] = collected(table, from_rows(table, inputs, {}))
        return _dimensions[key]

    def compute(table: str, **inputs: Any) -> DataFrame:
        # A transform that refers to an input several times computes it each time, unless it is collected before.
        rows = {name: collected(name, given) for name, given in inputs.items() if name in TABLES}
        return from_rows(table, rows, {name: value for name, value in inputs.items() if name not in TABLES})

    def from_rows(table: str, inputs: Mapping[str, Rows], options: dict[str, Any]) -> DataFrame:
        if lineage.takes(table, "settings"):
            options.setdefault("settings", load_settings())
        if lineage.takes(table, "spark"):
            options["spark"] = spark
        known = dict(inputs)
        for name in lineage.upstreams(table):
            if name not in known:
                known[name] = dimension(name, inputs) if TABLES[name].layer == "dimensions" else []
        frames = [frame(name, known[name]) for name in lineage.upstreams(table)]
        rows = getattr(transforms, table)(*frames, **options)
        return select_model_columns(TABLES[table], rows)

    return compute


@pytest.fixture(scope="session")
def _templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of pytest-xdist share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "templates"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def prepared(world: World, _templates: Path) -> Callable[..., World]:
    """A world in which these files of history are synced; this and its further syncs are computed once for all tests.

    `land` lands further files before. A test that replaces code of the product calls `ingest` and `refresh` instead of
    `sync`.
    """

    def prepare(files: Mapping[str, Any], land: Callable[[World], None] = lambda world: None) -> World:
        world.templates = _templates
        for path, content in files.items():
            world.land(path, content)
        land(world)
        world.sync()
        return world

    return prepare


SYNCED = {"anna/a.json": [extended("2024-01-31T13:37:00Z")], "anna/b.json": [extended("2024-03-31T13:37:00Z")]}


@pytest.fixture
def synced(prepared: Any) -> World:
    """A world in which a play of January and one of March 2024 are synced."""
    return prepared(SYNCED)
