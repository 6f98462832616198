"""Natural and surrogate keys. They depend on the record alone, so runs and engines agree on them."""

from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from spotify_assets.model.columns import NOT_APPLICABLE_NUMBER, UNKNOWN_NUMBER

# Unit separator, between the parts of a key: it doesn't occur in names.
SEPARATOR = "\x1f"
# The engines' `trim` removes spaces only.
SPACES = [0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF]
WHITE_SPACE = "".join(map(chr, [*range(0x09, 0x0E), *range(0x2000, 0x200C), *SPACES]))
# A cast to a number ignores white space on Sail, and every control character on Apache Spark.
CAST_BLANKS = "".join(map(chr, [*range(0x21), 0x7F]))
ID_LENGTH = 22
# `\z`, since Java's `$` also matches before a final line break.
BARE_ID = rf"^[0-9A-Za-z]{{{ID_LENGTH}}}\z"


def trim_to_null(text: Column) -> Column:
    """The text without leading and trailing white space; null where that is empty."""
    return F.nullif(F.btrim(text, F.lit(WHITE_SPACE)), F.lit(""))


def normalize_name(text: Column) -> Column:
    """The form in which names are compared: lower case, trimmed. Readers have already applied Unicode NFC."""
    return F.lower(F.btrim(text, F.lit(WHITE_SPACE)))


def hash64(*parts: Column) -> Column:
    """64-bit hash (xxHash64, seed 42) of the parts; nulls are skipped.

    The probability that ten million different keys have no collision is 0.999997.
    """
    return F.xxhash64(*parts)


def id_from_uri(uri: Column, *kinds: str) -> Column:
    """The id in `spotify:<kind>:<id>`, in a link to open.spotify.com, or alone; null if there is none."""
    cases = [
        (uri.startswith(prefix), F.substring(uri, len(prefix) + 1, 64))
        for prefix in (f"spotify:{kind}:" for kind in kinds)
    ]
    link = f"open[.]spotify[.]com/(?:[a-z-]+/)?(?:{'|'.join(kinds)})/([0-9A-Za-z]+)"
    cases.append((uri.contains("open.spotify.com/"), F.regexp_extract(uri, link, 1)))
    bare = reduce(lambda chosen, case: chosen.when(*case), cases[1:], F.when(*cases[0])).otherwise(uri)
    return F.when(bare.rlike(BARE_ID), bare)


def is_spotify_id(key: Column) -> Column:
    """Whether a natural key, as of `content_key`, is Spotify's id rather than a hash of names; null for null."""
    return ~key.startswith("name:")


def name_key(artist_or_show: Column, name: Column) -> Column:
    """Natural key of a track or episode without an id: `name:` and the MD5 of the normalized names."""
    names = F.concat_ws(SEPARATOR, normalize_name(artist_or_show), normalize_name(name))
    return F.concat_ws("", F.lit("name:"), F.md5(names))


def content_key(content_id: Column, artist_or_show: Column, name: Column) -> Column:
    """Natural key of a track or episode: its id, or `name_key` where it has none. A missing name counts as empty."""
    return F.coalesce(content_id, name_key(*[F.coalesce(part, F.lit("")) for part in (artist_or_show, name)]))


def recording_key(artist: Column, track: Column, key: Column) -> Column:
    """Hash of the normalized artist and track names, or of `key` (the track's) where a name is missing."""
    both = artist.isNotNull() & track.isNotNull()
    return F.when(both, hash64(normalize_name(artist), normalize_name(track))).otherwise(hash64(key))


def spelling_key(*names: Column | str) -> Column:
    """Hash of names as spelled. Nulls are replaced: `hash64` skips them, and ("a", null) would equal (null, "a")."""
    return hash64(*[F.coalesce(name, F.lit(SEPARATOR)) for name in names])


def artist_key(name: Column) -> Column:
    """Surrogate key of an artist by normalized name; `UNKNOWN_NUMBER` if the name is missing."""
    return F.when(name.isNotNull(), hash64(normalize_name(name))).otherwise(F.lit(UNKNOWN_NUMBER))


def album_key(artist: Column, album: Column) -> Column:
    """Surrogate key of an album by normalized artist and album name; `UNKNOWN_NUMBER` if one is missing."""
    both = artist.isNotNull() & album.isNotNull()
    return F.when(both, hash64(normalize_name(artist), normalize_name(album))).otherwise(F.lit(UNKNOWN_NUMBER))


def track_only_key(content_type: Column, key: Column) -> Column:
    """The surrogate key for tracks, `NOT_APPLICABLE_NUMBER` for other content."""
    return F.when(content_type == "track", key).otherwise(F.lit(NOT_APPLICABLE_NUMBER))
