"""The catalogue follows the model after changes by others; tables of other owners are never changed."""

import threading

import pytest

from spotify_assets.model import TABLES
from spotify_assets.targets.glue import GlueCatalog
from spotify_assets.targets.publishing import TargetError
from spotify_assets_tests.targets.published import publish
from spotify_assets_tests.targets.test_glue import FEW, catalog, glue

__all__ = ["catalog", "glue"]


def taken(table):
    """Of a table as Glue gives it, what it takes."""
    names = ("Name", "Description", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    return {name: table[name] for name in names}


def moved(table):
    table["StorageDescriptor"]["Location"] += "_copy"


def snowflake_type(table):
    table["StorageDescriptor"]["Columns"][0]["Type"] = "double"


def without_a_column(table):
    del table["StorageDescriptor"]["Columns"][-1]


def with_another_column(table):
    table["StorageDescriptor"]["Columns"].append({"Name": "extra", "Type": "string"})


def without_a_comment(table):
    del table["StorageDescriptor"]["Columns"][0]["Comment"]


def described_otherwise(table):
    table["Description"] = "Mine"


def no_delta(table):
    del table["Parameters"]["table_type"]


def partitioned(table):
    table["PartitionKeys"] = [{"Name": "month", "Type": "date"}]


class TestInStep:
    @pytest.mark.parametrize(
        "change",
        [
            moved,
            snowflake_type,
            without_a_column,
            with_another_column,
            without_a_comment,
            described_otherwise,
            no_delta,
            partitioned,
        ],
    )
    def test_a_change_by_others_is_reverted(self, world, catalog, glue, change):
        publish(world, catalog, FEW)
        right = catalog.published_states()
        table = glue.get_table(DatabaseName=catalog.database, Name="plays")["Table"]
        change(table)
        glue.update_table(DatabaseName=catalog.database, TableInput=taken(table))
        assert list(publish(world, catalog, FEW)) == ["plays"]
        assert catalog.published_states() == right

    def test_values_added_by_others_are_ignored(self, world, catalog, glue):
        publish(world, catalog, FEW)
        table = glue.get_table(DatabaseName=catalog.database, Name="plays")["Table"]
        wanted = {
            key: table[key] for key in ("Name", "Description", "TableType", "PartitionKeys", "StorageDescriptor")
        }
        glue.update_table(
            DatabaseName=catalog.database,
            TableInput=wanted | {"Parameters": table["Parameters"] | {"owner_of_data": "anna"}, "Owner": "anna"},
        )
        assert publish(world, catalog, FEW) == {}

    def test_a_dropped_table_is_made_again(self, world, catalog, glue):
        publish(world, catalog, FEW)
        glue.delete_table(DatabaseName=catalog.database, Name="plays")
        assert list(publish(world, catalog, FEW)) == ["plays"]
        assert publish(world, catalog, FEW) == {}

    def test_a_dropped_database_is_made_again(self, world, catalog, glue):
        publish(world, catalog, FEW)
        glue.delete_database(Name=catalog.database)
        assert catalog.published_states() == {}
        assert list(publish(world, catalog, FEW)) == [*FEW]

    def test_a_full_refresh_registers_every_table(self, world, catalog):
        publish(world, catalog, FEW)
        assert list(publish(world, catalog, FEW, full=True)) == [*FEW]

    def test_a_changed_model_and_a_moved_lake(self, world, catalog, glue, monkeypatch):
        publish(world, catalog, FEW)
        monkeypatch.setattr(TABLES["dim_time"].declared, "comment", "One row per hour, said otherwise")
        later = GlueCatalog(database=catalog.database, lake_uri=catalog.lake_uri)
        assert list(publish(world, later, FEW)) == ["dim_time"]
        assert "otherwise" in glue.get_table(DatabaseName=catalog.database, Name="dim_time")["Table"]["Description"]

        moved = GlueCatalog(database=catalog.database, lake_uri="s3://elsewhere/lake")
        done = publish(world, moved, FEW)
        assert {one.details["location"] for one in done.values()} == {
            "s3://elsewhere/lake/cleaned/plays",
            "s3://elsewhere/lake/dimensions/dim_time",
        }

    def test_two_at_once(self, world, catalog, glue):
        for table in FEW:
            world.lake.ensure(table)
        failed = []

        def register():
            try:
                publish(world, GlueCatalog(database=catalog.database, lake_uri=catalog.lake_uri), FEW, full=True)
            except TargetError as error:
                failed.append(error)

        threads = [threading.Thread(target=register) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert publish(world, catalog, FEW) == {}


class TestOthersTables:
    def foreign(self, glue, database, name, location):
        glue.create_database(DatabaseInput={"Name": database})
        descriptor = {"Location": location, "Columns": [{"Name": "a", "Type": "int"}]}
        glue.create_table(DatabaseName=database, TableInput={"Name": name, "StorageDescriptor": descriptor})

    def test_one_of_another_name_is_left_alone(self, world, catalog, glue):
        self.foreign(glue, catalog.database, "invoices", "s3://somewhere/invoices")
        before = glue.get_table(DatabaseName=catalog.database, Name="invoices")["Table"]
        publish(world, catalog, FEW, full=True)
        assert glue.get_table(DatabaseName=catalog.database, Name="invoices")["Table"] == before

    def test_one_of_our_name_stops_before_anything_is_written(self, world, catalog, glue):
        self.foreign(glue, catalog.database, "plays", "s3://somewhere/theatre")
        with pytest.raises(TargetError, match=r"names that are somebody else's \(plays\); set SPOTIFY_ASSETS_GLUE"):
            publish(world, catalog, FEW, full=True)
        [left] = glue.get_tables(DatabaseName=catalog.database)["TableList"]
        assert left["StorageDescriptor"]["Location"] == "s3://somewhere/theatre"

    def test_a_crawlers_of_our_place_is_put_right(self, world, catalog, glue):
        self.foreign(glue, catalog.database, "plays", catalog.lake_uri + "/cleaned/plays/")
        assert list(publish(world, catalog, FEW)) == [*FEW]
        assert publish(world, catalog, FEW) == {}
