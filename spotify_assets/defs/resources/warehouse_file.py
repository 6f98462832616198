"""The DuckDB file as a resource that imports DuckDB and dagster-duckdb on first use."""

import dagster as dg


def warehouse_file(path: str) -> dg.ResourceDefinition:
    """`WarehouseResource` of the file at a path; runs create it, of assets that you add."""

    @dg.resource(description="dagster-duckdb's DuckDBResource of the DuckDB file, for reading.")
    def warehouse(_: dg.InitResourceContext) -> object:
        from spotify_assets.defs.resources.warehouse import WarehouseResource

        return WarehouseResource(database=path)

    return warehouse
