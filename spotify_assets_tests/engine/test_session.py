import os
import subprocess
import sys

import pytest

from spotify_assets.defs.resources.spark import SparkResource
from spotify_assets.engine.session import embedded_remote, spark_session
from spotify_assets.settings import load_settings

TIMEOUT = "SAIL_SPARK__SESSION_TIMEOUT_SECS"


def test_the_embedded_engine_is_started_once(spark):
    assert embedded_remote() == embedded_remote()
    resource = SparkResource(settings=load_settings())
    assert resource.session is spark
    assert resource.spark_session is spark


def test_each_engine_has_a_session_of_its_own(spark):
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer()
    server.start()
    try:
        other = spark_session(f"sc://localhost:{server.listening_address[1]}")
        other.range(3).createOrReplaceTempView("of_the_other")
        assert other is not spark
        assert other.table("of_the_other").count() == 3
        assert not spark.catalog.tableExists("of_the_other")
        assert spark_session() is spark
        other.stop()
        again = spark_session(f"sc://localhost:{server.listening_address[1]}")
        assert again.range(3).count() == 3
        again.stop()
    finally:
        server.stop()


@pytest.mark.parametrize(("seconds", "answers"), [("1", False), ("", True)])
def test_a_session_outlives_a_pause(seconds, answers):
    """Sail would end it after 15 minutes; with a second, one sees that the variable is what decides."""
    program = f"""
import os, time
from spotify_assets.engine.session import SESSION_SECONDS, spark_session
session = spark_session()
assert int(os.environ["{TIMEOUT}"]) == {seconds or "SESSION_SECONDS"} > 0
time.sleep(3)
session.range(1).count()
"""
    environment = {name: value for name, value in os.environ.items() if name != TIMEOUT}
    if seconds:
        environment[TIMEOUT] = seconds
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is answers, done.stderr
    assert ("is not running" in done.stderr) is not answers


def test_times_are_utc_wherever_it_runs(spark):
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # What transforms rely on, and what other engines have been seen to do otherwise.
        ("xxhash64('Spark', array(123), 2)", 5602566077635097486),  # the example of Spark's own documentation
        ("xxhash64('a', NULL, 'b') = xxhash64('a', 'b')", True),
        ("try_cast('60000.0' AS bigint)", None),
        ("btrim('\u00a0\tx ', '\u00a0\t ')", "x"),
        ("dayofweek(DATE '2024-02-04')", 1),
        ("min(struct(2, 'a')) < min(struct(10, 'a'))", True),
        ("concat_ws('', 'a', NULL, 'b')", "ab"),
    ],
)
def test_what_transforms_rely_on(spark, expression, expected):
    assert spark.sql(f"SELECT {expression}").collect()[0][0] == expected
