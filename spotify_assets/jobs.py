"""Two jobs: landed files into raw tables, and raw tables into everything else."""

import dagster as dg

RAW = dg.AssetSelection.groups("raw")

read_history = dg.define_asset_job(
    "read_history",
    selection=RAW,
    description="Reads what is new or changed in the landing zone into raw_plays and raw_files.",
)

refresh_tables = dg.define_asset_job(
    "refresh_tables",
    selection=dg.AssetSelection.all() - RAW,
    description="Computes a range of months of plays, and everything that depends on them.",
)
