"""Errors for landed files that hold no usable plays."""

import errno


class UnreadableError(Exception):
    """A data file that can't be read. The message is the reason and never quotes the file's content."""


class NoHistoryError(Exception):
    """A readable file without listening history. The message describes what the file is."""


def is_passing(error: BaseException) -> bool:
    """Whether a file could not be read now for a reason outside of it: disk, network, permissions, memory.

    Parsers, too, raise OSError where the content is wrong: Arrow and gzip without a number, zipfile EINVAL where it
    seeks to before the start.
    """
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError) and bool(error.errno) and error.errno != errno.EINVAL
    )
