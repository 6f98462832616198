"""Converts records from an export's own fields to the record schema: text columns and the parsed time."""

import pyarrow as pa

from spotify_assets.model.raw import RECORD_NAMES
from spotify_assets.readers.formats import FIELDS
from spotify_assets.readers.scratch import duckdb_cursor

# Accepted times, all UTC: ISO 8601 with `T` or blanks, and Excel's day-first one without seconds. They are matched
# before the cast, as it also accepts `24:00`, years of five digits and `infinity`. DuckDB's `strptime` is no
# alternative: where a text ends before its format does, it reads past the text's end, and if that is the end of a page
# of memory, the process dies (DuckDB 1.5.5; one of 60 syncs did).
_TIME_OF_DAY = r"(?:[01]?\d|2[0-3]):\d\d?"
_ISO_TIME = rf" *\d{{4}}-\d\d?-\d\d?(?:T| +){_TIME_OF_DAY}(?::\d\d?(?:\.\d+)?)?Z? *"
_DAY_FIRST_TIME = rf" *(\d\d?)-(\d\d?)-(\d{{4}}) +({_TIME_OF_DAY}) *"
# Fractions of a second are truncated to microseconds.
REPORTED_AT_SQL = rf"""
    try_cast(rtrim(CASE
        WHEN regexp_full_match(ts, '{_ISO_TIME}') THEN ts
        WHEN regexp_full_match(ts, '{_DAY_FIRST_TIME}') THEN regexp_replace(ts, '{_DAY_FIRST_TIME}', '\3-\2-\1 \4')
    END) AS TIMESTAMP)"""

# DuckDB scans the batches of an Arrow table in parallel.
PARALLEL_ROWS = 32_768
REPORTED_AT_TYPE = pa.timestamp("us", "UTC")


class RecordShaper:
    """Converts one file's records to the record schema.

    Its columns: text for each of `RECORD_NAMES`; `raw_record`, text, the reason why a record can't be read as a
    play; `reported_at`, `ts` as a UTC timestamp, null if it has no accepted format; `has_seconds`, whether `ts` has a
    seconds part.
    """

    def __init__(self, source_format: str) -> None:
        self._export_fields = {field: export_field for export_field, field in FIELDS[source_format].items()}
        self._duckdb = duckdb_cursor()

    def from_json(self, lines: pa.Array) -> pa.Table:
        """Convert one JSON record per line. A line that is not an object with a known field gets a `raw_record`."""
        paths = ", ".join(f"""'$."{export_field}"'""" for export_field in self._export_fields.values())
        return self._shape(
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
            {field: f"fields[{index}]" for index, field in enumerate(self._export_fields, 1)},
        )

    def from_columns(self, landed: pa.Table) -> pa.Table:
        """Convert a table in the export's own columns, one record per row; unknown columns are dropped.

        A reader sets the optional column `raw_record` for rows that it could not parse.
        """
        types = {field.name: field.type for field in landed.schema}
        if "raw_record" not in types:
            landed = landed.append_column("raw_record", pa.nulls(len(landed), pa.string()))

        def as_text(name: str) -> str:
            if pa.types.is_timestamp(types[name]):
                return f"strftime(CAST(\"{name}\" AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%fZ')"
            return f'CAST("{name}" AS VARCHAR)'

        # Arrow stores times with a zone as UTC. Times without one are taken as UTC.
        landed = landed.cast(
            pa.schema(
                [
                    field.with_type(pa.timestamp(field.type.unit)) if pa.types.is_timestamp(field.type) else field
                    for field in landed.schema
                ]
            )
        )

        return self._shape(
            landed,
            "landed",
            {
                field: as_text(export_field)
                for field, export_field in self._export_fields.items()
                if export_field in types
            },
        )

    def _shape(self, landed: pa.Table, rows: str, fields: dict[str, str]) -> pa.Table:
        # NFC, so that equal names get equal keys. Spark has no function for it.
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
                SELECT *, {REPORTED_AT_SQL} AS reported_at,
                    length(ts) - length(replace(ts, ':', '')) > 1 AS has_seconds
                FROM (SELECT {text}, raw_record FROM {rows})
                """
            ).to_arrow_table()
        finally:
            self._duckdb.unregister("landed")
        reported_at = shaped.schema.get_field_index("reported_at")
        return shaped.set_column(reported_at, "reported_at", shaped["reported_at"].cast(REPORTED_AT_TYPE))


def sample_fields(lines: pa.Array) -> list[list[str]]:
    """Field names of each line that is a JSON object."""
    rows = (
        duckdb_cursor()
        .from_arrow(pa.table({"line": lines}))
        .filter("json_valid(line)")
        .filter("json_type(line) = 'OBJECT'")
    )
    return [keys for (keys,) in rows.project("json_keys(line)").fetchall()]
