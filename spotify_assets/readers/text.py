"""Text files as UTF-8, and their lines as Arrow arrays, in bounded memory."""

import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.readers.errors import UnreadableError

BLOCK_BYTES = 8 << 20
HEAD_BYTES = 4096
MAX_LINE_BYTES = 64 << 20
BOM = "\ufeff"
# A UTF-8 byte order mark that a program has read as Latin-1 and written as UTF-8.
MANGLED_BOM = "ï»¿"
# What no text begins with.
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
UTF16_BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Readable(Protocol):
    """What gives bytes: a file, or a `TextStream`."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end only."""


class TextStream:
    """A text file as UTF-8, whether it is that or UTF-16 with a byte order mark, without NUL bytes in front.

    Excel saves "Unicode text" as UTF-16; a disk that was full, or a program that was killed, leaves NUL bytes.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._head = b""
        self._encoding: str | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self.rewind()

    def rewind(self) -> None:
        """Go back to the start."""
        self._stream.seek(0)
        head = self._stream.read(HEAD_BYTES)
        while head and not head.strip(b"\0"):
            head = self._stream.read(HEAD_BYTES)
        self._encoding = UTF16_BOMS.get(head[:2])
        self._decoder = codecs.getincrementaldecoder(self._encoding)() if self._encoding else None
        self._head = head[2:] if self._encoding else head.lstrip(b"\0")

    def start(self) -> str:
        """The first characters of the file, without a byte order mark. Only before something is read."""
        return strip_bom(self._head.decode(self._encoding or "utf-8", "replace"))

    def read(self, size: int, /) -> bytes:
        """The next bytes as UTF-8, about as many as `size`; none at the end only.

        Raises:
            UnreadableError: The file has a byte order mark of UTF-16, and is not UTF-16.
        """
        while True:
            block = self._head + self._stream.read(max(size - len(self._head), 0))
            self._head = b""
            if self._decoder is None:
                return block
            try:
                text = self._decoder.decode(block, final=not block)
            except UnicodeDecodeError:
                raise UnreadableError("it is no whole UTF-16 text; save it as UTF-8") from None
            if text or not block:
                return text.encode()


def decode_utf8(block: bytes, offset: int = 0) -> str:
    """Decode UTF-8. `offset` is the block's position in its file, for the error message.

    Raises:
        UnreadableError: A byte is not UTF-8; the message has its value and position.
    """
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError as error:
        at = offset + error.start
        raise UnreadableError(
            f"it is no UTF-8 text: byte 0x{block[error.start]:02x} at position {at:,}; save it as UTF-8"
        ) from None


def decode_lines(block: bytes, offset: int = 0) -> str:
    """Decode lines: each as UTF-8, or as Latin-1 (as Windows has it) where it is none. `offset` isn't used."""
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError:
        return "\n".join(_decode_line(line) for line in block.split(b"\n"))


def _decode_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def require_text(text: TextStream) -> str:
    """The first characters of a text file, without white space before them. Only before something is read.

    Raises:
        UnreadableError: The file is empty, or no text.
    """
    start = text.start().lstrip()
    if not start:
        raise UnreadableError("it is empty")
    if "\0" in start.rstrip("\0") or CONTROLS.search(start[:16]):
        of_utf16 = "; if it is UTF-16, save it as UTF-8" if start[1::2].strip("\0") == "" else ""
        raise UnreadableError(f"it is no text, and no Parquet{of_utf16}")
    return start


def strip_bom(text: str) -> str:
    """The text without a leading byte order mark, intact or mangled."""
    return text.removeprefix(BOM).removeprefix(MANGLED_BOM)


def read_line_blocks(stream: Readable, decode: Callable[[bytes, int], str] = decode_utf8) -> Iterator[pa.Array]:
    """All lines that are not blank, in arrays of about 8 MB.

    Lines end with LF or CRLF, or with CR where the first block has no LF.

    Args:
        stream: The file.
        decode: Decodes whole lines, given their position in the file.

    Raises:
        UnreadableError: The file is not UTF-8, or a line is longer than 64 MB.
    """
    rest, offset, end = b"", 0, b""
    while True:
        block = read_full(stream, BLOCK_BYTES)
        end = end or (b"\r" if b"\r" in block and b"\n" not in block else b"\n")
        if len(block) < BLOCK_BYTES:
            if rest or block:
                yield _split_block(rest + block, offset, end, decode)
            return
        whole, found, tail = (rest + block).rpartition(end)
        if not found:
            rest = rest + block
            if len(rest) > MAX_LINE_BYTES:
                raise UnreadableError(f"a line is longer than {MAX_LINE_BYTES >> 20} MB")
            continue
        yield _split_block(whole, offset, end, decode)
        offset += len(whole) + 1
        rest = tail


def read_full(stream: Readable, size: int) -> bytes:
    """At least `size` bytes; fewer at the end only."""
    blocks: list[bytes] = []
    left = size
    while left > 0 and (block := stream.read(left)):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


def _split_block(block: bytes, offset: int, end: bytes, decode: Callable[[bytes, int], str]) -> pa.Array:
    text = decode(block, offset)
    if offset == 0:
        text = strip_bom(text)
    lines = pc.split_pattern(pa.array([text], pa.string()), end.decode()).flatten()
    lines = pc.utf8_rtrim(lines, "\r")
    return lines.filter(pc.not_equal(pc.utf8_length(pc.utf8_trim_whitespace(lines)), 0))
