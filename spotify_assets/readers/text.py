"""Lines of a text file, as Arrow arrays in bounded memory."""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.readers.errors import UnreadableError

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 64 << 20
BOM = "\ufeff"
# What a UTF-8 byte order mark becomes when a program takes it for Latin-1 and saves the file as UTF-8 again.
MANGLED_BOM = "ï»¿"


def decoded(block: bytes, offset: int = 0) -> str:
    """UTF-8 text.

    Raises:
        UnreadableError: naming the first byte that is no UTF-8.
    """
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError as error:
        at = offset + error.start
        raise UnreadableError(
            f"it is no UTF-8 text: byte 0x{block[error.start]:02x} at position {at:,}; save it as UTF-8"
        ) from None


def without_bom(text: str) -> str:
    """The text less the byte order mark that may open it, whole or mangled."""
    return text.removeprefix(BOM).removeprefix(MANGLED_BOM)


def blocks_of_lines(stream: BinaryIO) -> Iterator[pa.Array]:
    """All lines, empty ones left out, some megabytes at a time.

    Raises:
        UnreadableError: where it is no UTF-8, or a line is larger than 64 MB.
    """
    rest, offset = b"", 0
    while block := stream.read(BLOCK_BYTES):
        whole, newline, tail = (rest + block).rpartition(b"\n")
        if not newline:
            rest = rest + block
            if len(rest) > MAX_LINE_BYTES:
                raise UnreadableError(f"a line is longer than {MAX_LINE_BYTES >> 20} MB")
            continue
        yield _lines(whole, offset)
        offset += len(whole) + 1
        rest = tail
    if rest:
        yield _lines(rest, offset)


def _lines(block: bytes, offset: int) -> pa.Array:
    text = decoded(block, offset)
    if offset == 0:
        text = without_bom(text)
    lines = pc.split_pattern(pa.array([text], pa.string()), "\n").flatten()
    lines = pc.utf8_rtrim(lines, "\r")
    return lines.filter(pc.not_equal(pc.utf8_length(pc.utf8_trim_whitespace(lines)), 0))
