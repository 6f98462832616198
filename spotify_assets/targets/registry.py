"""The targets that are configured: what is unset is absent."""

from spotify_assets.settings import Settings
from spotify_assets.targets.duckdb_file import Warehouse
from spotify_assets.targets.flat_files import FlatFiles
from spotify_assets.targets.glue import Athena, GlueCatalog
from spotify_assets.targets.mysql import MySQL
from spotify_assets.targets.publishing import Target
from spotify_assets.targets.snowflake import Snowflake


def targets(settings: Settings) -> dict[str, Target]:
    """Every configured target by name. Opens no connection."""
    found: list[Target] = [Warehouse(path=settings.warehouse)]
    if settings.mysql_url.get_secret_value():
        found.append(MySQL(settings=settings))
    if settings.glue_database:
        found.append(catalogue(settings))
    if settings.snowflake_account:
        found.append(Snowflake(settings=settings))
    if settings.export_uri:
        found.append(FlatFiles(uri=settings.export_uri))
    return {target.name: target for target in found}


def catalogue(settings: Settings) -> GlueCatalog:
    """Glue, with Athena to count what is in it where a workgroup is set."""
    place = {"database": settings.glue_database, "lake_uri": settings.lake_uri}
    return Athena(workgroup=settings.athena_workgroup, **place) if settings.athena_workgroup else GlueCatalog(**place)
