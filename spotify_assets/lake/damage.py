"""Damaged Delta tables: what is found without reading data, by reading every file, and how errors name the table.

A table is damaged if its log can't be read, or if a data file that the log names is missing or has another size than
the log says. Network failures and refused permissions are no damage.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

# What `deltalake` says of logs with missing, cut or garbled entries and checkpoints. Its other errors may be passing
# (network), or leave the table readable by others (features of a later protocol).
LOG_DAMAGE = {
    "Invalid JSON": "an entry of its log is cut off or garbled",
    "Json error": "an entry of its log is cut off or garbled",
    "found gap": "an entry of its log is missing",
    "Gap between": "an entry of its log is missing",
    "CRC file version": "the last entry of its log is missing",
    "No table metadata or protocol": "an entry of its log is missing",
    "No protocol found": "an entry of its log is missing",
    "No metadata found": "an entry of its log is missing",
    "Parquet error": "a checkpoint of its log is cut off or garbled",
    "Invalid Checkpoint": "a checkpoint of its log is missing",
    "Invalid table location": "a file is in the place of its folder",
    "os error 20": "a file is in the place of its log",
}
OLDER_THAN_CACHED = "older than the existing snapshot"


class DamagedTableError(Exception):
    """A table of the lake is damaged. The message names the table, the damage and the command that mends it.

    Attributes:
        table: Name of the table.
        reason: What is damaged.
        is_repaired_by_sync: Whether a sync makes the table again by itself; if not, `spotify-assets repair` does.
        is_readable: Whether nothing of it is lost: it has rows that it should not have.
    """

    def __init__(
        self, table: str, reason: str, *, is_repaired_by_sync: bool = True, is_readable: bool = False
    ) -> None:
        self.table = table
        self.reason = reason
        self.is_repaired_by_sync = is_repaired_by_sync
        self.is_readable = is_readable
        command = "sync" if is_repaired_by_sync else f"repair {table}"
        super().__init__(f"{table} is damaged: {reason}; spotify-assets {command} makes it again")


@contextmanager
def translate_log_errors(table: str) -> Iterator[None]:
    """Translate errors of `deltalake` about a table's log into DamagedTableError.

    A missing table and a lost commit race are passed on, and so are errors of the file system and the network.
    """
    try:
        yield
    except (TableNotFoundError, CommitFailedError):
        raise
    except (DeltaError, OSError) as error:
        text = str(error)
        for part, reason in LOG_DAMAGE.items():
            if part in text:
                raise DamagedTableError(table, reason) from error
        if isinstance(error, OSError):
            raise
        reason = f"it can't be opened ({text.strip().splitlines()[0]})"
        raise DamagedTableError(table, reason, is_repaired_by_sync=False) from error


def find_damaged_file(delta: DeltaTable, folder: str, sizes: Mapping[str, int]) -> str | None:
    """Describe the first file of the table that is missing or has another size than the log says; None if none is.

    Args:
        delta: The table.
        folder: Its folder, relative to the lake.
        sizes: Size of each file in the lake (bytes), by path relative to the lake; listed after the table was opened.
    """
    entry = f"{folder}/_delta_log/{delta.version():020}.json"
    # File systems leave empty files after a power failure. `deltalake` takes an empty entry for an empty commit.
    if sizes.get(entry) == 0:
        return f"the last entry of its log ({delta.version()}) is empty"
    if (missing := missing_entry(f"{folder}/_delta_log/", delta.version(), sizes)) is not None:
        return f"entry {missing} of its log is missing"
    actions = delta.get_add_actions()
    for encoded, expected in zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True):
        path = unquote(encoded)
        found = sizes.get(f"{folder}/{path}")
        if "://" in encoded or found == expected:
            continue
        return f"its file {path} " + ("is missing" if found is None else f"has {found:,} of {expected:,} bytes")
    return None


def missing_entry(log: str, version: int, sizes: Mapping[str, int]) -> int | None:
    """The latest version without an entry that no checkpoint makes up for; None where there is none.

    `deltalake` opens some tables whose first entry is gone, and engines refuse them.
    """
    missing = version
    while f"{log}{missing:020}.json" in sizes:
        missing -= 1
    if missing < 0:
        return None
    checkpoints = (path.removeprefix(log)[:20] for path in sizes if path.startswith(log) and ".checkpoint." in path)
    return None if any(int(at) >= missing for at in checkpoints if at.isdigit()) else missing


def find_unreadable_file(delta: DeltaTable) -> str | None:
    """Describe the first file that can't be read, or has another number of rows than the log says; None if none is.

    It reads every column of every file.

    Raises:
        OSError: where the lake can't be reached.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    actions = delta.get_add_actions()
    expected = {
        unquote(path): rows
        for path, rows in zip(actions["path"].to_pylist(), actions["num_records"].to_pylist(), strict=True)
    }
    dataset = delta.to_pyarrow_dataset()
    assert isinstance(dataset, ds.FileSystemDataset)
    for fragment in dataset.get_fragments():
        path = unquote(fragment.path)
        try:
            rows = sum(batch.num_rows for batch in fragment.to_batches(schema=dataset.schema))
        except FileNotFoundError:
            return f"its file {path} is missing"
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            return f"its file {path} can't be read"
        if expected.get(path) not in (None, rows):
            return f"its file {path} has {rows:,} of {expected[path]:,} rows"
    return None
