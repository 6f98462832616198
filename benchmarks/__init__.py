"""How fast this is, and beside what: `python -m benchmarks`, or `make bench`."""
