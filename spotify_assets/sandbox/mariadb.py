"""A temporary MariaDB server for tests and benchmarks, from the system's packages.

It listens on a free port of loopback, and its data is in a folder of its own, which is removed at the end.
"""

import getpass
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from spotify_assets.sandbox.ports import free_port, wait_for

SERVER = "mariadbd"
# Debian installs servers in folders that are not in a user's PATH.
FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin"


@dataclass(frozen=True)
class MariaDB:
    """A running server.

    Attributes:
        port: Port on loopback.
        socket: Unix socket, on which root needs no password.
    """

    port: int
    socket: Path

    def root(self, statement: str) -> None:
        """Execute a statement as root."""
        import pymysql

        connection = pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True, ssl_disabled=True)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def database(self, password: str = "a-pass:word/@") -> str:
        """Create a database and a user with all privileges on it alone; returns its URL for the project's settings."""
        from urllib.parse import quote

        name = f"music_{uuid4().hex[:8]}"
        self.root(f"CREATE DATABASE {name} CHARACTER SET latin1")
        self.root(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{password}'")
        self.root(f"GRANT ALL ON {name}.* TO {name}@'127.0.0.1'")
        return f"mysql://{name}:{quote(password, safe='')}@127.0.0.1:{self.port}/{name}"


@contextmanager
def running_mariadb(*options: str) -> Iterator[MariaDB]:
    """Context that runs a server, with additional command-line options.

    Raises:
        RuntimeError: MariaDB isn't installed, or doesn't start.
    """
    found = {name: shutil.which(name, path=FOLDERS) for name in (SERVER, "mariadb-install-db")}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise RuntimeError(
            f"{' and '.join(missing)} not found: apt-get install mariadb-server, or brew install mariadb"
        )
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder:
        data, socket, port = Path(folder, "data"), Path(folder, "socket"), free_port()
        user = getpass.getuser()
        subprocess.run(
            [str(found["mariadb-install-db"]), "--no-defaults", f"--user={user}", f"--datadir={data}",
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True,
        )  # fmt: skip
        process = subprocess.Popen(
            [str(found[SERVER]), "--no-defaults", f"--user={user}", f"--datadir={data}", f"--socket={socket}",
             f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder}/pid",
             *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(port, process)
            yield MariaDB(port, socket)
        finally:
            process.terminate()
            process.wait()
