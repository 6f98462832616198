"""Why a landed file gives no plays."""


class UnreadableError(Exception):
    """It should hold data, but can't be read; the message says what is wrong, never what is in it."""


class NoHistoryError(Exception):
    """It can be read, and holds no listening history; the message says what it is."""
