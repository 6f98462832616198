"""Files of the semantic model: tables with columns and measures, relationships and parameters, from the model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from spotify_assets.model import TABLES, LakeTable
from spotify_assets.targets.ddl import column_comment
from spotify_assets.targets.powerbi.measures import MEASURES, usable
from spotify_assets.targets.powerbi.relationships import LeftOut, Relationship, relate
from spotify_assets.targets.powerbi.sources import PowerBISource, m_text
from spotify_assets.targets.powerbi.tmdl import Expression, Node, Reference, Value, render, tag

COMPATIBILITY_LEVEL = 1567
CULTURE = "en-US"
DATE_TABLE, DATE_COLUMN = "dim_date", "date"


@dataclass(frozen=True)
class ColumnType:
    """How a type of the model appears: in Power Query, in the semantic model, and by which format."""

    m: str
    data_type: str
    format: str | None = None


# Times are UTC, and no time of Power BI has a zone. Lists are text there, as MySQL and Athena give them.
COLUMN_TYPES: dict[str, ColumnType] = {
    "string": ColumnType("type text", "string"),
    "array<string>": ColumnType("type text", "string"),
    "bigint": ColumnType("Int64.Type", "int64", "#,0"),
    "int": ColumnType("Int64.Type", "int64", "0"),
    "double": ColumnType("type number", "double"),
    "boolean": ColumnType("type logical", "boolean"),
    "date": ColumnType("type date", "dateTime", "yyyy-mm-dd"),
    "timestamp": ColumnType("type datetime", "dateTime", "yyyy-mm-dd hh:nn:ss"),
}
# Columns whose values sort by another column.
SORTED_BY = {("dim_date", "month_name"): "month_of_year", ("dim_date", "day_name"): "day_of_week"}
# Of the dimensions whose names are those of their own key: the column with the name of the canonical key.
CANONICAL_NAMES = {"dim_artist": ("Artist", "artist_name"), "dim_album": ("Album", "album_name")}


def default_tables() -> tuple[str, ...]:
    """Dimensions, facts and metrics; not the partial aggregates that metrics are combined from."""
    return tuple(
        name
        for name, table in TABLES.items()
        if table.layer in ("dimensions", "facts") or (table.layer == "metrics" and not table.is_partitioned)
    )


@dataclass(frozen=True)
class SemanticModel:
    """A semantic model.

    Attributes:
        name: Name of the project.
        tables: Its tables.
        source: Where they are read from.
    """

    name: str
    tables: Sequence[str]
    source: PowerBISource

    @property
    def relationships(self) -> list[Relationship]:
        """Relationships between its tables."""
        return relate(self.tables)[0]

    @property
    def left_out(self) -> list[LeftOut]:
        """Foreign keys between its tables that can't be relationships."""
        return relate(self.tables)[1]

    @property
    def measures(self) -> list[str]:
        """Names of its measures."""
        return [measure.name for measure in usable(MEASURES, self.tables)]

    def files(self) -> dict[str, str]:
        """Text by path below the folder `definition`."""
        relationships = [_relationship(one) for one in self.relationships]
        return {
            "database.tmdl": render(
                [Node("database", self.name, properties={"compatibilityLevel": COMPATIBILITY_LEVEL})]
            ),
            "model.tmdl": self._model_file(),
            "expressions.tmdl": render([_parameter(*item) for item in self.source.parameters.items()]),
            # A file without any object is none.
            **({"relationships.tmdl": render(relationships)} if relationships else {}),
            **{f"tables/{table}.tmdl": render([self._table(TABLES[table])]) for table in self.tables},
        }

    def _model_file(self) -> str:
        model = Node(
            "model",
            "Model",
            properties={
                "culture": CULTURE,
                "defaultPowerBIDataSourceVersion": "powerBI_V3",
                "sourceQueryCulture": CULTURE,
            },
        )
        queries = json.dumps([*self.source.parameters, *self.tables])
        # Power BI adds no hidden date tables of its own: there is one.
        annotations = [
            Node("annotation", "__PBI_TimeIntelligenceEnabled", "0"),
            Node("annotation", "PBI_QueryOrder", queries),
        ]
        return render([model, *annotations, *(Node("ref table", table) for table in self.tables)])

    def _table(self, table: LakeTable) -> Node:
        columns = [_column(column) for column in table.sql.columns]
        if table.name in CANONICAL_NAMES:
            columns.append(_canonical_name(table))
        measures = [
            Node(
                "measure",
                measure.name,
                Expression(measure.dax),
                {
                    "formatString": measure.format,
                    "displayFolder": measure.folder,
                    "lineageTag": tag("measure", measure.name),
                },
                description=measure.description,
            )
            for measure in usable(MEASURES, self.tables)
            if measure.table == table.name
        ]
        partition = Node(
            "partition",
            table.name,
            "m",
            {"mode": "import", "source": Expression(_m_query(table, self.source))},
        )
        return Node(
            "table",
            table.name,
            properties={
                "lineageTag": tag("table", table.name),
                "dataCategory": "Time" if table.name == DATE_TABLE else None,
            },
            children=[*measures, *columns, partition],
            description=table.comment,
        )


def _column(column: sa.Column) -> Node:
    """A column of a table; keys are hidden, since names and measures are what people use."""
    table = column.table.name
    type_ = COLUMN_TYPES[TABLES[table].spark_types[column.name]]
    is_date = type_.m == "type date"
    sort_by = SORTED_BY.get((table, column.name))
    properties: dict[str, Value] = {
        "dataType": type_.data_type,
        "isHidden": bool(column.foreign_keys) or column.name.endswith("_key") or None,
        "isKey": (table, column.name) == (DATE_TABLE, DATE_COLUMN) or None,
        "formatString": type_.format,
        "lineageTag": tag("column", table, column.name),
        # Whether a sum makes sense is not known of a column; measures are sums.
        "summarizeBy": "none",
        "sourceColumn": column.name,
        "sortByColumn": Reference((sort_by,)) if sort_by else None,
    }
    children = [Node("annotation", "UnderlyingDateTimeDataType", "Date")] if is_date else []
    return Node("column", column.name, properties=properties, children=children, description=column_comment(column))


def _canonical_name(table: LakeTable) -> Node:
    """The calculated column with the name that metrics count a row under."""
    name, column = CANONICAL_NAMES[table.name]
    [key] = table.primary_key
    dax = f"LOOKUPVALUE({table}[{column}], {table}[{key}], {table}[canonical_{key}])"
    return Node(
        "column",
        name,
        Expression(dax),
        {"dataType": "string", "lineageTag": tag("column", table.name, name), "summarizeBy": "none"},
        description=f"`{column}` of the canonical key, which metrics count it under",
    )


def _m_query(table: LakeTable, source: PowerBISource) -> str:
    """M that reads a table: its columns by name, with their types."""
    columns = ", ".join(map(m_text, table.columns))
    types = ",\n".join(
        f"        {{{m_text(name)}, {COLUMN_TYPES[type_].m}}}" for name, type_ in table.spark_types.items()
    )
    steps = [
        *source.open_table(table.name),
        ("Columns", f"Table.SelectColumns(Rows, {{{columns}}})"),
        ("Typed", f"Table.TransformColumnTypes(Columns, {{\n{types}\n    }}, {m_text(CULTURE)})"),
    ]
    if table.name == DATE_TABLE:
        # A date table may have no date twice, and none missing; keys without a date are those of the default members.
        steps.append(("Dates", f"Table.SelectRows(Typed, each [{DATE_COLUMN}] <> null)"))
    lines = ",\n".join(f"    {name} = {step}" for name, step in steps)
    return f"let\n{lines}\nin\n    {steps[-1][0]}"


def _relationship(one: Relationship) -> Node:
    return Node(
        "relationship",
        tag("relationship", one.table, one.column),
        properties={
            "isActive": None if one.is_active else False,
            "fromColumn": Reference((one.table, one.column)),
            "toColumn": Reference((one.references, one.key)),
        },
    )


def _parameter(name: str, value: str) -> Node:
    meta = '[IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]'
    return Node(
        "expression",
        name,
        Expression(f"{m_text(value)} meta {meta}"),
        {"lineageTag": tag("expression", name)},
        [Node("annotation", "PBI_ResultType", "Text")],
    )
