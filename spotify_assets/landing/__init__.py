"""The landing zone: list, open, copy in, and notifications of a bucket."""
