"""`local[*]`: Apache Spark in a Java of this machine, several at once, and what is left of them: nothing."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from spotify_assets.engine.apache_spark import SparkError, start_local_server
from spotify_assets.landing.zone import LandingZone
from spotify_assets_tests.conftest import extended
from spotify_assets_tests.spark.lakes import Place, assert_same_tables, on_disk
from spotify_assets_tests.spark.processes import left_in, wait_until_running

LOST = "metrics/listening_clock"
COUNT = """
import sys
from spotify_assets.engine.session import spark_session
spark_session(sys.argv[1]).range(7).count()
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A lake that is up to date."""
    place = on_disk(tmp_path_factory.mktemp("whole"))
    records = [extended(f"2024-01-{day:02}T13:37:00Z", track=f"Song {day % 3}") for day in range(1, 29)]
    LandingZone(f"{place.uri}/landing").land("history/anna/a.json", json.dumps(records).encode())
    place.sync()
    return place


@pytest.fixture
def broken(whole, tmp_path):
    """Its copy, which has lost a table."""
    shutil.copytree(whole.folder, tmp_path / "broken")
    shutil.rmtree(tmp_path / "broken/lake" / LOST)
    return on_disk(tmp_path / "broken")


def test_a_sync_and_nothing_is_left(whole, broken, temporary):
    broken.sync("local[*]")
    assert_same_tables(whole.lake, broken.lake)
    assert left_in(temporary) == ([], [])
    assert {path.name for path in broken.folder.iterdir()} == {path.name for path in whole.folder.iterdir()}


@pytest.mark.slow
def test_a_sync_that_is_killed_and_nothing_is_left(whole, broken, temporary):
    victim = broken.command("sync", remote="local[*]")
    wait_until_running(temporary, "SparkConnectServer")
    victim.kill()
    victim.communicate()
    assert left_in(temporary) == ([], [])
    broken.sync()
    assert_same_tables(whole.lake, broken.lake)


def test_two_at_once_and_each_lets_in_only_whom_it_knows(temporary):
    with ThreadPoolExecutor() as pool:
        servers = list(pool.map(start_local_server, ["local[1]"] * 2, [{}] * 2))
        (one, own), (other, others) = servers
        strangers = own.partition("token=")[0] + "token=" + others.partition("token=")[2]
        codes = pool.map(
            lambda address: subprocess.run([sys.executable, "-c", COUNT, address], check=False).returncode,
            [own, others, strangers],
        )
        assert list(codes) == [0, 0, 1]
        pool.map(lambda server: server.stop(), (one, other))
    assert left_in(temporary) == ([], [])


def test_one_that_does_not_start_says_why_and_keeps_its_log(temporary):
    with pytest.raises(SparkError, match=r"did not start, see .*\.log: .*no\.such\.Plugin") as raised:
        start_local_server(
            "local[1]", {"spark.plugins": "no.such.Plugin", "spark.hadoop.fs.s3a.secret.key": "a-secret"}
        )
    [folder] = temporary.iterdir()
    assert str(folder) in str(raised.value)
    assert [path.name for path in folder.rglob("*") if path.is_file() and b"a-secret" in path.read_bytes()] == []
