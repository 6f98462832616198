"""The configured targets. Modules of others, with their dialects of SQL, are not imported."""

from typing import TYPE_CHECKING

from spotify_assets.settings import Settings
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets.targets.publishing import Target

if TYPE_CHECKING:
    from spotify_assets.targets.glue import GlueCatalog


def targets(settings: Settings) -> dict[str, Target]:
    """Every configured target, by name; opens no connection."""
    configured: list[Target] = [Warehouse(path=settings.warehouse)]
    if settings.mysql_url.get_secret_value():
        from spotify_assets.targets.mysql import MySQL

        configured.append(MySQL(settings=settings))
    if settings.glue_database:
        configured.append(glue_target(settings))
    if settings.snowflake_account:
        from spotify_assets.targets.snowflake import Snowflake

        configured.append(Snowflake(settings=settings))
    if settings.export_uri:
        from spotify_assets.targets.flat_files import FlatFiles

        configured.append(FlatFiles(settings.export_uri, settings.csv_neutralize_formulas))
    return {target.name: target for target in configured}


def glue_target(settings: Settings) -> "GlueCatalog":
    """Glue's catalogue; `Athena`, which can count rows, where a workgroup is set."""
    from spotify_assets.targets.glue import Athena, GlueCatalog

    place = {"database": settings.glue_database, "lake_uri": settings.lake_uri}
    return Athena(workgroup=settings.athena_workgroup, **place) if settings.athena_workgroup else GlueCatalog(**place)
