"""Each transform on Apache Spark and on the embedded engine, from the same inputs: the same rows and types.

The whole job (`test_parity`) also compares what is written, but there an early difference shows in all that follows.
"""

import pytest

from spotify_assets.engine.session import spark_session
from spotify_assets.model import TABLES
from spotify_assets.refresh import lineage
from spotify_assets.refresh.frames import select_model_columns
from spotify_assets.settings import PREFIX
from spotify_assets.windows import windows_of
from spotify_assets_tests.conftest import World
from spotify_assets_tests.spark.lakes import SETTINGS, differences
from spotify_assets_tests.spark.landing_zone import land_catalogue_and_library, land_everything

OPTIONS = {name.removeprefix(PREFIX).lower(): value for name, value in SETTINGS.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A lake that the embedded engine computed."""
    world = World(tmp_path_factory.mktemp("transforms"), spark_session(), OPTIONS)
    land_everything(world.landing)
    land_catalogue_and_library(world.landing)
    world.sync()
    return world


@pytest.fixture(scope="module")
def on_spark(world: World) -> World:
    """The same lake, read by Apache Spark, which plans for few rows."""
    session = spark_session("local[2]")
    session.conf.set("spark.sql.shuffle.partitions", "2")
    return World(world.root, session, OPTIONS | {"spark_remote": "local[2]"})


@pytest.mark.slow
@pytest.mark.parametrize("table", lineage.computed_tables())
def test_a_transform_gives_the_same_rows(world, on_spark, table):
    model = TABLES[table]
    keys = list(windows_of(model, world.settings)) if model.is_partitioned else []
    computed = select_model_columns(model, on_spark.compute(table, keys)).toArrow()
    written = world.lake.read(table)
    assert written.num_rows
    assert not differences(table, written, computed.cast(written.schema))
