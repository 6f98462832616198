"""Families of genres: `genre_families` by the rules of `spotify_assets.model.genres`, and what follows for an entity.

For rows with a key (as `artist_key` or `track_key`) and a list `genres`:

- `main_family(rows, genre_families, key)`: one row per key that has a genre: key, `genre_family`. It is the family of
  most of its genres; of several the one whose genre is named first; `other` only where no genre has another family.
- `family_shares(rows, genre_families, key)`: key, `genre_family`, `share`: each genre counts in equal parts, `other`
  included, and the shares of a key add up to 1.
- `genre_overrides(raw_genre_overrides, named, key)`: key, `genres` (a list) as a person wants them, to replace others;
  None where there are no lines. `named` has the key and a `name`, a row for each normalized name and id of an artist.

The first two plan a join and two aggregates, or one, whether or not there are rows: who may have no genres asks first.
"""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spotify_assets.model.columns import LABEL_LENGTH
from spotify_assets.model.genres import GENRE_RULES, OTHER_FAMILY, RULE_PLACES
from spotify_assets.transforms.asking import ask
from spotify_assets.transforms.catalog_values import genre_list, told
from spotify_assets.transforms.joins import broadcast_join
from spotify_assets.transforms.keys import SEPARATOR, normalize_name

# Letters with accents in names of genres, and what they are without.
ACCENTED = "àáâãäåāăąçćčďèéêëēęěìíîïīğłñńňòóôõöøōőřśšşșťţțùúûüūůűýÿžźżß"
PLAIN = "aaaaaaaaacccdeeeeeeeiiiiiglnnnooooooooorssssttttuuuuuuuyyzzzs"
# Places and lengths within a name, and counts of genres, are subtracted from this to sort the largest first.
MAX_ORDER = 9_999
ORDER_DIGITS = 4
# Of a genre's place in the lines of overrides.
PLACE_DIGITS = 12


def genre_families(
    raw_catalog_artists: DataFrame,
    raw_catalog_tracks: DataFrame,
    artist_metadata: DataFrame,
    album_metadata: DataFrame,
    raw_genre_overrides: DataFrame,
) -> DataFrame:
    """One row per name of a genre in catalogue files, Web API responses and overrides.

    Args:
        raw_catalog_artists: Whole table.
        raw_catalog_tracks: Whole table.
        artist_metadata: Whole table.
        album_metadata: Whole table.
        raw_genre_overrides: Whole table.
    """
    # Rows repeat few texts: they are made distinct before they are taken apart.
    texts = raw_catalog_artists.select("genres").unionByName(raw_catalog_tracks.select("genres")).distinct()
    lists = [
        texts.select(genre_list(told(F.col("genres"))).alias("genres")),
        *[responses.select("genres") for responses in (artist_metadata, album_metadata, raw_genre_overrides)],
    ]
    names = [rows.select(F.explode("genres").alias("genre")) for rows in lists]
    genres = reduce(DataFrame.unionByName, names).select(normalize_name(F.col("genre")).alias("genre")).distinct()
    return with_family(genres.where(f"genre <> '' AND length(genre) <= {LABEL_LENGTH}"))


def with_family(genres: DataFrame) -> DataFrame:
    """Add `genre_family` and the `rule` that tells it to the rows; `other` and null where no rule applies.

    Args:
        genres: Rows with the column `genre`, each once.
    """
    # Texts are compared from their end, where a rule is to be found that ends last.
    rules = genres.sparkSession.createDataFrame(
        [(_bounded(words)[::-1], RULE_PLACES.index(place), words, family) for words, place, family in GENRE_RULES],
        "reversed_words string, place int, words string, genre_family string",
    )
    name = F.concat(F.lit(" "), normalize_genre(F.col("genre")), F.lit(" "))
    named = genres.withColumn("reversed_name", F.reverse(name))
    length = MAX_ORDER - F.length("reversed_words")
    order = _sortable(F.col("place"), F.col("at"), length)
    return (
        F.broadcast(rules)
        .crossJoin(named)
        .withColumn("at", F.expr("instr(reversed_name, reversed_words)"))
        .withColumn("order", F.when(F.col("at") > 0, F.concat_ws(SEPARATOR, order, "genre_family", "words")))
        .groupBy("genre")
        .agg(F.min("order").alias("order"))
        .withColumn("parts", F.split("order", SEPARATOR))
        .select(
            "genre",
            F.coalesce(F.get("parts", F.lit(1)), F.lit(OTHER_FAMILY)).alias("genre_family"),
            F.get("parts", F.lit(2)).alias("rule"),
        )
    )


def normalize_genre(name: Column) -> Column:
    """A genre's name as rules have it: words in lower case with one blank between them, without accents."""
    plain = F.regexp_replace(F.translate(F.lower(name), ACCENTED, PLAIN), r"['\u2019\p{M}]", "")
    spelled = F.regexp_replace(F.regexp_replace(plain, "&", " and "), r"[^\p{L}\p{N}]+", " ")
    return F.trim(F.regexp_replace(spelled, " n ", " and "))


def _bounded(words: str) -> str:
    """The words with a blank where a word begins and ends, to be found in a name with a blank at both ends."""
    begins = words[1:] if words.startswith("*") else f" {words}"
    return begins[:-1] if begins.endswith("*") else f"{begins} "


def _sortable(*numbers: Column) -> Column:
    """Numbers of 0 to `MAX_ORDER` as text that sorts as they do."""
    return F.concat(*[F.lpad(number.cast("string"), ORDER_DIGITS, "0") for number in numbers])


def main_family(rows: DataFrame, genre_families: DataFrame, key: str) -> DataFrame:
    """One row per key with a genre: the key and its `genre_family`, that of most of its genres.

    Of several families the one whose genre is named first is taken; `other` only where no genre has another one.

    Args:
        rows: The key, once, and a list `genres`.
        genre_families: Whole table.
        key: Column of the key.
    """
    is_other = (F.col("genre_family") == OTHER_FAMILY).cast("int")
    order = _sortable(is_other, MAX_ORDER - F.least("genres", F.lit(MAX_ORDER)), F.least("first", F.lit(MAX_ORDER)))
    return (
        _placed(rows, genre_families, key)
        .groupBy(key, "genre_family")
        .agg(F.count("*").alias("genres"), F.min("place").alias("first"))
        .withColumn("order", F.concat(order, "genre_family"))
        .groupBy(key)
        .agg(F.min("order").alias("order"))
        .select(key, F.substring("order", 1 + 3 * ORDER_DIGITS, LABEL_LENGTH).alias("genre_family"))
    )


def family_shares(rows: DataFrame, genre_families: DataFrame, key: str) -> DataFrame:
    """One row per key and family of its genres, `other` included, with the `share` of its genres (0 to 1).

    Args:
        rows: The key, once, and a list `genres`.
        genre_families: Whole table.
        key: Column of the key.
    """
    shares = F.count("*").cast("double") / F.max("size")
    return _placed(rows, genre_families, key).groupBy(key, "genre_family").agg(shares.alias("share"))


def _placed(rows: DataFrame, genre_families: DataFrame, key: str) -> DataFrame:
    """One row per key and different genre: the key, its `place` in the list, their number (`size`), `genre_family`."""
    different = rows.select(key, F.array_distinct("genres").alias("genres"))
    exploded = different.select(
        key, F.size("genres").alias("size"), F.posexplode("genres").alias("place", "spelled")
    ).withColumn("genre", normalize_name(F.col("spelled")))
    families = genre_families.select("genre", "genre_family")
    joined = broadcast_join(families, exploded, "genre", "right")
    return joined.select(key, "size", "place", F.coalesce("genre_family", F.lit(OTHER_FAMILY)).alias("genre_family"))


def genre_overrides(raw_genre_overrides: DataFrame, named: DataFrame, key: str) -> DataFrame | None:
    """One row per artist whose genres a person wrote: the key and `genres`, in the order of lines; None without lines.

    Lines are read while the query is built, so that a lake without any joins nothing.

    Args:
        raw_genre_overrides: Whole table.
        named: Keys, and a `name` or id of each, normalized: a key may have several.
        key: Column of the key.
    """
    lines = ask(raw_genre_overrides.select("position", "artist", "genres"))
    if not lines:
        return None
    wanted = [
        (line["artist"], f"{line['position'] * (MAX_ORDER + 1) + place:0{PLACE_DIGITS}}{genre}")
        for line in lines
        for place, genre in enumerate(line["genres"])
    ]
    written = raw_genre_overrides.sparkSession.createDataFrame(wanted, "name string, genre string")
    spelled = written.unionByName(written.withColumn("name", normalize_name(F.col("name"))))
    matched = broadcast_join(spelled, named.select(key, "name"), "name", "inner").groupBy(key)
    in_order = matched.agg(F.array_sort(F.collect_set("genre")).alias("genres"))
    genres = F.transform("genres", lambda genre: F.lower(F.substring(genre, 1 + PLACE_DIGITS, LABEL_LENGTH)))
    return in_order.select(key, F.array_distinct(genres).alias("genres"))
