import pyarrow as pa
import pytest

from spotify_assets.defs.checks.queries import DuckDBQueries, EngineQueries
from spotify_assets.lake.tables import Lake
from spotify_assets.model import TABLES
from spotify_assets.refresh.frames import LakeFrames
from spotify_assets.settings import Settings
from spotify_assets.targets import lake_reader


@pytest.fixture(params=["by DuckDB", "by DuckDB as in S3", "by the engine"])
def queries_of(request, tmp_path, spark, monkeypatch):
    """Writes literal rows of tables, in which columns that are left out are null, and returns queries of them."""

    def write(rows, windows=None):
        lake = Lake(str(tmp_path / "lake"))
        for table, literal in rows.items():
            model = TABLES[table]
            known = pa.Table.from_pylist([dict.fromkeys(model.columns) | row for row in literal], model.arrow_schema)
            layout = [model.layout_column] if model.is_partitioned else None
            lake.write(table, known, mode="overwrite", partition_by=layout)
        spans = {table: (windows or {}).get(table) for table in (*rows, *TABLES)}
        if request.param == "by DuckDB as in S3":
            # Of a table that is too large to be copied.
            monkeypatch.setattr(lake_reader, "parquet_files", lambda *_: None)
        if request.param != "by the engine":
            return DuckDBQueries(lake, spans)
        return EngineQueries(LakeFrames(lake, Settings(lake_uri=lake.uri), lambda: spark), spans)

    return write
