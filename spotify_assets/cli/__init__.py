"""The `spotify-assets` command: subcommands, output, and runs of Dagster jobs."""
