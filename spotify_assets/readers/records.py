"""Converts records from an export's own fields to the record schema: text columns and the parsed time."""

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.model.raw import RECORD_NAMES
from spotify_assets.readers.formats import FIELD_SQL, FIELDS
from spotify_assets.readers.scratch import duckdb_cursor
from spotify_assets.readers.times import EXPORT_TIME_SQL, DateEvidence, parse_times
from spotify_assets.settings import DateOrder

Shaping = Callable[[str, Mapping[str, str]], "RecordShaper"]

# DuckDB scans the batches of an Arrow table in parallel.
PARALLEL_ROWS = 32_768
WEB_API_TIME = r"^(?:19[7-9]|2\d\d)\d-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?Z$"
REPORTED_AT_TYPE = pa.timestamp("us", "UTC")


class RecordShaper:
    """Converts one file's records to the record schema.

    Its columns: text for each of `RECORD_NAMES`; `raw_record`, text, the reason why a record can't be read as a
    play; `reported_at`, `ts` as a UTC timestamp, null if it has no accepted format; `has_seconds`, whether `ts` has a
    seconds part.

    Args:
        source_format: Format of the records.
        spelled: Fields of the format that the file spells otherwise, as it does.
        date_order: Order of day and month in dates such as 5/1/2024; if it is None, they have no time.
        dates: What the records show about this order is added to it.
    """

    def __init__(
        self,
        source_format: str,
        spelled: Mapping[str, str] | None = None,
        date_order: DateOrder | None = None,
        dates: DateEvidence | None = None,
    ) -> None:
        self._date_order = date_order
        self._dates = DateEvidence() if dates is None else dates
        # Of each field of the record the fields of the export that may hold it, the best first.
        self._export_fields: dict[str, list[str]] = {}
        for export_field, field in FIELDS[source_format].items():
            self._export_fields.setdefault(field, []).append((spelled or {}).get(export_field, export_field))
        self._duckdb = duckdb_cursor()

    def from_json(self, lines: pa.Array) -> pa.Table:
        """Convert one JSON record per line. A line that is not an object with a known field gets a `raw_record`."""
        every = [export_field for export_fields in self._export_fields.values() for export_field in export_fields]
        paths = ", ".join("'$." + ".".join(f'"{part}"' for part in name.split(".")) + "'" for name in every)
        values = {name: f"fields[{index}]" for index, name in enumerate(every, 1)}
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
            {field: _first_of(names, values) for field, names in self._export_fields.items()},
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
                field: _first_of(present, {name: as_text(name) for name in present})
                for field, names in self._export_fields.items()
                if (present := [name for name in names if name in types])
            },
        )

    def from_clean_columns(self, landed: pa.Table) -> pa.Table:
        """As `from_columns`, of a table of texts in NFC, each in the only field of its name.

        Without DuckDB where all records can be read and their times are spelled as the Web API does: to plan a query
        takes it a millisecond, and its results have buffers of 2,048 rows, which adds up in thousands of polls.
        """
        times = landed["ts"].combine_chunks()
        is_plain = pc.all(pc.match_substring_regex(times, WEB_API_TIME), skip_nulls=False).as_py()
        if not is_plain or landed["raw_record"].null_count < len(landed):
            return self.from_columns(landed)
        try:
            reported_at = times.cast(REPORTED_AT_TYPE)
        except pa.ArrowInvalid:  # such as 30 February
            return self.from_columns(landed)
        nothing = pa.nulls(len(landed), pa.string())
        columns = {
            name: landed[self._export_fields[name][0]].combine_chunks() if name in self._export_fields else nothing
            for name in RECORD_NAMES
        }
        has_seconds = pa.repeat(True, len(landed))
        return pa.table(columns | {"raw_record": nothing, "reported_at": reported_at, "has_seconds": has_seconds})

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
                SELECT *, {EXPORT_TIME_SQL} AS reported_at,
                    length(ts) - length(replace(ts, ':', '')) > 1 AS has_seconds
                FROM (SELECT {text}, raw_record FROM {rows})
                """
            ).to_arrow_table()
        finally:
            self._duckdb.unregister("landed")
        shaped = self._with_other_times(shaped)
        reported_at = shaped.schema.get_field_index("reported_at")
        return shaped.set_column(reported_at, "reported_at", shaped["reported_at"].cast(REPORTED_AT_TYPE))

    def _with_other_times(self, shaped: pa.Table) -> pa.Table:
        """Parse those times that are not spelled as Spotify's exports do. Others need no second look."""
        if shaped["reported_at"].null_count == shaped["ts"].null_count:
            return shaped
        is_other = pc.and_(pc.is_null(shaped["reported_at"]), pc.is_valid(shaped["ts"])).combine_chunks()
        parsed = parse_times(shaped["ts"].filter(is_other), self._date_order, self._dates)
        for name in ("reported_at", "has_seconds"):
            known, other = shaped[name].combine_chunks(), parsed[name].combine_chunks()
            column = shaped.schema.get_field_index(name)
            shaped = shaped.set_column(column, name, pc.replace_with_mask(known, is_other, other))
        return shaped


def _first_of(names: list[str], values: Mapping[str, str]) -> str:
    """SQL for the first of some fields of an export that is not null."""
    expressions = [FIELD_SQL.get(name, "{}").format(values[name]) for name in names]
    return expressions[0] if len(expressions) == 1 else f"coalesce({', '.join(expressions)})"


def sample_fields(lines: pa.Array) -> list[list[str]]:
    """Field names of each line that is a JSON object."""
    rows = (
        duckdb_cursor()
        .from_arrow(pa.table({"line": lines}))
        .filter("json_valid(line)")
        .filter("json_type(line) = 'OBJECT'")
    )
    return [keys for (keys,) in rows.project("json_keys(line)").fetchall()]
