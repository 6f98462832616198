"""Benchmarks against other engines: `python -m benchmarks`, or `make bench`."""
