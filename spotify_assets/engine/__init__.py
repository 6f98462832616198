"""Spark engines: embedded Sail, Apache Spark on this machine, and Spark Connect servers."""
