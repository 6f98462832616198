"""`python -m spotify_assets` is `spotify-assets`."""

from spotify_assets.cli import main

main()
