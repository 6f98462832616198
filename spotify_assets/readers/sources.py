"""The readable sources of a landed file: the file itself, or the members of an archive."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from spotify_assets.readers.archives import Member, archive_members, is_system_file
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.storage.base import Opener


@dataclass(frozen=True)
class Source:
    """A file or member of an archive: its path below the landing zone (`file.zip!member`), and how to open it.

    `open` is None and `error` is set for a source that can't be read or should be ignored. `modified_at` is the time
    of a member, as its archive has it.
    """

    name: str
    open: Opener | None
    error: NoHistoryError | UnreadableError | None = None
    modified_at: datetime | None = None


@contextmanager
def sources(name: str, opener: Opener, max_unzipped_bytes: int) -> Iterator[Iterator[Source]]:
    """The sources of a landed file. Members of an archive are readable only inside the context, one at a time.

    Args:
        name: Path below the landing zone.
        opener: Opens the file.
        max_unzipped_bytes: Largest sum of the members' sizes, in bytes; a larger archive gives one unreadable source.
    """
    if is_system_file(name):
        yield iter([Source(name, None, NoHistoryError("left behind by an operating system"))])
        return
    with opener() as stream:
        try:
            members = archive_members(name, stream, max_unzipped_bytes)
        except (NoHistoryError, UnreadableError) as error:
            yield iter([Source(name, None, error)])
            return
        if members is not None:
            yield _member_sources(name, members)
            return
    yield iter([Source(name, opener)])


def _member_sources(archive: str, members: Iterator[Member]) -> Iterator[Source]:
    seen: set[str] = set()
    for name, content, modified_at in members:
        source = f"{archive}!{name}"
        while source in seen:
            source += "*"  # an archive may hold two members of one name
        seen.add(source)
        if isinstance(content, NoHistoryError | UnreadableError):
            yield Source(source, None, content)
        else:
            yield Source(source, content, modified_at=modified_at)
