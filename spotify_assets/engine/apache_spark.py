"""Apache Spark from PySpark's own package: what the project needs of it, and its processes on this machine."""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

# What Apache Spark must be told before it starts, wherever it runs.
SERVER_SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Hadoop's name for S3 is s3a://, everybody else's s3://.
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
}

# What servers that we start on this machine are told besides.
LOOPBACK_SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.grpc.binding.port": "0",
    # Tables are found by their paths. Hive would make a database of its own in the current folder.
    "spark.sql.catalogImplementation": "in-memory",
    # By default 200 and 50, which is for clusters: here each costs more than what is in it.
    "spark.sql.shuffle.partitions": "8",
    "spark.databricks.delta.snapshotPartitions": "2",
}
LOOPBACK = {"SPARK_LOCAL_IP": "127.0.0.1"}

OLDEST_JAVA = 17
JARS = Path("data/spark/jars")
START_SECONDS = 120
STOP_SECONDS = 20

# Runs a program that ends when standard input does, and so when whoever held its other end was killed; the folder is
# removed then. One that ended by itself leaves its folder, for its log.
LIFELINE = """
folder=$1; shift
exec 3<&0
(
    cat <&3 >/dev/null
    kill $$ || exit
    seconds=0
    while kill -0 $$ && [ $seconds -lt 30 ]; do sleep 1; seconds=$((seconds + 1)); done
    [ -z "$folder" ] || rm -rf "$folder"
) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""


class SparkError(Exception):
    """Apache Spark can't be had; the message says why, and what to do."""


def require_java() -> None:
    """Raises `SparkError` where there is no Java that Spark runs on."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    version = re.search(r'version "(\d+)', told)
    if version and int(version[1]) >= OLDEST_JAVA:
        return
    found = f"this is Java {version[1]}" if version else "there is none"
    where = f" (JAVA_HOME is {home})" if home else ""
    raise SparkError(
        f"Apache Spark needs Java {OLDEST_JAVA} or newer, and {found}{where}: install it, as by "
        "apt-get install openjdk-17-jre-headless"
    )


def spark_version() -> str:
    """Of Spark in PySpark's package, without its last part: 4.2."""
    import pyspark

    return pyspark.__version__.rpartition(".")[0]


def jars() -> Path:
    """The folder of the jars that `make spark-jars` brings: below the current one, or the project's.

    Raises:
        SparkError: where they are missing, or for another Spark.
    """
    for folder in (JARS.absolute(), Path(__file__).parents[2] / JARS):
        if any(folder.glob(f"delta-spark_{spark_version()}_*.jar")):
            return folder
    raise SparkError(f"Delta Lake's jars for Spark {spark_version()} are not in {JARS}: run make spark-jars")


class SparkProcess:
    """A program of Spark's, which ends when this process does, however it does.

    Args:
        name: Its own, and its log's.
        command: As `spark-class` takes it.
        logs: Folder of its log.
        work: Folder that it runs in.
        environment: More for its environment.
        leftover: A folder to remove once it has ended.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        logs: Path,
        work: Path,
        environment: Mapping[str, str],
        leftover: Path | None = None,
    ) -> None:
        import pyspark

        home = pyspark.__path__[0]
        inherited = {key: value for key, value in os.environ.items() if key not in ("SPARK_REMOTE", "MASTER")}
        self.name = name
        self.log = logs / f"{name.replace(' ', '_')}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", LIFELINE, "sh", str(leftover or ""), f"{home}/bin/spark-class", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=work,
                env=inherited | {"SPARK_HOME": home} | LOOPBACK | dict(environment),
                # Ctrl-C is for us, who stop them in their order.
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait_for(self, pattern: str) -> str:
        """What the pattern's group finds in the log, once it is there.

        Raises:
            SparkError: where the program ends before that, or takes too long.
        """
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            ended = self.has_ended
            if found := re.search(pattern, self.log.read_text(errors="replace")):
                return found[1]
            if ended:
                raise SparkError(
                    f"Apache Spark's {self.name} did not start, {self.log} says why: {self._last_words()}"
                )
            time.sleep(0.05)
        self._process.kill()
        self._process.wait()
        raise SparkError(f"Apache Spark's {self.name} did not start in {START_SECONDS} s, {self.log} may say why")

    def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        told = [line for line in lines if re.search("Exception|Error|ERROR", line)]
        return (told or lines or ["nothing"])[-1][:300]


def connect_server(
    master: str, logs: Path, work: Path, settings: Mapping[str, str], memory: str, leftover: Path | None = None
) -> tuple[SparkProcess, int]:
    """A Spark Connect server on loopback, and its port.

    Args:
        master: `local[*]`, or a cluster's `spark://host:port`.
        logs: Folder of its log.
        work: Folder that it runs in, and where its temporary files are.
        settings: Spark's, over those that it has anyway.
        memory: Of its Java: `2g`.
        leftover: A folder to remove once it has ended.

    Raises:
        SparkError: where the jars are missing, or it doesn't start.
    """
    classes = f"{jars()}/*"
    of_folders = {
        "spark.driver.extraClassPath": classes,
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={work}",
        "spark.executor.extraClassPath": classes,
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        "spark.local.dir": str(work),
    }
    properties = work / "spark.properties"
    _write_properties(properties, {**SERVER_SETTINGS, **LOOPBACK_SETTINGS, **of_folders, **settings})
    command = [
        "org.apache.spark.deploy.SparkSubmit",
        *("--master", master),
        *("--properties-file", str(properties)),
        # What ours says nothing of may be set in spark-defaults.conf.
        "--load-spark-defaults",
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        "spark-internal",
    ]
    server = SparkProcess("Connect server", command, logs, work, {"SPARK_DRIVER_MEMORY": memory}, leftover)
    try:
        return server, int(server.wait_for(r"Spark Connect server started at: \S+:(\d+)"))
    except BaseException:
        server.stop()
        raise
    finally:
        properties.unlink()


def local_server(master: str, extra: Mapping[str, str]) -> tuple[SparkProcess, str]:
    """Apache Spark in a Java of this machine, and its address for clients.

    Args:
        master: `local[*]`, or `local[2]` for two cores.
        extra: More settings of Spark's.

    Raises:
        SparkError: where Java or the jars are missing, or it doesn't start.
    """
    require_java()
    work = Path(tempfile.mkdtemp(prefix="spotify-assets-spark-"))
    # Without one, whoever is on this machine could connect, and do what we may do.
    token = secrets.token_urlsafe(32)
    settings = {"spark.ui.enabled": "false", "spark.connect.authenticate.token": token, **extra}
    # By default, half of this machine's.
    memory = os.environ.get("SPARK_DRIVER_MEMORY") or f"{psutil.virtual_memory().total // 2**21}m"
    server, port = connect_server(master, work, work, settings, memory, leftover=work)
    # PySpark sends a token without TLS to this name only.
    return server, f"sc://localhost:{port}/;token={token}"


def _write_properties(path: Path, settings: Mapping[str, str]) -> None:
    """Settings as a file of Java's, for nobody else to read: they may hold credentials."""
    path.touch(0o600)
    escaped = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})
    path.write_text("".join(f"{name}={value.translate(escaped)}\n" for name, value in settings.items()))
