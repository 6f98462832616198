"""Lines of a UTF-8 file as Arrow arrays, in bounded memory."""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.readers.errors import UnreadableError

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 64 << 20
BOM = "\ufeff"
# A UTF-8 byte order mark that a program has read as Latin-1 and written as UTF-8.
MANGLED_BOM = "ï»¿"


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


def strip_bom(text: str) -> str:
    """The text without a leading byte order mark, intact or mangled."""
    return text.removeprefix(BOM).removeprefix(MANGLED_BOM)


def read_line_blocks(stream: BinaryIO) -> Iterator[pa.Array]:
    """All lines that are not blank, in arrays of about 8 MB.

    Raises:
        UnreadableError: The file is not UTF-8, or a line is longer than 64 MB.
    """
    rest, offset = b"", 0
    while block := stream.read(BLOCK_BYTES):
        whole, newline, tail = (rest + block).rpartition(b"\n")
        if not newline:
            rest = rest + block
            if len(rest) > MAX_LINE_BYTES:
                raise UnreadableError(f"a line is longer than {MAX_LINE_BYTES >> 20} MB")
            continue
        yield _split_block(whole, offset)
        offset += len(whole) + 1
        rest = tail
    if rest:
        yield _split_block(rest, offset)


def _split_block(block: bytes, offset: int) -> pa.Array:
    text = decode_utf8(block, offset)
    if offset == 0:
        text = strip_bom(text)
    lines = pc.split_pattern(pa.array([text], pa.string()), "\n").flatten()
    lines = pc.utf8_rtrim(lines, "\r")
    return lines.filter(pc.not_equal(pc.utf8_length(pc.utf8_trim_whitespace(lines)), 0))
