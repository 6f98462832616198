"""`python -m spotify_assets` is `spotify-assets`."""

from spotify_assets.cli.commands import main

main()
