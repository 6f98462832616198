"""The sources of a landed file: itself, or the members of a zip."""

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from spotify_assets.readers.errors import NoHistoryError, UnreadableError

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
# Listening history shrinks to a fifteenth; deflate can do a thousandth.
BOMB_RATIO = 200
BOMB_BYTES = 64 << 20

Opener = Callable[[], BinaryIO]


@dataclass(frozen=True)
class Source:
    """Something to be read: its name below the landing zone, and how to open it.

    `error` is set where it can't be opened, or need not be.
    """

    name: str
    open: Opener | None
    error: NoHistoryError | UnreadableError | None = None


def is_dropping(name: str) -> bool:
    """Whether the name is of a file that macOS or Windows leaves behind."""
    path = PurePosixPath(name)
    return (
        path.name.startswith("._")
        or path.name in {".DS_Store", "Thumbs.db", "desktop.ini"}
        or "__MACOSX" in path.parts
    )


@contextmanager
def sources(name: str, opener: Opener, max_unzipped_bytes: int) -> Iterator[Iterator[Source]]:
    """The sources of a landed file; members of a zip can be read while the context is open."""
    if is_dropping(name):
        yield iter([Source(name, None, NoHistoryError("left behind by an operating system"))])
        return
    with opener() as stream:
        head = stream.read(4)
        stream.seek(0)
        if head in ZIP_MAGIC or name.lower().endswith(".zip"):
            yield _members(name, stream, max_unzipped_bytes)
            return
    yield iter([Source(name, opener)])


def _members(name: str, stream: BinaryIO, max_unzipped_bytes: int) -> Iterator[Source]:
    try:
        archive = zipfile.ZipFile(stream)
        members = [member for member in archive.infolist() if not member.is_dir()]
        _refuse_bomb(members, max_unzipped_bytes)
    except zipfile.BadZipFile as error:
        yield Source(name, None, UnreadableError(f"it is no whole zip ({error}); was the download cut off?"))
        return
    except (UnreadableError, NotImplementedError) as error:
        yield Source(name, None, UnreadableError(str(error)))
        return
    if not members:
        yield Source(name, None, NoHistoryError("an empty zip"))
    seen: set[str] = set()
    for member in members:
        source = f"{name}!{member.filename}"
        while source in seen:
            source += "*"  # a zip may hold two members of one name
        seen.add(source)
        yield _member(source, archive, member)


def _refuse_bomb(members: list[zipfile.ZipInfo], max_unzipped_bytes: int) -> None:
    unzipped = sum(member.file_size for member in members)
    zipped = sum(member.compress_size for member in members)
    if unzipped > max_unzipped_bytes or (unzipped > BOMB_BYTES and unzipped > BOMB_RATIO * max(zipped, 1)):
        raise UnreadableError(
            f"refused as a zip bomb: {zipped / 1e6:,.1f} MB that unpack to {unzipped / 1e6:,.0f} MB; "
            "if it is none, unpack it yourself and land what is in it"
        )


def _member(source: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Source:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if is_dropping(member.filename):
        return Source(source, None, NoHistoryError("left behind by an operating system"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        return Source(source, None, UnreadableError("refused: its path leads out of the zip"))
    if path.suffix.lower() == ".zip":
        return Source(source, None, UnreadableError("it is a zip in a zip; unpack the outer one"))
    if member.flag_bits & 1:
        return Source(source, None, UnreadableError("it is encrypted; unpack it yourself and land what is in it"))

    def open_member() -> BinaryIO:
        stream = cast(BinaryIO, archive.open(member))
        if stream.read(4) != b"PAR1":
            stream.seek(0)
            return stream
        # Parquet is read from its end, and going back in a zip means to unpack from the start again.
        stream.seek(0)
        unpacked = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  (the caller closes what it opened)
        shutil.copyfileobj(stream, unpacked)
        unpacked.seek(0)
        return unpacked

    return Source(source, open_member)
