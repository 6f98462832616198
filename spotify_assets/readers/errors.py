"""Errors for landed files that hold no usable plays."""


class UnreadableError(Exception):
    """A data file that can't be read. The message is the reason and never quotes the file's content."""


class NoHistoryError(Exception):
    """A readable file without listening history. The message describes what the file is."""
