"""Whether a DuckDB file is shorter than it should be: DuckDB opens it all the same, and fails when it reads a block.

A file ends with its last block that is in use. Its header counts more: DuckDB writes it, and then cuts off free blocks
at the end. SQL tells how many blocks are free; which ones is in a list that the header points to, in the format of
DuckDB 1.5 (`single_file_block_manager.cpp`, `metadata_manager.cpp` of its source). Where that list has
not as many blocks as SQL tells, only a file that lacks more than these counts as cut off.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import duckdb

# The main header, and two database headers, of which the one with the higher iteration is valid; blocks follow.
DATABASE_HEADERS = (4096, 2 * 4096)
BLOCKS_START = 3 * 4096
CHECKSUM_BYTES = 8
# A block of metadata has so many parts, linked by pointers of 56 bits for the block and 8 for the part.
PARTS, BLOCK_BITS, NO_POINTER = 64, 56, 2**64 - 1


def is_cut_off(path: Path, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether blocks in use are missing at the end of a file.

    Args:
        path: The file.
        connection: Of the file, or of a copy of it.
    """
    [(block_bytes, blocks, free)] = connection.execute(
        "SELECT block_size, total_blocks, free_blocks FROM pragma_database_size()"
    ).fetchall()
    present = (path.stat().st_size - BLOCKS_START) // block_bytes
    if present >= blocks:
        return False
    with path.open("rb") as file:
        listed = free_blocks(file, block_bytes)
    if len(listed) != free:
        return bool(blocks - present > free)
    return not listed.issuperset(range(present, blocks))


def free_blocks(file: BinaryIO, block_bytes: int) -> frozenset[int]:
    """Numbers of the free blocks of a DuckDB file; none where the list can't be read."""
    part_bytes = (block_bytes - CHECKSUM_BYTES) // PARTS // 8 * 8
    try:
        headers = []
        for start in DATABASE_HEADERS:
            file.seek(start + CHECKSUM_BYTES)
            iteration, _, pointer = struct.unpack("<3Q", file.read(24))
            headers.append((iteration, pointer))
        _, pointer = max(headers)
        content = b""
        while pointer != NO_POINTER:
            block, part = pointer % (1 << BLOCK_BITS), pointer >> BLOCK_BITS
            file.seek(BLOCKS_START + block * block_bytes + CHECKSUM_BYTES + part * part_bytes)
            (pointer,) = struct.unpack("<Q", file.read(8))
            content += file.read(part_bytes - 8)
            (count,) = struct.unpack_from("<Q", content)
            if len(content) >= 8 * (count + 1):
                return frozenset(struct.unpack_from(f"<{count}q", content, 8))
    except (struct.error, OverflowError, OSError):
        pass  # of another format, or cut off within the list
    return frozenset()
