"""Text files as UTF-8, in bounded memory."""

import codecs
import re
from typing import BinaryIO, Protocol

from spotify_assets.readers.errors import UnreadableError

HEAD_BYTES = 4096
FIRST_BLOCK_BYTES = 1 << 20
# Of CSV.
DELIMITERS = (",", ";", "\t")
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


def read_full(stream: Readable, size: int) -> bytes:
    """At least `size` bytes; fewer at the end only."""
    blocks: list[bytes] = []
    left = size
    # A first block of its own: a read allocates what it is asked for, and most files are far smaller.
    while left > 0 and (block := stream.read(left if blocks else min(left, FIRST_BLOCK_BYTES))):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)
