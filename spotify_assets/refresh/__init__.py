"""What tables are made from, what is stale, and the runs that bring it up to date."""
