"""Records in their export's own fields, turned into batches of one shape: text, and the time as parsed."""

import pyarrow as pa

from spotify_assets.model.raw import RECORD_NAMES
from spotify_assets.readers.formats import FIELDS
from spotify_assets.readers.scratch import cursor

# The accepted forms of a time, all UTC. Excel's has the day first.
TIME_FORMS = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%d-%m-%Y %H:%M",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%d %H:%M:%S.%f",
)
FORMS = "[" + ", ".join(f"'{form}'" for form in TIME_FORMS) + "]"
# Microseconds are kept; what a file has beyond them is cut off.
PLAYED_AT = f"try_strptime(if(length(ts) > 26, regexp_replace(ts, '([.][0-9]{{6}})[0-9]+', '\\1'), ts), {FORMS})"

# DuckDB works on the batches of an Arrow table in parallel.
PARALLEL_ROWS = 32_768
UTC_TIME = pa.timestamp("us", "UTC")


class RecordShaper:
    """Turns one file's records into tables of one shape.

    Such a table has a text column for each of `RECORD_NAMES`, `raw_record` (what is wrong with a record that
    can't be read as a play), `played_at` (`ts` as a time, UTC; null where it has no accepted form) and
    `tells_seconds`.
    """

    def __init__(self, source_format: str) -> None:
        self._theirs = {ours: theirs for theirs, ours in FIELDS[source_format].items()}
        self._duckdb = cursor()

    def from_json(self, lines: pa.Array) -> pa.Table:
        """One record a line; a line that is no object with a known field gets a `raw_record`."""
        paths = ", ".join(f"""'$."{theirs}"'""" for theirs in self._theirs.values())
        return self._shaped(
            pa.table({"line": lines}),
            f"""(
                SELECT fields, CASE
                    WHEN json IS NULL THEN 'text, ' || length(line) || ' characters: is no valid JSON'
                    WHEN kind <> 'OBJECT'
                        THEN CASE kind WHEN 'VARCHAR' THEN 'string' WHEN 'ARRAY' THEN 'array' WHEN 'NULL' THEN 'null'
                            WHEN 'BOOLEAN' THEN 'boolean' ELSE 'number' END
                            || ', ' || length(line) || ' characters: is no object'
                    WHEN len(list_filter(fields, lambda field: field IS NOT NULL)) = 0
                        THEN 'object, ' || length(line) || ' characters: has none of the known fields'
                    END AS raw_record
                FROM (
                    SELECT line, json, json_type(json) AS kind, json_extract_string(json, [{paths}]) AS fields
                    FROM (SELECT line, if(json_valid(line), line, NULL) AS json FROM landed)
                )
            )""",
            {ours: f"fields[{index}]" for index, ours in enumerate(self._theirs, 1)},
        )

    def from_columns(self, landed: pa.Table) -> pa.Table:
        """One record a row of a table in the export's own columns; other columns are left out.

        A column `raw_record` says what is wrong with a row, where the reader found something.
        """
        types = {field.name: field.type for field in landed.schema}
        if "raw_record" not in types:
            landed = landed.append_column("raw_record", pa.nulls(len(landed), pa.string()))

        def as_text(name: str) -> str:
            if pa.types.is_timestamp(types[name]):
                return f"strftime(CAST(\"{name}\" AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%fZ')"
            return f'CAST("{name}" AS VARCHAR)'

        # Times with a zone are UTC inside; without it, the file means UTC.
        landed = landed.cast(
            pa.schema(
                [
                    field.with_type(pa.timestamp(field.type.unit)) if pa.types.is_timestamp(field.type) else field
                    for field in landed.schema
                ]
            )
        )

        return self._shaped(
            landed,
            "landed",
            {ours: as_text(theirs) for ours, theirs in self._theirs.items() if theirs in types},
        )

    def _shaped(self, landed: pa.Table, rows: str, fields: dict[str, str]) -> pa.Table:
        """Text is normalized to NFC here, since Spark can't: the same name must give the same key everywhere."""
        text = ", ".join(
            f"if(raw_record IS NULL, nfc_normalize({fields[name]}), NULL) AS {name}"
            if name in fields
            else f"CAST(NULL AS VARCHAR) AS {name}"
            for name in RECORD_NAMES
        )
        self._duckdb.register("landed", pa.Table.from_batches(landed.to_batches(PARALLEL_ROWS), landed.schema))
        try:
            shaped = self._duckdb.execute(
                f"""
                SELECT *, {PLAYED_AT} AS played_at, length(ts) - length(replace(ts, ':', '')) > 1 AS tells_seconds
                FROM (SELECT {text}, raw_record FROM {rows})
                """
            ).to_arrow_table()
        finally:
            self._duckdb.unregister("landed")
        played_at = shaped.schema.get_field_index("played_at")
        return shaped.set_column(played_at, "played_at", shaped["played_at"].cast(UTC_TIME))


def sample_fields(lines: pa.Array) -> list[list[str]]:
    """The fields of each line that is a JSON object."""
    rows = (
        cursor().from_arrow(pa.table({"line": lines})).filter("json_valid(line)").filter("json_type(line) = 'OBJECT'")
    )
    return [keys for (keys,) in rows.project("json_keys(line)").fetchall()]
