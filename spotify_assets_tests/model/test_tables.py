from datetime import date

import pytest
import sqlalchemy as sa

from spotify_assets import transforms
from spotify_assets.model import LAYERS, PLAYS, SNAPSHOTS, TABLES
from spotify_assets.refresh import lineage


def test_every_table_and_column_is_described():
    for table in TABLES.values():
        assert table.comment, table.name
        assert [column.name for column in table.sql.columns if not column.comment] == [], table.name


def test_every_table_has_a_primary_key_that_is_never_null():
    for name, table in TABLES.items():
        assert table.primary_key, name
        assert [column.name for column in table.sql.primary_key if column.nullable] == [], name


def test_arrow_and_spark_agree_on_every_column():
    for table in TABLES.values():
        assert table.arrow_schema.names == list(table.spark_types) == table.columns


def test_only_facts_are_partitioned_and_reference_dimensions():
    """With several ranges of months, dimensions are computed after all partitions, and facts after dimensions."""
    referring = {table.layer for table in TABLES.values() if table.is_partitioned and table.references}
    assert referring == {"facts"}


def test_partitioned_tables_have_their_window_and_the_column_of_their_layout():
    of_plays, of_snapshots = (
        [name for name in TABLES if TABLES[name].partitioning == kind] for kind in (PLAYS, SNAPSHOTS)
    )
    # Dagster's bookkeeping is by asset and partition, and people bring fifteen years of months at once.
    assert len(of_plays) <= 12
    assert sorted(of_plays + of_snapshots) == sorted(name for name, table in TABLES.items() if table.is_partitioned)
    for name in of_plays + of_snapshots:
        window = TABLES[name].spark_types[TABLES[name].window]
        assert window == ("timestamp" if name in of_plays else "date")
        assert TABLES[name].spark_types[TABLES[name].layout_column] == "date"


def test_files_are_of_months_and_those_of_partial_aggregates_of_years():
    day = date(2024, 5, 17)
    plays, partial = TABLES["plays"], TABLES["monthly_content"]
    assert (plays.layout_column, plays.layout_start(day), plays.is_partial) == ("month", date(2024, 5, 1), False)
    assert (partial.layout_column, partial.layout_start(day), partial.is_partial) == (
        "year_start",
        date(2024, 1, 1),
        True,
    )
    assert not TABLES["track_metrics"].is_partial
    with pytest.raises(ValueError, match="dim_time is not partitioned"):
        assert TABLES["dim_time"].layout_column


def test_every_table_but_raw_ones_has_a_transform_of_its_name():
    computed = [name for name, table in TABLES.items() if table.layer != "raw"]
    assert sorted(computed) == sorted(transforms.__all__) == sorted(lineage.computed_tables())


def test_upstream_comes_first():
    order = lineage.computed_tables()
    for table in order:
        before = [*lineage.upstreams(table), *TABLES[table].references]
        assert all(order.index(name) < order.index(table) for name in before if name in order)


def test_the_model_makes_ddl_for_mysql():
    from sqlalchemy.dialects import mysql

    for table in TABLES.values():
        if table.layer in ("dimensions", "facts"):
            assert str(sa.schema.CreateTable(table.sql).compile(dialect=mysql.dialect()))


def test_layers_are_those_of_the_lake():
    assert {table.layer for table in TABLES.values()} == set(LAYERS)


def test_primary_keys_of_published_tables_fit_those_of_mysql():
    """InnoDB's keys have at most 3,072 bytes; a character counts for 4."""

    def bytes_of(column):
        return 4 * column.type.length if type(column.type) is sa.String else 8

    served = [table for table in TABLES.values() if table.layer in ("dimensions", "facts", "metrics")]
    long = {table.name for table in served if sum(map(bytes_of, table.sql.primary_key)) > 3072}
    assert long == set()
