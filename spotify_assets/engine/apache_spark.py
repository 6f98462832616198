"""Apache Spark from the PySpark package: required settings, jars, and its server processes on this machine."""

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

# Static settings, needed at the start of any Apache Spark server.
SERVER_SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Hadoop calls S3 s3a://. Lake paths are s3://.
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
}

# Further settings of the servers that are started here, on loopback.
LOOPBACK_SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.grpc.binding.port": "0",
    # Tables are addressed by path. Hive's catalogue would create a database in the current folder.
    "spark.sql.catalogImplementation": "in-memory",
    # The defaults, 200 and 50, are meant for clusters: here the overhead of a partition exceeds its work.
    "spark.sql.shuffle.partitions": "8",
    "spark.databricks.delta.snapshotPartitions": "2",
}
LOOPBACK = {"SPARK_LOCAL_IP": "127.0.0.1"}

OLDEST_JAVA = 17
JARS = Path("data/spark/jars")
START_SECONDS = 120
STOP_SECONDS = 20

# Runs a program that is stopped when standard input closes, and so also when the parent process is killed. The folder
# is deleted then; it is kept for its log if the program exits by itself.
EXIT_WITH_PARENT = """
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
    """Apache Spark is unavailable. The message states why, and what to do."""


def require_java() -> None:
    """Check that a Java that Spark supports is installed (`JAVA_HOME`, else `PATH`).

    Raises:
        SparkError: Java is missing, or older than `OLDEST_JAVA`.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    version = re.search(r'version "(\d+)', output)
    if version and int(version[1]) >= OLDEST_JAVA:
        return
    found = f"this is Java {version[1]}" if version else "none is installed"
    where = f" (JAVA_HOME is {home})" if home else ""
    raise SparkError(
        f"Apache Spark needs Java {OLDEST_JAVA} or newer, and {found}{where}: install it, for example with "
        "apt-get install openjdk-17-jre-headless"
    )


def spark_version() -> str:
    """Major and minor version of the Spark in the PySpark package, as `4.2`."""
    import pyspark

    return pyspark.__version__.rpartition(".")[0]


def jars_folder() -> Path:
    """Folder of Delta Lake's jars (`make spark-jars`), below the current folder or the project's.

    Raises:
        SparkError: The jars are missing, or are for another version of Spark.
    """
    for folder in (JARS.absolute(), Path(__file__).parents[2] / JARS):
        if any(folder.glob(f"delta-spark_{spark_version()}_*.jar")):
            return folder
    raise SparkError(f"Delta Lake's jars for Spark {spark_version()} are not in {JARS}: run make spark-jars")


class SparkProcess:
    """A Spark program in a child process, stopped when this process ends, even by SIGKILL.

    Args:
        name: Name for messages and for the log file.
        command: Arguments of `spark-class`.
        logs: Folder of the log file.
        work: Working directory.
        environment: Additional environment variables.
        temporary: Folder to delete once the program was stopped.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        logs: Path,
        work: Path,
        environment: Mapping[str, str],
        temporary: Path | None = None,
    ) -> None:
        import pyspark

        home = pyspark.__path__[0]
        inherited = {key: value for key, value in os.environ.items() if key not in ("SPARK_REMOTE", "MASTER")}
        self.name = name
        self.log = logs / f"{name.replace(' ', '_')}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", EXIT_WITH_PARENT, "sh", str(temporary or ""), f"{home}/bin/spark-class", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=work,
                env=inherited | {"SPARK_HOME": home} | LOOPBACK | dict(environment),
                # Ctrl-C must not reach the children: the parent stops them in order.
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        """Whether the program has exited."""
        return self._process.poll() is not None

    def wait_for(self, pattern: str) -> str:
        """Wait until the log matches a pattern, and return the pattern's first group.

        Raises:
            SparkError: The program exits first, or takes longer than `START_SECONDS`.
        """
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            ended = self.has_ended
            if found := re.search(pattern, self.log.read_text(errors="replace")):
                return found[1]
            if ended:
                raise SparkError(
                    f"Apache Spark's {self.name} did not start, see {self.log}: {self._last_error_line()}"
                )
            time.sleep(0.05)
        self._process.kill()
        self._process.wait()
        raise SparkError(f"Apache Spark's {self.name} did not start in {START_SECONDS} s, see {self.log}")

    def stop(self) -> None:
        """Stop the program and wait for its exit; it is killed after `STOP_SECONDS`."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _last_error_line(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if re.search("Exception|Error|ERROR", line)]
        return (errors or lines or ["it is empty"])[-1][:300]


def start_connect_server(
    master: str, logs: Path, work: Path, settings: Mapping[str, str], memory: str, temporary: Path | None = None
) -> tuple[SparkProcess, int]:
    """Start a Spark Connect server on a free port of loopback.

    Args:
        master: `local[*]`, or a cluster's `spark://host:port`.
        logs: Folder of its log file.
        work: Working directory, also for temporary files.
        settings: Spark settings; they override the defaults.
        memory: Heap of its Java, as `2g`.
        temporary: Folder to delete once the server was stopped.

    Returns:
        The server's process and its port.

    Raises:
        SparkError: The jars are missing, or the server doesn't start.
    """
    classes = f"{jars_folder()}/*"
    folder_settings = {
        "spark.driver.extraClassPath": classes,
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={work}",
        "spark.executor.extraClassPath": classes,
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        "spark.local.dir": str(work),
    }
    properties = work / "spark.properties"
    _write_properties(properties, {**SERVER_SETTINGS, **LOOPBACK_SETTINGS, **folder_settings, **settings})
    command = [
        "org.apache.spark.deploy.SparkSubmit",
        *("--master", master),
        *("--properties-file", str(properties)),
        # Users may set anything else in spark-defaults.conf.
        "--load-spark-defaults",
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        "spark-internal",
    ]
    server = SparkProcess("Connect server", command, logs, work, {"SPARK_DRIVER_MEMORY": memory}, temporary)
    try:
        return server, int(server.wait_for(r"Spark Connect server started at: \S+:(\d+)"))
    except BaseException:
        server.stop()
        raise
    finally:
        properties.unlink()


def start_local_server(master: str, extra: Mapping[str, str]) -> tuple[SparkProcess, str]:
    """Start Apache Spark on this machine, as a Spark Connect server that needs a token.

    Its Java has half of the machine's memory, or `SPARK_DRIVER_MEMORY`.

    Args:
        master: `local[*]`, or `local[2]` for two cores.
        extra: Additional Spark settings.

    Returns:
        The server's process and its `sc://` address, with the token.

    Raises:
        SparkError: Java or the jars are missing, or the server doesn't start.
    """
    require_java()
    work = Path(tempfile.mkdtemp(prefix="spotify-assets-spark-"))
    # Without a token, any user of this machine could connect and run code as this user.
    token = secrets.token_urlsafe(32)
    settings = {"spark.ui.enabled": "false", "spark.connect.authenticate.token": token, **extra}
    # Half of the machine's memory by default.
    memory = os.environ.get("SPARK_DRIVER_MEMORY") or f"{psutil.virtual_memory().total // 2**21}m"
    server, port = start_connect_server(master, work, work, settings, memory, temporary=work)
    # Without TLS, PySpark sends a token only to a host named localhost.
    return server, f"sc://localhost:{port}/;token={token}"


def _write_properties(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as a Java properties file that only its owner can read: they may hold credentials."""
    path.touch(0o600)
    escaped = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})
    path.write_text("".join(f"{name}={value.translate(escaped)}\n" for name, value in settings.items()))
