"""Lineage, staleness, planned runs, and reads and writes of the lake's tables by the engine."""
