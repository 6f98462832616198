import sqlalchemy as sa

from spotify_assets import lineage, transforms
from spotify_assets.model import LAYERS, TABLES, derive


def test_every_table_and_column_is_described():
    for table in TABLES.values():
        assert table.comment, table.name
        assert [column.name for column in table.columns if not column.comment] == [], table.name


def test_every_table_has_a_primary_key_that_is_never_null():
    for name, table in TABLES.items():
        assert derive.primary_key(name), name
        assert [column.name for column in table.primary_key if column.nullable] == [], name


def test_arrow_and_spark_agree_on_every_column():
    for name in TABLES:
        assert derive.arrow_schema(name).names == list(derive.spark_types(name)) == derive.columns(name)


def test_partitioned_tables_have_their_window_and_month():
    of_plays, of_snapshots = (
        [name for name in TABLES if derive.partitioning(name) == kind] for kind in (derive.PLAYS, derive.SNAPSHOTS)
    )
    # Dagster's bookkeeping is by asset and partition, and people bring fifteen years of months at once.
    assert len(of_plays) <= 6
    assert sorted(of_plays + of_snapshots) == sorted(filter(lineage.is_partitioned, TABLES))
    for name in of_plays + of_snapshots:
        window = derive.spark_types(name)[str(derive.window_column(name))]
        assert window == ("timestamp" if name in of_plays else "date")
        assert derive.spark_types(name)["month"] == "date"


def test_every_table_but_raw_ones_has_a_transform_of_its_name():
    computed = [name for name, table in TABLES.items() if table.info["layer"] != "raw"]
    assert sorted(computed) == sorted(transforms.__all__) == sorted(lineage.computed_tables())


def test_upstream_comes_first():
    order = lineage.computed_tables()
    for table in order:
        before = [*lineage.upstreams(table), *derive.referenced_tables(table)]
        assert all(order.index(name) < order.index(table) for name in before if name in order)


def test_the_model_makes_ddl_for_mysql():
    from sqlalchemy.dialects import mysql

    for table in TABLES.values():
        if table.info["layer"] in ("dimensions", "facts"):
            assert str(sa.schema.CreateTable(table).compile(dialect=mysql.dialect()))


def test_layers_are_those_of_the_lake():
    assert {table.info["layer"] for table in TABLES.values()} == set(LAYERS)
