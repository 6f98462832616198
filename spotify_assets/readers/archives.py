"""Members of zip and tar archives, and the content of gzip files, each in bounded memory."""

import gzip
import io
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple, cast

from spotify_assets.readers.errors import NoHistoryError, UnreadableError, is_passing
from spotify_assets.storage.base import Opener

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
GZIP_MAGIC = b"\x1f\x8b"
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
# Archives that are not read, by their first bytes.
OTHER_ARCHIVES = {b"7z\xbc\xaf\x27\x1c": "7-Zip", b"Rar!\x1a\x07": "RAR", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2"}
ARCHIVE_SUFFIXES = frozenset({".zip", ".gz", ".tgz", ".tar"})
# Real listening history compresses 15 to 1; deflate reaches 1,000 to 1.
BOMB_RATIO = 200
BOMB_BYTES = 64 << 20
MAX_MEMBERS = 100_000
# Longest text of a tar's header that is read: names and comments of a member.
MAX_HEADER_BYTES = 1 << 20
BLOCK_BYTES = 1 << 20


class Member(NamedTuple):
    """A member of an archive: its name, what opens it or why it isn't read, and its time of modification.

    The time is None where the archive has none. Zip knows no zones: it is taken as UTC.
    """

    name: str
    content: Opener | NoHistoryError | UnreadableError
    modified_at: datetime | None = None


def archive_members(name: str, stream: BinaryIO, max_unpacked_bytes: int) -> Iterator[Member] | None:
    """Members of a zip or tar, or the content of a gzip file; None for any other file.

    Args:
        name: File name, for the name of what is in a gzip file.
        stream: The file, at its start; members can be opened one at a time, while it is open.
        max_unpacked_bytes: Largest sum of the members' sizes, in bytes.

    Raises:
        UnreadableError: The archive is damaged, too large, or of a kind that isn't read.
        NoHistoryError: It is empty.
    """
    head = stream.read(TAR_MAGIC_AT + len(TAR_MAGIC))
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if head.startswith(ZIP_MAGIC) or name.lower().endswith(".zip"):
        return _zip_members(stream, max_unpacked_bytes)
    for magic, kind in OTHER_ARCHIVES.items():
        if head.startswith(magic):
            raise UnreadableError(f"it is a {kind} archive, which is not read; unpack it, and land what is in it")
    if head.startswith(GZIP_MAGIC):

        def unpack() -> _Unpacked:
            stream.seek(0)
            return _Unpacked(gzip.GzipFile(fileobj=stream), size, max_unpacked_bytes)

        head = unpack().read(TAR_MAGIC_AT + len(TAR_MAGIC))
        return _tar_members(unpack()) if _is_tar(head) else _gzip_content(name, head, unpack)
    return _tar_members(_Unpacked(stream, size, max_unpacked_bytes)) if _is_tar(head) else None


def _is_tar(head: bytes) -> bool:
    return head[TAR_MAGIC_AT:] == TAR_MAGIC


def _refusal(name: str) -> NoHistoryError | UnreadableError | None:
    """Why a member is not read, by its name; None if it is."""
    path = PurePosixPath(name.replace("\\", "/"))
    if is_system_file(name):
        return NoHistoryError("left behind by an operating system")
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        return UnreadableError("refused: its path leads out of the archive")
    if path.suffix.lower() in ARCHIVE_SUFFIXES:
        return UnreadableError("it is an archive in an archive; unpack the outer one")
    return None


def is_system_file(name: str) -> bool:
    """Whether macOS or Windows created a file of that name (`.DS_Store`, `._*`, `Thumbs.db`)."""
    path = PurePosixPath(name)
    return (
        path.name.startswith("._")
        or path.name in {".DS_Store", "Thumbs.db", "desktop.ini"}
        or "__MACOSX" in path.parts
    )


def _seekable(opener: Callable[[], BinaryIO]) -> Opener:
    """What opens a member so that Parquet can be read from it, as that is read from its end.

    Seeking backwards in a member unpacks it again from its start.
    """

    def open_member() -> BinaryIO:
        stream = opener()
        is_parquet = stream.read(4) == b"PAR1"
        stream.seek(0)
        if not is_parquet:
            return stream
        unpacked = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  (the caller closes what it opened)
        shutil.copyfileobj(stream, unpacked)
        unpacked.seek(0)
        return unpacked

    return open_member


def _zip_members(stream: BinaryIO, max_unpacked_bytes: int) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(stream)
    except zipfile.BadZipFile as error:
        if error.__context__ and is_passing(error.__context__):
            raise error.__context__ from None
        raise UnreadableError(f"it is no whole zip ({error}); was the download cut off?") from None
    except NotImplementedError as error:
        raise UnreadableError(str(error)) from None
    members = [member for member in archive.infolist() if not member.is_dir()]
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if unpacked > _largest(packed, max_unpacked_bytes):
        raise _bomb(packed, unpacked)
    if not members:
        raise NoHistoryError("an empty archive")

    def of(member: zipfile.ZipInfo) -> Opener | NoHistoryError | UnreadableError:
        if refusal := _refusal(member.filename):
            return refusal
        if member.flag_bits & 1:
            return UnreadableError("it is encrypted; unpack it yourself and land what is in it")
        return _seekable(lambda: cast(BinaryIO, archive.open(member)))

    return (Member(member.filename, of(member), _zip_time(member)) for member in members)


def _zip_time(member: zipfile.ZipInfo) -> datetime | None:
    with suppress(ValueError):  # a month 0, where a program wrote no time
        return datetime(*member.date_time, tzinfo=UTC)
    return None


def _largest(packed: int, max_unpacked_bytes: int) -> int:
    """Most bytes that an archive of `packed` bytes may unpack to."""
    return min(max_unpacked_bytes, max(BOMB_BYTES, BOMB_RATIO * packed))


def _bomb(packed: int, unpacked: int) -> UnreadableError:
    return UnreadableError(
        f"refused as a zip bomb: {packed / 1e6:,.1f} MB that unpack to {unpacked / 1e6:,.0f} MB or more; "
        "if it is none, unpack it yourself and land what is in it"
    )


class _Unpacked(io.BufferedIOBase):
    """The content of a gzip file, or a tar. Reading raises UnreadableError where it is damaged, or is too large.

    Attributes:
        most: Most bytes that one call may read; None for no limit.
    """

    def __init__(self, content: BinaryIO | gzip.GzipFile, packed: int, max_unpacked_bytes: int) -> None:
        self._content = content
        self._packed = packed
        self._largest = _largest(packed, max_unpacked_bytes)
        self.most: int | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._content.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        blocks: list[bytes] = []
        left = BOMB_BYTES if size is None or size < 0 else size
        if self.most is not None and left > self.most:
            raise UnreadableError("it is no tar that a program would write: a member's name is too long")
        while left and (block := self._read_block(min(left, BLOCK_BYTES))):
            blocks.append(block)
            left -= len(block)
        return b"".join(blocks)

    def _read_block(self, size: int) -> bytes:
        try:
            block = self._content.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnreadableError(f"it is no whole gzip file ({error}); was the download cut off?") from None
        if self._content.tell() > self._largest:
            raise _bomb(self._packed, self._largest)
        return block

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        target = offset + (self.tell() if whence == io.SEEK_CUR else 0)
        if target < self.tell():
            self._content.seek(0)
        while (missing := target - self.tell()) > 0 and self._read_block(min(missing, BLOCK_BYTES)):
            pass
        return self.tell()


def _gzip_content(name: str, head: bytes, unpack: Callable[[], _Unpacked]) -> Iterator[Member]:
    if head.startswith((*ZIP_MAGIC, GZIP_MAGIC)):
        raise UnreadableError("it is an archive in an archive; unpack the outer one")
    file = PurePosixPath(name).name
    inner = file[: -len(".gz")] if file.lower().endswith(".gz") else file
    return iter([Member(inner, _seekable(lambda: cast(BinaryIO, unpack())))])


def _tar_members(content: _Unpacked) -> Iterator[Member]:
    members: list[tarfile.TarInfo] = []
    content.most = MAX_HEADER_BYTES
    try:
        archive = tarfile.open(fileobj=content, mode="r:")  # noqa: SIM115  (members are read from it later)
        while member := archive.next():
            members.append(member)
            if len(members) > MAX_MEMBERS:
                raise UnreadableError(f"it has more than {MAX_MEMBERS:,} members")
    except tarfile.TarError as error:
        raise UnreadableError(f"it is no whole tar ({error}); was the download cut off?") from None
    finally:
        content.most = None
    files = [member for member in members if not member.isdir()]
    if not files:
        raise NoHistoryError("an empty archive")

    def of(member: tarfile.TarInfo) -> Opener | NoHistoryError | UnreadableError:
        if refusal := _refusal(member.name):
            return refusal
        if not member.isreg() or member.sparse is not None:
            return NoHistoryError("a link or a device, and no file")
        return _seekable(lambda: cast(BinaryIO, archive.extractfile(member)))

    return (Member(member.name, of(member), _tar_time(member)) for member in files)


def _tar_time(member: tarfile.TarInfo) -> datetime | None:
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(member.mtime, UTC)
    return None
