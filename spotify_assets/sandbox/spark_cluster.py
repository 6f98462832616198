"""A standalone cluster of Apache Spark on loopback, for trying and testing: `make spark-cluster`."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType

from spotify_assets.engine.apache_spark import (
    SparkError,
    SparkProcess,
    jars_folder,
    require_java,
    start_connect_server,
)

WORKERS = 2
SERVER_MEMORY = "1g"
LOGS = Path("data/spark/logs")
# Without Java's second compiler, small jobs take a third of the time, and large jobs twice the time.
# With the first compiler alone Java reserves 48 MB for compiled code, which some 90 s of queries fill. It compiles
# nothing after that, and queries may fail with `NoSuchMethodException: linkToStatic`.
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
DAEMON = {
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_DAEMON_JAVA_OPTS": QUICK_JAVA,
    # The REST server would listen on a fixed port.
    "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
}


class SparkCluster:
    """Context manager that runs a master, workers of one core each, and a Spark Connect server.

        with SparkCluster(logs) as cluster:
            spark = spark_session(cluster.remote)

    Attributes:
        master: Address of the master: `spark://127.0.0.1:<port>`.
        settings: Spark settings of whatever runs on the cluster.
        remote: Address for clients: `sc://127.0.0.1:<port>`; empty without a Connect server.
        ui: Address of the Spark UI, with its REST API below `/api/v1`; empty without a Connect server.

    Args:
        logs: Folder of the log files.
        workers: Number of workers.
        extra: Additional Spark settings.
        has_server: Whether to run the Connect server, which takes all cores.
    """

    def __init__(
        self,
        logs: Path,
        workers: int = WORKERS,
        extra: Mapping[str, str] = MappingProxyType({}),
        *,
        has_server: bool = True,
    ) -> None:
        self.has_server = has_server
        self.master = ""
        self.settings: dict[str, str] = {}
        self.logs = logs.absolute()
        self.workers = workers
        self.extra = extra
        self.remote = ""
        self.ui = ""
        self._parts: list[SparkProcess] = []

    def __enter__(self) -> "SparkCluster":
        """Start all processes.

        Raises:
            SparkError: Java or the jars are missing, or a process doesn't start.
        """
        require_java()
        jars_folder()
        self.logs.mkdir(parents=True, exist_ok=True)
        with ExitStack() as started:
            started.callback(self._stop)
            self._start()
            started.pop_all()
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def wait(self) -> None:
        """Block until a process exits.

        Raises:
            SparkError: A process has exited.
        """
        while True:
            for part in self._parts:
                if part.has_ended:
                    raise SparkError(f"Apache Spark's {part.name} has ended, see {part.log}")
            time.sleep(0.5)

    def _start(self) -> None:
        work = Path(tempfile.mkdtemp(prefix="spotify-assets-spark-"))
        # The master is stopped last, and so deletes the folder.
        master = self._daemon("master", "master.Master", ["--port", "0"], work, temporary=work)
        self.master = master.wait_for(r"Starting Spark master at (spark://\S+)")
        workers = [
            self._daemon(
                f"worker {number}",
                "worker.Worker",
                ["--cores", "1", "--memory", "1g", "--work-dir", f"{work}/{number}", self.master],
                work,
            )
            for number in range(1, self.workers + 1)
        ]
        java_options = f"{QUICK_JAVA} -Djava.io.tmpdir={work}"
        self.settings = {
            "spark.ui.port": "0",
            "spark.cores.max": str(self.workers),
            "spark.executor.cores": "1",
            "spark.executor.memory": "1g",
            "spark.driver.extraJavaOptions": java_options,
            "spark.executor.extraJavaOptions": java_options,
            # Jobs start once all executors are registered.
            "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            **self.extra,
        }
        if self.has_server:
            server, port = start_connect_server(self.master, self.logs, work, self.settings, memory=SERVER_MEMORY)
            self._parts.append(server)
        for worker in workers:
            worker.wait_for("(Successfully registered with master)")
        if not self.has_server:
            return
        self.remote = f"sc://127.0.0.1:{port}"
        self.ui = "http://127.0.0.1:" + server.wait_for(r"'SparkUI' on port (\d+)")

    def _daemon(
        self, name: str, program: str, options: list[str], work: Path, temporary: Path | None = None
    ) -> SparkProcess:
        command = [f"org.apache.spark.deploy.{program}", "--host", "127.0.0.1", "--webui-port", "0", *options]
        part = SparkProcess(name, command, self.logs, work, DAEMON, temporary)
        self._parts.append(part)
        return part

    def _stop(self) -> None:
        """Stop all processes: the Connect server, then the workers, then the master."""
        while self._parts:
            self._parts.pop().stop()


def main() -> int:
    """Start a cluster; stop it on Ctrl-C, on SIGTERM, or when one of its processes exits."""
    parser = argparse.ArgumentParser(prog="make spark-cluster", description=main.__doc__)
    parser.add_argument("--logs", type=Path, default=LOGS, help="folder of the logs (default: %(default)s)")
    options = parser.parse_args()
    # Shells start background processes with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with SparkCluster(options.logs) as cluster:
            _print_line(f"SPOTIFY_ASSETS_SPARK_REMOTE={cluster.remote}")
            _print_line(f"Its jobs are shown at {cluster.ui}, its logs are in {options.logs}. Ctrl-C stops it.")
            cluster.wait()
    except SparkError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    except KeyboardInterrupt:
        _print_line("Stopped.")
    return 0


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
