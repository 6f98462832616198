"""Sample data, so that everything runs with no account and no network."""
