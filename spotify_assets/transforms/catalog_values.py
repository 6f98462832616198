"""Values of catalogue files: text of many spellings as numbers, dates, flags and lists; null where it is none."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from spotify_assets.transforms.keys import trim_to_null

# What programs write for a missing value.
MISSING = ("nan", "null", "none", "na", "n/a")
# Also `2,445`, `12.0` and `1.77E-05`.
NUMBER_TEXT = r"^[+-]?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)?([.][0-9]*)?([eE][+-]?[0-9]+)?\z"
PERCENT_SIGN = "%"
TRUE, FALSE = ("true", "t", "yes", "1", "1.0"), ("false", "f", "no", "0", "0.0")
# A year, month or day, with or without a time: `1999`, `1999-05`, `1999-05-01 00:00:00 UTC`.
RELEASE_TEXT = r"^([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2})(?:[T ].*)?)?)?\z"
NO_YEAR = "0000"
# Strings of a Python list as text, each in the quotes that it doesn't hold.
QUOTED = r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\""""
LIST_TEXT = r"""^\[(\]\z|['"])"""
# Pitch classes; the numbers are Spotify's.
KEYS = {
    "c": 0, "c#": 1, "db": 1, "d": 2, "d#": 3, "eb": 3, "e": 4, "f": 5, "f#": 6, "gb": 6, "g": 7, "g#": 8, "ab": 8,
    "a": 9, "a#": 10, "bb": 10, "b": 11,
}  # fmt: skip
MODES = {"minor": 0, "major": 1}


def told(text: Column) -> Column:
    """The text, or null for what programs write where a value is missing."""
    return F.when(~F.lower(text).isin(*MISSING), trim_to_null(text))


def number(text: Column) -> Column:
    """A number, with or without commas between thousands."""
    return F.when(text.rlike(NUMBER_TEXT) & text.rlike("[0-9]"), F.regexp_replace(text, ",", "")).try_cast("double")


def whole_number(text: Column) -> Column:
    """A whole number, also as `12.0`."""
    value = number(text)
    return F.when(value == F.floor(value), value).try_cast("bigint")


def within(value: Column, low: float, high: float) -> Column:
    """The value, or null outside these bounds."""
    return F.when((value >= low) & (value <= high), value)


def share(text: Column) -> Column:
    """A number of 0 to 1; of 0 to 100 where it has a `%`."""
    is_percent = text.endswith(PERCENT_SIGN)
    value = F.when(is_percent, number(F.regexp_replace(text, PERCENT_SIGN, "")) / 100).otherwise(number(text))
    return within(value, 0, 1)


def flag(text: Column) -> Column:
    """True or false."""
    value = F.lower(text)
    return F.when(value.isin(*TRUE), F.lit(True)).when(value.isin(*FALSE), F.lit(False))


def named_or_number(text: Column, names: dict[str, int]) -> Column:
    """A whole number, or that of a name."""
    value = whole_number(text)
    for name, code in names.items():
        value = F.when(F.lower(text) == name, F.lit(code).cast("bigint")).otherwise(value)
    return value


def release_text(date: Column, year: Column, month: Column, day: Column) -> Column:
    """The release as `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, from a date or its parts; null where it is unknown.

    A year of 0 is unknown. A date comes before the parts.
    """
    parts = [F.lpad(whole_number(part).cast("string"), 2, "0") for part in (month, day)]
    from_parts = F.concat_ws("-", F.lpad(whole_number(year).cast("string"), 4, "0"), parts[0], parts[1])
    text = F.coalesce(date, F.when(year.isNotNull(), from_parts))
    return F.when(~text.startswith(NO_YEAR), text)


def release_date(text: Column) -> Column:
    """First day of a release that is known to the year, month or day."""
    year, month, day = (F.regexp_extract(text, RELEASE_TEXT, group) for group in (1, 2, 3))
    whole = F.concat_ws("-", year, *[F.lpad(F.when(part == "", "1").otherwise(part), 2, "0") for part in (month, day)])
    return F.when(text.rlike(RELEASE_TEXT), whole).try_cast("date")


def release_precision(text: Column) -> Column:
    """`year`, `month` or `day`; null where the date can't be read."""
    year_only, has_day = (F.regexp_extract(text, RELEASE_TEXT, group) == "" for group in (2, 3))
    precision = F.when(year_only, "year").when(has_day, "month").otherwise("day")
    return F.when(release_date(text).isNotNull(), precision)


def text_list(text: Column, separators: str) -> Column:
    """A list of texts: of Python's, or with separators; empty for `set()`, and null for null.

    Args:
        text: The text.
        separators: Characters between elements, as of a class of a regular expression.
    """
    quoted = F.transform(
        F.regexp_extract_all(text, F.lit(QUOTED), F.lit(0)),
        lambda part: F.regexp_replace(F.substring(part, F.lit(2), F.length(part) - 2), r"\\(.)", "$1"),
    )
    # A name may begin with a bracket: `[dunkelbunt]`.
    parts = F.when(text.rlike(LIST_TEXT), quoted).otherwise(F.split(text, f"[{separators}]"))
    trimmed = F.transform(parts, lambda part: F.trim(part))
    return F.when(text == "set()", F.array().cast("array<string>")).otherwise(
        F.filter(trimmed, lambda part: part != "")
    )


def artist_list(names: Column, count: Column) -> Column:
    """Names of artists, in order: several with `,` only where their number is told and is not 1."""
    several = whole_number(count) > 1
    return F.when(F.coalesce(several, F.lit(False)), text_list(names, ",;")).otherwise(text_list(names, ";"))


def genre_list(text: Column) -> Column:
    """Genres, in lower case."""
    return F.transform(text_list(text, ",;"), lambda genre: F.lower(genre))
