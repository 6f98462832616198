"""Apache Spark, as far as it can be tested without Java: its jars go with PySpark, and errors say what to do."""

import re
import socket
from pathlib import Path
from xml.etree import ElementTree

import pyspark
import pytest

from spotify_assets.engine import apache_spark
from spotify_assets.engine import session as spark
from spotify_assets.engine.session import spark_session

POM = Path(__file__).parents[2] / "infra/spark/pom.xml"
BUNDLED = Path(pyspark.__path__[0]) / "jars"
MAVEN = {"": "http://maven.apache.org/POM/4.0.0"}


@pytest.fixture(scope="module")
def pom():
    return ElementTree.parse(POM)


def bundled(artefact):
    """The version of a jar in PySpark's package."""
    [version] = {
        found[1] for jar in BUNDLED.iterdir() if (found := re.fullmatch(rf"{artefact}-(\d.*)\.jar", jar.name))
    }
    return version


def test_delta_is_for_this_spark_and_this_scala(pom):
    artefacts = [element.text for element in pom.iterfind(".//dependency/artifactId", MAVEN)]
    scala = ".".join(bundled("scala-library").split(".")[:2])
    assert [name for name in artefacts if name.startswith("delta-")] == [
        f"delta-spark_{apache_spark.spark_version()}_{scala}"
    ]


def test_s3a_is_of_this_hadoop(pom):
    assert pom.findtext("./properties/hadoop.version", namespaces=MAVEN) == bundled("hadoop-client-api")


@pytest.mark.parametrize("told", ["", 'openjdk version "11.0.22" 2024-01-16', 'java version "1.8.0_401"'])
def test_without_a_java_that_spark_runs_on_it_says_what_to_install(tmp_path, monkeypatch, told):
    if told:
        java = tmp_path / "bin/java"
        java.parent.mkdir()
        java.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
        java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(apache_spark.SparkError, match=r"needs Java 17 or newer, and .*: install it"):
        apache_spark.require_java()


def test_without_jars_it_says_how_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(apache_spark, "JARS", Path("nowhere"))
    with pytest.raises(apache_spark.SparkError, match="are not in nowhere: run make spark-jars"):
        apache_spark.jars_folder()
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "nowhere/delta-spark_3.5_2.13-3.3.0.jar").touch()
    with pytest.raises(apache_spark.SparkError, match=rf"for Spark {apache_spark.spark_version()}"):
        apache_spark.jars_folder()


def test_settings_are_written_as_java_reads_them(tmp_path):
    written = {"a": "C:\\jars", "b": "two\nlines", "c": "x=y"}
    apache_spark._write_properties(tmp_path / "spark.properties", written)
    assert (tmp_path / "spark.properties").read_text() == "a=C:\\\\jars\nb=two\\nlines\nc=x=y\n"
    assert (tmp_path / "spark.properties").stat().st_mode & 0o077 == 0


def test_where_nobody_answers_it_says_so_soon_and_tells_no_token(monkeypatch):
    monkeypatch.setattr(spark, "REACH_SECONDS", 0.5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(apache_spark.SparkError) as raised:
            spark_session(f"sc://{address}/;token=a-secret")
    assert str(raised.value) == (f"SPOTIFY_ASSETS_SPARK_REMOTE: no Spark Connect server answers at sc://{address}")
