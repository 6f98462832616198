"""Natural and surrogate keys, each a function of the record alone: the same on every run, engine and machine."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from spotify_assets.model.columns import NOT_APPLICABLE_NUMBER, UNKNOWN_NUMBER

# Joins the parts of a key; no name holds it.
SEPARATOR = "\x1f"
# Engines' own `trim` leaves all but spaces.
SPACES = [0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF]
WHITE_SPACE = "".join(map(chr, [*range(0x09, 0x0E), *range(0x2000, 0x200C), *SPACES]))
# What a cast to a number passes over: white space on Sail, every control character on Apache Spark.
BLANKS = "".join(map(chr, [*range(0x21), 0x7F]))
ID_LENGTH = 22
# To the very end: Java's `$` is before a last line break, too.
BARE_ID = rf"^[0-9A-Za-z]{{{ID_LENGTH}}}\z"


def present(text: Column) -> Column:
    """The text without outer white space; null where nothing is left."""
    return F.nullif(F.btrim(text, F.lit(WHITE_SPACE)), F.lit(""))


def normalized(text: Column) -> Column:
    """What names are compared by: lower case, outer white space off (readers have made it NFC)."""
    return F.lower(F.btrim(text, F.lit(WHITE_SPACE)))


def hashed(*parts: Column) -> Column:
    """64-bit hash of the parts, the same in every engine; nulls are passed over.

    Ten million different keys share none with a probability of 0.999997.
    """
    return F.xxhash64(*parts)


def spotify_id(uri: Column, kind: str) -> Column:
    """The id in `spotify:<kind>:<id>`, in a link to open.spotify.com, or alone; null where there is none."""
    prefix = f"spotify:{kind}:"
    bare = (
        F.when(uri.startswith(prefix), F.substring(uri, len(prefix) + 1, 64))
        .when(
            uri.contains("open.spotify.com/"),
            F.regexp_extract(uri, f"open[.]spotify[.]com/(?:[a-z-]+/)?{kind}/([0-9A-Za-z]+)", 1),
        )
        .otherwise(uri)
    )
    return F.when(bare.rlike(BARE_ID), bare)


def name_key(whose: Column, name: Column) -> Column:
    """The key of something that has names and no id: `name:` and their MD5."""
    return F.concat_ws("", F.lit("name:"), F.md5(F.concat_ws(SEPARATOR, normalized(whose), normalized(name))))


def content_key(content_id: Column, whose: Column, name: Column) -> Column:
    """The id; where there is only a name, the key of the names. A missing name counts as empty."""
    return F.coalesce(content_id, name_key(*[F.coalesce(part, F.lit("")) for part in (whose, name)]))


def recording_key(artist: Column, track: Column, key: Column) -> Column:
    """Hash of the normalized names; of the track's key where one of them is missing."""
    both = artist.isNotNull() & track.isNotNull()
    return F.when(both, hashed(normalized(artist), normalized(track))).otherwise(hashed(key))


def spelling_key(*names: Column | str) -> Column:
    """Hash of names as they are spelled. A hash passes over nulls, and would take the one name for the other."""
    return hashed(*[F.coalesce(name, F.lit(SEPARATOR)) for name in names])


def artist_key(name: Column) -> Column:
    """Key of an artist by name; unknown where there is none."""
    return F.when(name.isNotNull(), hashed(normalized(name))).otherwise(F.lit(UNKNOWN_NUMBER))


def album_key(artist: Column, album: Column) -> Column:
    """Key of an album by its artist's and its own name; unknown where one is missing."""
    both = artist.isNotNull() & album.isNotNull()
    return F.when(both, hashed(normalized(artist), normalized(album))).otherwise(F.lit(UNKNOWN_NUMBER))


def of_tracks(content_type: Column, key: Column) -> Column:
    """The surrogate key where the play is a track's, else not applicable."""
    return F.when(content_type == "track", key).otherwise(F.lit(NOT_APPLICABLE_NUMBER))
