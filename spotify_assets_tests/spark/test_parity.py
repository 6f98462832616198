"""The whole job on the cluster and on the embedded engine: the same tables, row for row and type for type."""

import shutil
from pathlib import Path

import pytest

from spotify_assets.engine.session import spark_session
from spotify_assets.landing.zone import LandingZone
from spotify_assets.model import TABLES
from spotify_assets.refresh.staleness import stale
from spotify_assets.sandbox.spark_cluster import SparkCluster
from spotify_assets.storage import storage_at
from spotify_assets_tests.conftest import World
from spotify_assets_tests.spark.lakes import SETTINGS, Place, assert_same_tables, on_disk
from spotify_assets_tests.spark.landing_zone import (
    COARSE,
    FINE,
    land_catalogue_and_library,
    land_everything,
    land_one_more_day,
    land_one_more_month,
)

UP_TO_DATE = "Everything is up to date."
# Partitioned and whole, from a raw table and from another of these.
IN_BUCKET = ("plays", "hourly_listening", "dim_listener")


# Tables of what `land_catalogue_and_library` lands: until then no track that is heard has a known release.
LANDED_LATER = {
    *("raw_library", "raw_genre_overrides", "era_activity"),
    *(name for name in TABLES if "catalog_" in name),
}


class Pair:
    """One landing zone, and what each engine said when it last synced it into a lake of its own."""

    def __init__(self, root: Path, cluster: SparkCluster) -> None:
        self.embedded, self.spark = on_disk(root / "embedded"), on_disk(root / "spark")
        self.cluster = cluster

    @property
    def places(self) -> tuple[Place, Place]:
        return self.embedded, self.spark

    def sync(self, remote: str) -> list[list[str]]:
        """Sync the embedded engine's lake there, and the other where `remote` says."""
        return [self.embedded.sync(), self.spark.sync(remote)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, cluster: SparkCluster) -> Pair:
    pair = Pair(tmp_path_factory.mktemp("parity"), cluster)
    land_everything(LandingZone(f"{pair.embedded.uri}/landing"))
    shutil.copytree(f"{pair.embedded.uri}/landing", f"{pair.spark.uri}/landing")
    return pair


def stale_tables(world: World) -> set[str]:
    found = stale(world.lake, world.settings)
    return {*found.windows, *found.whole}


# The tests follow each other: what one leaves is where the next begins.


@pytest.mark.slow
def test_the_whole_job(pair):
    told = pair.sync(pair.cluster.remote)
    assert told[0] == told[1]
    assert_same_tables(*(place.lake for place in pair.places))
    assert {name for name in TABLES if not pair.spark.lake.read(name).num_rows} == LANDED_LATER


@pytest.mark.slow
def test_the_embedded_engine_goes_on_where_the_cluster_was(pair):
    """It sees nothing stale, and brings both lakes up to date with another day of a playlist, and plays deleted."""
    assert UP_TO_DATE in pair.spark.sync()
    for place in pair.places:
        land_one_more_day(LandingZone(f"{place.uri}/landing"))
        Path(place.uri, "landing", COARSE).unlink()
    told = pair.sync(remote="")
    assert told[0] == told[1]
    assert_same_tables(*(place.lake for place in pair.places))


@pytest.mark.slow
def test_catalogue_files_and_a_library(pair):
    for place in pair.places:
        land_catalogue_and_library(LandingZone(f"{place.uri}/landing"))
    told = pair.sync(pair.cluster.remote)
    assert told[0] == told[1]
    assert_same_tables(*(place.lake for place in pair.places))
    assert [name for name in TABLES if not pair.spark.lake.read(name).num_rows] == []


@pytest.mark.slow
def test_the_cluster_goes_on_in_a_bucket_where_the_embedded_engine_was(
    pair, cluster, s3_bucket, tmp_path, monkeypatch, request
):
    """With one more month of plays, and a deleted file. Some tables: the first test covers them all."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    for file in storage_at(f"{pair.embedded.uri}/landing").files():
        landed = storage_at(f"{pair.embedded.uri}/landing").open(file.path).read()
        storage_at(f"{s3_bucket}/landing").write(file.path, landed)
    before = World(tmp_path, spark_session(), uri=s3_bucket)
    before.ingest()
    before.refresh(*IN_BUCKET)
    session = spark_session(cluster.remote)
    # Once the cluster is gone, ending the process would wait ten minutes for it.
    request.addfinalizer(session.stop)
    there = World(tmp_path, session, {"spark_remote": cluster.remote}, s3_bucket)
    assert not stale_tables(there) & {*IN_BUCKET}
    for landing in (LandingZone(f"{pair.embedded.uri}/landing"), there.landing):
        land_one_more_month(landing)
        storage_at(landing.uri).remove([FINE])
    pair.embedded.sync()
    there.ingest()
    assert stale_tables(there) >= {*IN_BUCKET}
    there.refresh(*IN_BUCKET)
    assert not stale_tables(there) & {*IN_BUCKET}
    assert_same_tables(pair.embedded.lake, there.lake, IN_BUCKET)
