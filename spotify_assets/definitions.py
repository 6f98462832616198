"""Dagster's entry point: everything that `defs` declares, for the settings of the environment."""

from spotify_assets.defs.definitions import definitions, resources
from spotify_assets.settings import settings

__all__ = ["definitions", "defs", "resources"]

defs = definitions(settings())
