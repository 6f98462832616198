"""A Spotify lakehouse as Dagster software-defined assets."""
