"""Tells files of the catalogue from listening history, by content."""

from collections.abc import Iterator

from spotify_assets.readers.catalog import TO_HISTORY, NoCatalogError, read_catalog
from spotify_assets.readers.errors import NoHistoryError, UnreadableError
from spotify_assets.readers.history import read_history
from spotify_assets.readers.sources import Source, sources
from spotify_assets.settings import Settings
from spotify_assets.storage.base import Opener

MEGABYTE = 1_000_000


def no_catalog_reason(name: str, opener: Opener, settings: Settings) -> str | None:
    """Why a file is no catalogue file, and no archive of these; None if it is one.

    An archive is one if it holds a catalogue file and no listening history.

    Args:
        name: File name.
        opener: Opens the file.
        settings: Largest sizes of files that are read.

    Raises:
        OSError: The file can't be read.
    """

    def parts() -> Iterator[Source]:
        with sources(name, opener, settings.max_unzipped_mb * MEGABYTE) as found:
            yield from found

    reasons = {part.name: _reason(part) for part in parts()}
    if None not in reasons.values():
        return reasons.get(name) or "nothing that it holds is a catalogue file"
    others = {part for part, reason in reasons.items() if reason is not None}
    for part in parts() if others else ():
        if part.name in others and _holds_history(part, settings):
            return "it holds listening history, too"
    return None


def _reason(source: Source) -> str | None:
    if source.open is None:
        return str(source.error)
    try:
        with source.open() as stream:
            read_catalog(stream)
    except OSError:
        raise
    except (NoCatalogError, NoHistoryError, UnreadableError) as error:
        return str(error).removesuffix(TO_HISTORY)
    except Exception as error:  # a malformed file may make a parser raise anything
        return str(error) or type(error).__name__
    return None


def _holds_history(source: Source, settings: Settings) -> bool:
    if source.open is None:
        return False
    try:
        with source.open() as stream:
            read_history(stream, source.name, settings.max_json_mb * MEGABYTE)
    except OSError:
        raise
    except Exception:  # as above
        return False
    return True
