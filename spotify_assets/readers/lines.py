"""Lines of text files as Arrow arrays, in bounded memory."""

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.readers.errors import UnreadableError
from spotify_assets.readers.text import Readable, decode_utf8, read_full, strip_bom

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 64 << 20


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


def _split_block(block: bytes, offset: int, end: bytes, decode: Callable[[bytes, int], str]) -> pa.Array:
    text = decode(block, offset)
    if offset == 0:
        text = strip_bom(text)
    lines = pc.split_pattern(pa.array([text], pa.string()), end.decode()).flatten()
    lines = pc.utf8_rtrim(lines, "\r")
    return lines.filter(pc.not_equal(pc.utf8_length(pc.utf8_trim_whitespace(lines)), 0))
