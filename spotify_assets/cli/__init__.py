"""The `spotify-assets` command, what it prints, and how it runs jobs."""
