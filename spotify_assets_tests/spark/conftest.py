"""One cluster for all tests of Apache Spark: `make test-spark`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from spotify_assets.engine.apache_spark import SparkError, jars_folder, require_java
from spotify_assets.sandbox.spark_cluster import SparkCluster
from spotify_assets.storage import spark_settings
from spotify_assets_tests.conftest import use_s3


@pytest.fixture(scope="session", autouse=True)
def _java() -> None:
    """One line, rather than an error for each test, where there is no Java."""
    try:
        require_java()
        jars_folder()
    except SparkError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, moto: str) -> Iterator[SparkCluster]:
    """A cluster that reaches folders, and the server of S3, to which the environment leads, too."""
    with pytest.MonkeyPatch.context() as environment:
        uri = use_s3(moto, environment)
        with SparkCluster(tmp_path_factory.mktemp("logs"), extra=spark_settings(uri)) as started:
            yield started


@pytest.fixture
def s3_bucket(moto: str, cluster: SparkCluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """URI of an empty bucket that the cluster reaches."""
    return use_s3(moto, monkeypatch)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, of this process and of those that it starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
