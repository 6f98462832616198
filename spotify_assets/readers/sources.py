"""The readable sources of a landed file: the file itself, or the members of a zip."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from spotify_assets.readers.errors import NoHistoryError, UnreadableError, is_passing
from spotify_assets.storage.base import Opener

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
# Real listening history compresses 15 to 1; deflate reaches 1,000 to 1.
BOMB_RATIO = 200
BOMB_BYTES = 64 << 20


@dataclass(frozen=True)
class Source:
    """A file or zip member: its path below the landing zone (`file.zip!member`), and how to open it.

    `open` is None and `error` is set for a source that can't be read or should be ignored.
    """

    name: str
    open: Opener | None
    error: NoHistoryError | UnreadableError | None = None


def is_system_file(name: str) -> bool:
    """Whether macOS or Windows created a file of that name (`.DS_Store`, `._*`, `Thumbs.db`)."""
    path = PurePosixPath(name)
    return (
        path.name.startswith("._")
        or path.name in {".DS_Store", "Thumbs.db", "desktop.ini"}
        or "__MACOSX" in path.parts
    )


@contextmanager
def sources(name: str, opener: Opener, max_unzipped_bytes: int) -> Iterator[Iterator[Source]]:
    """The sources of a landed file. Members of a zip are readable only inside the context.

    Args:
        name: Path below the landing zone.
        opener: Opens the file.
        max_unzipped_bytes: Largest sum of the members' sizes, in bytes; a larger zip gives one unreadable source.
    """
    if is_system_file(name):
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
        if error.__context__ and is_passing(error.__context__):
            raise error.__context__ from None
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
    if is_system_file(member.filename):
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
        # Parquet is read from its end. Seeking backwards in a zip member decompresses it again from its start.
        stream.seek(0)
        unpacked = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  (the caller closes what it opened)
        shutil.copyfileobj(stream, unpacked)
        unpacked.seek(0)
        return unpacked

    return Source(source, open_member)
