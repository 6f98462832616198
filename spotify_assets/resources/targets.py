"""The targets that are configured: what is unset is absent."""

from spotify_assets.publishing import Target
from spotify_assets.resources.warehouse import Warehouse
from spotify_assets.settings import Settings


def targets(settings: Settings) -> dict[str, Target]:
    """Every configured target by name. Opens no connection."""
    found: list[Target] = [Warehouse(path=settings.warehouse)]
    return {target.name: target for target in found}
